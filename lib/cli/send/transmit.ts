import { generateInWorkers, type Progress, type Rate } from '../../generator/index.js';
import { OFFLOAD_HEADER } from '../../generator/packets/offload.js';
import { checkGenerate, checkStream } from '../../generator/runs/generate-options.js';
import { startRun } from '../../generator/runs/generation.js';
import { streamInWorkers } from '../../generator/workers/workers.js';
import {
  BufferPool,
  PacketSocket,
  TcpSocket,
  UdpSocket,
  XdpSocket,
  type ZeroCopySocket,
} from '../../index.js';
import { UsageError } from '../base/options.js';
import type { Endpoint } from './addresses.js';
import { limitsOf } from './limits.js';
import type { SendOptions } from './options.js';
import type { Order, Prepared, SendReport } from './order.js';
import { startStreams } from './streams.js';

/** Bytes of a frame on the wire that are not in its buffer: preamble, FCS, gap. */
const WIRE = 24;
const USUAL_FRAME = { packet: 2016, xdp: 2048 } as const;
/** Frames of a ring for frames that are cut into segments, which have 64 KB each. */
const LARGE_FRAMES = 64;
const BUFFERS = { udp: 512, tcp: 256, frames: 1024 } as const;

/** The rate as the generator takes it. */
export function rateOf(options: SendOptions): Rate | undefined {
  const { burst, bursts, poisson, seed, packet, xdp, output } = options;
  const rate = options.rate ?? bursts;
  if (rate === undefined) return undefined;
  const frames = packet ?? xdp ?? output;
  const catchUp = options['catch-up'];
  return {
    ...rate,
    ...('bits' in rate && frames !== undefined && { overhead: WIRE }),
    ...(burst !== undefined && { burst }),
    ...(catchUp !== undefined && { catchUp: catchUp * 1e3 }),
    ...(poisson && { arrivals: 'poisson' as const, ...(seed !== undefined && { seed }) }),
  };
}

/** Opens the socket. Workers open sockets of their own when they run. */
export async function prepare(order: Order): Promise<Prepared> {
  if (order.options.workers > 1) return prepareWorkers(order);
  const { options } = order;
  if (order.frames) {
    const spec = ringSpec(order);
    const init = order.traffic.init && { init: order.traffic.init };
    const socket =
      'xdp' in spec
        ? await XdpSocket.open({ ...spec.xdp, ...init })
        : await PacketSocket.open({ ...spec.packet, ...init });
    return prepareRun(order, socket, null);
  }
  if (options.protocol === 'tcp') return prepareStream(order);
  const socket = await UdpSocket.open(udpOptions(order));
  try {
    const train = trainOf(order, socket);
    const pool = new BufferPool({
      count: options.buffers ?? BUFFERS.udp,
      bufferSize: train * order.traffic.longest,
    });
    return prepareRun(order, socket, { pool, train });
  } catch (error) {
    await socket.abort();
    throw error;
  }
}

/** Further options of runs of one sequence: rate and count. */
function runOf(order: Order) {
  const rate = rateOf(order.options);
  const { count } = order.options;
  return {
    ...limitsOf(order),
    ...(rate === undefined ? {} : { rate }),
    ...(count === undefined ? {} : { count }),
    onProgress: (progress: Progress) => order.onProgress(progress, progress.templates ?? null),
  };
}

/** The counts of templates, which the reports of these runs have. */
const templatesOf = (report: SendReport) => ('templates' in report ? report.templates : null);

/**
 * @param own the pool for a socket that has none: the most packets in a buffer, and the number of
 * buffers
 */
function prepareRun(
  order: Order,
  socket: ZeroCopySocket,
  own: { readonly pool: BufferPool; readonly train: number } | null,
): Prepared {
  const { content } = order.traffic;
  const pool = own && { pool: own.pool };
  const common = {
    stats: () => socket.stats(),
    close: () => closeAll(socket, own?.pool ?? null),
  };
  if ('streams' in content)
    return { ...common, ...startStreams(order, content, { socket, ...pool }) };
  const { first } = order.options;
  const options = { socket, ...pool, ...content, share: { first }, ...runOf(order) };
  const check = socket instanceof TcpSocket ? checkStream : checkGenerate;
  return {
    ...common,
    // The buffers of a pool may be larger than was asked for, and have room for more packets.
    run: async () => startRun({ ...check(options), ...(own && { train: own.train }) }),
    partsOf: templatesOf,
  };
}

/**
 * Closes at once: sends that are still in flight after the run has waited for them are given up.
 */
async function closeAll(socket: ZeroCopySocket, pool: BufferPool | null): Promise<void> {
  await (socket.inFlight > 0 ? socket.abort() : socket.close());
  await pool?.close();
}

function prepareWorkers(order: Order): Prepared {
  const { options, traffic, frames } = order;
  // Streams are sent by one thread only.
  const content = traffic.content as Exclude<typeof traffic.content, { streams: unknown }>;
  const { first, workers } = options;
  const run = { ...content, first, workers, ...runOf(order) };
  return {
    run: () =>
      options.protocol === 'tcp' && !frames
        ? streamInWorkers({ ...run, socket: { tcp: tcpOptions(order) } })
        : generateInWorkers({
            ...run,
            socket: frames ? ringSpec(order) : { udp: udpOptions(order) },
          }),
    partsOf: templatesOf,
    stats: () => null,
    close: async () => {},
  };
}

function common(options: SendOptions) {
  const pacing = options['pacing-rate'];
  return {
    zeroCopy: options['zero-copy'],
    ...(pacing === undefined ? {} : { maxPacingRate: pacing }),
  };
}

function udpOptions({ options, remote }: Order) {
  const { source, segment } = options;
  return {
    ...common(options),
    ...(remote === null ? {} : { remote: remoteOf(remote) }),
    ...(source === undefined ? {} : { address: source.address, port: source.port ?? 0 }),
    ...(segment === undefined ? {} : { segmentSize: segment }),
  };
}

function remoteOf(remote: Endpoint | null): { address: string; port: number } {
  return { address: remote?.address ?? '', port: remote?.port ?? 0 };
}

/**
 * Datagrams of a send.
 * @throws UsageError for a `--size` that is no whole number of them, or too many
 */
function trainOf({ options, traffic }: Order, socket: ZeroCopySocket): number {
  const { longest: length } = traffic;
  const { segment, size } = options;
  if (segment === undefined) return 1;
  const most = Math.floor(socket.info().maxSendLength / length);
  const train = size === undefined ? most : size / length;
  if (!Number.isInteger(train) || train > most) {
    throw new UsageError(
      `--size has to be a multiple of --segment, up to ${most * length}; received '${size}'`,
    );
  }
  return train;
}

function ringSpec({ options, traffic }: Order) {
  const { packet, xdp, segment, buffers, queue } = options;
  const { longest: length, offload } = traffic;
  if (xdp !== undefined) {
    const frameSize: 2048 | 4096 = length > USUAL_FRAME.xdp ? 4096 : 2048;
    return { xdp: { interface: xdp, queue, frameSize, frames: buffers ?? BUFFERS.frames } };
  }
  const large = segment !== undefined;
  return {
    packet: {
      interface: packet ?? '',
      frameSize: Math.max(USUAL_FRAME.packet, length + (offload ? 0 : OFFLOAD_HEADER)),
      frames: buffers ?? (large ? LARGE_FRAMES : BUFFERS.frames),
      qdiscBypass: options['qdisc-bypass'],
      virtioNetHeader: offload,
    },
  };
}

/**
 * A TCP stream of equal sends. `generate` refuses a TCP socket, since packets have no borders
 * within a stream; here a stream is what was asked for.
 */
async function prepareStream(order: Order): Promise<Prepared> {
  const { options, traffic, signal } = order;
  const buffers = options.buffers ?? BUFFERS.tcp;
  const socket = await TcpSocket.connect({ ...tcpOptions(order), signal, maxQueuedSends: buffers });
  const pool = new BufferPool({ count: buffers, bufferSize: traffic.longest });
  return prepareRun(order, socket, { pool, train: 1 });
}

function tcpOptions({ options, remote }: Order) {
  const { address: host, port } = remoteOf(remote);
  return { ...common(options), host, port };
}
