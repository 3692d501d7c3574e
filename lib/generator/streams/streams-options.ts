import { isIPv6 } from 'node:net';
import { checkInteger, checkOneOf } from '../../base/validate.js';
import type { BufferPool, PoolShare, ZeroCopySocket } from '../../index.js';
import { UdpSocket } from '../../index.js';
import { checkPrecision, type Precision } from '../base/sleeper.js';
import { checkKeys, checkPositive } from '../base/validate.js';
import { OFFLOAD_HEADER } from '../packets/offload.js';
import { choosePool } from '../runs/choose-pool.js';
import type { Progress } from '../runs/meter.js';
import { checkObserved, checkSocket, type Observed, type OnError } from '../runs/run-options.js';
import type { Outlet } from './stream-options.js';

/** How streams are doing, all together. */
export interface StreamsProgress extends Omit<Progress, 'templates' | 'rateError'> {
  /** Streams that are there now. */
  streams: number;
  /** Packets that were refused, and left out (`onError`). */
  refused: number;
}

/** What streams are sent through, and how. */
export interface StreamsOptions {
  /** An open UDP, packet or XDP socket. It stays open. */
  socket: ZeroCopySocket;
  /**
   * For a UDP socket, where buffers come from; default a pool of its own, of 512 buffers of 2048 bytes. Of a
   * pool that others use as well, a share: each packet is laid anew then, as a buffer may have been written
   * to by others.
   */
  pool?: BufferPool | PoolShare;
  /** How it waits for what is due; default `'sleep'`. */
  precision?: Precision;
  /**
   * Microseconds, 0 to 10000: packets that are due within so long go together, none of them before it is
   * due. A larger one costs less, and more jitter. Default 100.
   */
  slice?: number;
  /** Packets handed over at once, 1 to 1024; default 256. */
  batch?: number;
  /** Ends all after so many seconds; default never. */
  seconds?: number;
  /** Ends all, which then report. */
  signal?: AbortSignal;
  /** As of `generate`; it is asked about each packet that is refused, and the others are sent. */
  onError?: OnError;
  /** Called while they run; an error that it throws ends them all. */
  onProgress?: (progress: StreamsProgress) => void;
  /** Milliseconds between two calls of `onProgress`; default 1000. */
  progressInterval?: number;
}

const KEYS = [
  'socket',
  'pool',
  'precision',
  'slice',
  'batch',
  'seconds',
  'signal',
  'onError',
  'onProgress',
  'progressInterval',
] as const satisfies readonly (keyof StreamsOptions)[];

const DEFAULT_SLICE = 100;
const DEFAULT_BATCH = 256;

/** Options that hold. */
export interface CheckedStreams extends Observed<(progress: StreamsProgress) => void> {
  outlet: Outlet;
  ownPool: BufferPool | null;
  precision: Precision;
  /** ms */
  slice: number;
  batch: number;
  seconds: number;
  onError: OnError;
}

/** @param address the own one; undefined of a socket that is closed, which sends nothing any more */
const familyOf = (address = '') => (isIPv6(address) ? 6 : 4);

/** @throws TypeError `ERR_ZEROSEND_INVALID_ARGUMENT`; RangeError `ERR_ZEROSEND_OUT_OF_RANGE` */
export function checkStreams(options: StreamsOptions): CheckedStreams {
  checkKeys('options', options, KEYS);
  const { slice = DEFAULT_SLICE, batch = DEFAULT_BATCH, seconds, onError = 'stop' } = options;
  const socket = checkSocket(options.socket);
  checkInteger('options.slice', slice, 0, 10_000);
  checkInteger('options.batch', batch, 1, 1024);
  if (seconds !== undefined) checkPositive('options.seconds', seconds);
  if (typeof onError !== 'function') checkOneOf('options.onError', onError, ['stop', 'skip']);
  const precision = checkPrecision(options.precision);
  const observed = checkObserved<(progress: StreamsProgress) => void>(options);
  const { pool, ownPool } = choosePool(socket, options.pool, 1, 'streams');
  const { local, remote, maxSendLength, virtioNetHeader } = socket.info();
  return {
    outlet: {
      socket,
      pool,
      family: socket instanceof UdpSocket && !remote ? familyOf(local?.address) : null,
      header: virtioNetHeader === true ? OFFLOAD_HEADER : 0,
      longest: Math.min(pool.bufferSize, maxSendLength),
    },
    ownPool,
    precision,
    slice: slice / 1000,
    batch,
    seconds: seconds ?? Number.POSITIVE_INFINITY,
    onError,
    ...observed,
  };
}
