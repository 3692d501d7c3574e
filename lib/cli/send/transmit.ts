import {
  type GenerateReport,
  generateInWorkers,
  type Progress,
  type Rate,
  type WorkersReport,
} from '../../generator/index.js';
import { checkGenerate, checkStream } from '../../generator/runs/generate-options.js';
import { startRun } from '../../generator/runs/generation.js';
import { streamInWorkers } from '../../generator/workers/workers.js';
import {
  BufferPool,
  PacketSocket,
  type SocketStats,
  TcpSocket,
  UdpSocket,
  XdpSocket,
  type ZeroCopySocket,
} from '../../index.js';
import { UsageError } from '../base/options.js';
import type { Endpoint } from './addresses.js';
import type { SendOptions } from './options.js';
import type { Packets } from './packet.js';

/** Milliseconds between two looks at a run. */
const LOOK = 100;
/** Bytes of a frame on the wire that are not in its buffer: preamble, FCS, gap. */
const WIRE = 24;
const OFFLOAD_HEADER = 10;
const USUAL_FRAME = { packet: 2016, xdp: 2048 } as const;
/** Frames of a ring of such that are cut into segments: of 64 KB each. */
const LARGE_FRAMES = 64;
const BUFFERS = { udp: 512, tcp: 256, frames: 1024 } as const;

/** What is to be sent, and how. */
export interface Order {
  readonly options: SendOptions;
  readonly packets: Packets;
  /** of a socket; null: frames say themselves where they go */
  readonly remote: Endpoint | null;
  readonly signal: AbortSignal;
  readonly onProgress: (progress: Progress) => void;
}

/** A run that can begin: all that it needs of the system is there. */
export interface Prepared {
  run(): Promise<GenerateReport | WorkersReport>;
  /** The counters of the socket; null: those of workers are in their threads. */
  stats(): SocketStats | null;
  close(): Promise<void>;
}

/** The rate as the generator takes it. */
export function rateOf({ rate, burst, packet, xdp, output }: SendOptions): Rate | undefined {
  if (rate === undefined) return undefined;
  const frames = packet ?? xdp ?? output;
  const more = burst === undefined ? {} : { burst };
  return { ...rate, ...('bits' in rate && frames !== undefined && { overhead: WIRE }), ...more };
}

/** Opens what is sent through. Workers open their sockets by themselves, when they run. */
export async function prepare(order: Order): Promise<Prepared> {
  if (order.options.workers > 1) return prepareWorkers(order);
  const { options } = order;
  if (order.remote === null) {
    const spec = ringSpec(order);
    const init = order.packets.sequence.init;
    const socket =
      'xdp' in spec
        ? await XdpSocket.open({ ...spec.xdp, init })
        : await PacketSocket.open({ ...spec.packet, init });
    return prepareRun(order, socket, null);
  }
  if (options.protocol === 'tcp') return prepareStream(order);
  const socket = await UdpSocket.open(udpOptions(order));
  try {
    const train = trainOf(order, socket);
    const { length } = order.packets.sequence;
    const pool = new BufferPool({
      count: options.buffers ?? BUFFERS.udp,
      bufferSize: train * length,
    });
    return prepareRun(order, socket, { pool, train });
  } catch (error) {
    await socket.abort();
    throw error;
  }
}

function limitsOf({ options, signal, onProgress }: Order) {
  const rate = rateOf(options);
  const { count, seconds } = options;
  return {
    ...(rate === undefined ? {} : { rate }),
    ...(count === undefined ? {} : { count }),
    ...(seconds === undefined ? {} : { seconds }),
    signal,
    onProgress,
    progressInterval: LOOK,
  };
}

/** @param own what a socket that has no pool sends from: packets of a buffer, at most, and buffers */
function prepareRun(
  order: Order,
  socket: ZeroCopySocket,
  own: { readonly pool: BufferPool; readonly train: number } | null,
): Prepared {
  const { made: template, fields } = order.packets;
  const pool = own && { pool: own.pool };
  const options = { socket, ...pool, template, fields, ...limitsOf(order) };
  const check = socket instanceof TcpSocket ? checkStream : checkGenerate;
  return {
    // The buffers of a pool may be larger than was asked for, and hold more packets.
    run: async () => startRun({ ...check(options), ...(own && { train: own.train }) }),
    stats: () => socket.stats(),
    close: () => closeAll(socket, own?.pool ?? null),
  };
}

/** What is in flight after a run has waited for it is given up, rather than waited for again. */
async function closeAll(socket: ZeroCopySocket, pool: BufferPool | null): Promise<void> {
  await (socket.inFlight > 0 ? socket.abort() : socket.close());
  await pool?.close();
}

function prepareWorkers(order: Order): Prepared {
  const { options, packets, remote } = order;
  const { description: template, fields } = packets;
  const run = { template, fields, workers: options.workers, ...limitsOf(order) };
  const frames = remote === null;
  return {
    run: () =>
      options.protocol === 'tcp' && !frames
        ? streamInWorkers({ ...run, socket: { tcp: tcpOptions(order) } })
        : generateInWorkers({
            ...run,
            socket: frames ? ringSpec(order) : { udp: udpOptions(order) },
          }),
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
    remote: remoteOf(remote),
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
function trainOf({ options, packets }: Order, socket: ZeroCopySocket): number {
  const { length } = packets.sequence;
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

function ringSpec({ options, packets }: Order) {
  const { packet, xdp, segment, buffers, queue } = options;
  const { length } = packets.sequence;
  const offload = packets.made.offsets.offload >= 0;
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
 * A TCP stream of equal sends. `generate` refuses a TCP socket for its packets, since the borders between
 * them are lost in a stream; here that is what was asked for.
 */
async function prepareStream(order: Order): Promise<Prepared> {
  const { options, packets, signal } = order;
  const buffers = options.buffers ?? BUFFERS.tcp;
  const socket = await TcpSocket.connect({ ...tcpOptions(order), signal, maxQueuedSends: buffers });
  const pool = new BufferPool({ count: buffers, bufferSize: packets.sequence.length });
  return prepareRun(order, socket, { pool, train: 1 });
}

function tcpOptions({ options, remote }: Order) {
  const { address: host, port } = remoteOf(remote);
  return { ...common(options), host, port };
}
