import { invalidArgument } from '../../base/errors.js';
import { checkInteger } from '../../base/validate.js';
import {
  type BufferPool,
  PacketSocket,
  type PoolShare,
  XdpSocket,
  type ZeroCopySocket,
} from '../../index.js';
import { rangeError } from '../base/errors.js';
import { checkPrecision, type Precision } from '../base/sleeper.js';
import { checkKeys } from '../base/validate.js';
import type { AnyField } from '../fields/fields.js';
import { compile, type PacketSequence, type Share } from '../fields/sequence.js';
import type { PacerOptions } from '../pace/pacer.js';
import type { Rate } from '../pace/rate.js';
import type { PacketDescription } from '../packets/description.js';
import { OFFLOAD_HEADER } from '../packets/offload.js';
import { Template, template } from '../packets/template.js';
import { choosePool, type RunPool } from './choose-pool.js';
import type { Progress } from './meter.js';
import { checkMix, checkOneContent, type MixOrder, type MixPart } from './mix.js';
import { MixedRuns } from './mixed-runs.js';
import {
  checkLimits,
  checkObserved,
  checkOffloadHeader,
  checkOnError,
  checkSocket,
  type Observed,
  type OnError,
} from './run-options.js';
import type { Fill } from './transmitter.js';

const DEFAULT_BATCH = 64;
/** Of frames: a run costs what it costs, however long it is. The kernel hears of each 64 anyway. */
const DEFAULT_RUN = 256;
const LARGEST_BATCH = 1024; // of sendMany

/** What {@link generate} sends, where, how fast and how long. */
export interface GenerateOptions {
  /** An open UDP socket with a remote, packet or XDP socket. It stays open. */
  socket: ZeroCopySocket;
  /**
   * For a UDP socket, where buffers come from; default a pool of its own. Of a pool that others use as well,
   * a share: each packet is laid anew then, as a buffer may have been written to by others.
   */
  pool?: BufferPool | PoolShare;
  /**
   * A packet as the socket takes it: for a UDP socket the payload of a datagram, else a frame. On a
   * UDP socket with `segmentSize`, which must be the length of the template, a send is a train of
   * packets.
   */
  template?: Template | PacketDescription;
  /** What changes from packet to packet; default nothing. */
  fields?: readonly AnyField[];
  /**
   * Several kinds of packets in place of `template` and `fields`, with exact shares; not on a UDP socket
   * with `segmentSize`.
   */
  mix?: readonly MixPart[];
  /** How the kinds of a mix follow each other; default `'interleaved'`. */
  mixOrder?: MixOrder;
  /**
   * Writes packets of your own in place of `template` or `mix`: is called with runs of buffers when they are
   * due, and returns their lengths. Pacing, waiting for buffers, turns of the event loop and the report
   * stay as they are. Not on a UDP socket with `segmentSize`.
   */
  fill?: Fill;
  /** Mean bytes of a packet that `fill` writes, 1 to 1048576: needed for a rate in bits. */
  packetBytes?: number;
  /** Which packets; default all. Of a mix with a `stride`, each share has all kinds in their shares. */
  share?: Share;
  /** Default: as fast as the socket takes them. */
  rate?: Rate;
  /** How it waits for what is due; default `'sleep'`. */
  precision?: Precision;
  /**
   * What a call is followed by that the socket or the kernel has refused, of up to `batch` packets: the end
   * of the run (`'stop'`, the default), or the next packets (`'skip'`), with a count of those that were not
   * sent (`refused`). A function says which of both. A socket that has failed or is closed ends the run in
   * any case.
   */
  onError?: OnError;
  /** Ends after so many packets; default never. */
  count?: number;
  /** Ends after so many seconds; default never. */
  seconds?: number;
  /** Sends handed over at once, 1 to 1024; default 64, of frames 256. */
  batch?: number;
  /** Ends the run, which then reports. */
  signal?: AbortSignal;
  /** Called while it runs; an error that it throws ends the run. */
  onProgress?: (progress: Progress) => void;
  /** Milliseconds between two calls of `onProgress`; default 1000. */
  progressInterval?: number;
  /** When to begin, in ms of `performance.now()`; default now. */
  startAt?: number;
}

const KEYS = [
  'socket',
  'pool',
  'template',
  'fields',
  'mix',
  'mixOrder',
  'fill',
  'packetBytes',
  'share',
  'rate',
  'precision',
  'onError',
  'count',
  'seconds',
  'batch',
  'signal',
  'onProgress',
  'progressInterval',
  'startAt',
] as const satisfies readonly (keyof GenerateOptions)[];

/** Options that hold, with their defaults. */
export interface CheckedGenerate extends Observed<(progress: Progress) => void> {
  socket: ZeroCopySocket;
  pool: RunPool;
  ownPool: BufferPool | null;
  packets: PacketSequence | MixedRuns | Fill;
  /** which packets, of what takes the place of the template */
  share: Share;
  /** without the offload header; where they differ the mean */
  packetBytes: number;
  /** packets in a buffer */
  train: number;
  rate: Rate | null;
  pacer: PacerOptions;
  onError: OnError;
  count: number;
  seconds: number;
  batch: number;
  startAt: number | undefined;
}

/**
 * Checks the options of {@link generate}, compiles the packets, and makes a pool where none is given.
 * @throws TypeError `ERR_ZEROSEND_INVALID_ARGUMENT`; RangeError `ERR_ZEROSEND_OUT_OF_RANGE`,
 * `ERR_ZEROSEND_FRAME_TOO_LONG`; and what `template` and `compile` throw
 */
export function checkGenerate(options: GenerateOptions): CheckedGenerate {
  checkKeys('options', options, KEYS);
  checkSocket(options.socket);
  return checkStream(options);
}

/**
 * As {@link checkGenerate}, for any socket: the packets of a TCP socket are the sends of a stream, in
 * which nobody can tell them apart, so that has to be what is wanted.
 */
export function checkStream(options: GenerateOptions): CheckedGenerate {
  const { socket } = options;
  const { packets, longest, differ, offload, packetBytes } = packetsOf(options);
  const { rate, count, seconds, startAt, onError = 'stop', share = {} } = options;
  const ring = isRing(socket);
  const { batch = ring ? DEFAULT_RUN : DEFAULT_BATCH } = options;
  checkLimits(options, packetBytes);
  checkInteger('options.batch', batch, 1, LARGEST_BATCH);
  const observed = checkObserved(options);
  if (startAt !== undefined && !Number.isFinite(startAt)) {
    throw invalidArgument('options.startAt', 'a time of performance.now()', startAt);
  }
  checkOnError(onError);
  const precision = checkPrecision(options.precision);
  checkPackets(socket, offload, longest);
  return {
    socket,
    ...choosePool(socket, options.pool, longest, differ),
    packets,
    share,
    packetBytes,
    rate: rate ?? null,
    pacer: { bytes: packetBytes, precision },
    onError,
    count: count ?? Number.POSITIVE_INFINITY,
    seconds: seconds ?? Number.POSITIVE_INFINITY,
    batch,
    ...observed,
    startAt,
  };
}

const isRing = (socket: ZeroCopySocket) =>
  socket instanceof PacketSocket || socket instanceof XdpSocket;

/** Checks packets that are to take the place of those of a run. @throws as {@link checkGenerate} */
export function checkReplacement(
  { socket, pool, share }: CheckedGenerate,
  template: Template | PacketDescription,
  fields: readonly AnyField[] | undefined,
): Pick<CheckedGenerate, 'packets' | 'packetBytes' | 'train'> {
  const { packets, longest, differ, offload, packetBytes } = packetsOf({
    socket,
    template,
    ...(fields && { fields }),
    share,
  });
  checkPackets(socket, offload, longest);
  const { train } = choosePool(socket, pool, longest, differ);
  return { packets, packetBytes, train };
}

/** Those that a template does not make are one by one. */
function checkFill({ template: given, fields, mix, fill, packetBytes = 0, rate }: GenerateOptions) {
  if (given !== undefined || fields !== undefined || mix !== undefined) {
    throw invalidArgument('options', 'one with either template, mix or fill', { fill });
  }
  if (typeof fill !== 'function') throw invalidArgument('options.fill', 'a function', fill);
  if (packetBytes !== 0 || (typeof rate === 'object' && rate !== null && 'bits' in rate)) {
    checkInteger('options.packetBytes', packetBytes, 1, 2 ** 20);
  }
  return { packets: fill, longest: 1, differ: 'a function', offload: null, packetBytes };
}

/** What is sent: packets of one template, or of several, or what a function writes. */
function packetsOf(options: GenerateOptions): {
  packets: CheckedGenerate['packets'];
  longest: number;
  /** what it is whose packets are of several lengths, or may be */
  differ: string | null;
  /** null: not known */
  offload: boolean | null;
  packetBytes: number;
} {
  const { template: given, fields, mix, mixOrder, share } = options;
  checkOneContent(options);
  if (options.fill !== undefined) return checkFill(options);
  if (options.packetBytes !== undefined) {
    throw invalidArgument('options.packetBytes', 'with fill only', options.packetBytes);
  }
  if (mix !== undefined) {
    const parts = checkMix(mix, mixOrder, share);
    const packets = new MixedRuns(parts);
    const { longest, meanBytes: packetBytes } = parts;
    const offload = parts.offload > 0;
    return { packets, longest, differ: 'a mix', offload, packetBytes };
  }
  const made = given instanceof Template ? given : template(given as PacketDescription);
  const packets = compile(made, fields, share);
  const offload = made.offsets.offload >= 0;
  const packetBytes = packets.meanLength - (offload ? OFFLOAD_HEADER : 0);
  const differ = packets._differ ? 'packets of several lengths' : null;
  return { packets, longest: packets.length, differ, offload, packetBytes };
}

function checkPackets(socket: ZeroCopySocket, offload: boolean | null, length: number): void {
  if (offload !== null) checkOffloadHeader(socket, 'options.template.virtioNetHeader', offload);
  const { maxSendLength } = socket.info();
  if (length <= maxSendLength) return;
  throw rangeError(
    'ERR_ZEROSEND_FRAME_TOO_LONG',
    `a packet of ${length} bytes is longer than the ${maxSendLength} that the socket sends`,
  );
}
