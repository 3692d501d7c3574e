import { invalidArgument } from '../../base/errors.js';
import { checkInteger, checkOneOf, checkSignal } from '../../base/validate.js';
import { TcpSocket, ZeroCopySocket } from '../../index.js';
import { checkFunction, checkPositive } from '../base/validate.js';
import { checkRate } from '../pace/rate.js';

const DEFAULT_INTERVAL_MS = 1000;

/** How a run is stopped from outside, and who hears of its progress. `F` is what is called. */
export interface Observed<F> {
  signal: AbortSignal | undefined;
  onProgress: F | undefined;
  /** ms between two calls */
  progressInterval: number;
}

/** What is done about packets that were refused; `error` is why, `packets` how many. */
export type OnError = 'stop' | 'skip' | ((error: Error, packets: number) => 'stop' | 'skip');

/** @throws TypeError `ERR_ZEROSEND_INVALID_ARGUMENT` */
export function checkOnError(value: unknown): void {
  if (typeof value !== 'function') checkOneOf('options.onError', value, ['stop', 'skip']);
}

/** Throws why packets were refused, unless they are to be left out. A socket that is closed refuses all. */
export function skipOrThrow(onError: OnError, error: unknown, packets: number): void {
  const { code } = error as { code?: unknown };
  if (code === 'ERR_ZEROSEND_SOCKET_CLOSED' || !(error instanceof Error)) throw error;
  const what = typeof onError === 'function' ? onError(error, packets) : onError;
  if (what !== 'skip') throw error;
}

/** Checks what {@link Observed} holds. */
export function checkObserved<F>(options: Partial<Observed<F>>): Observed<F> {
  const { progressInterval = DEFAULT_INTERVAL_MS } = options;
  return {
    signal: checkSignal(options.signal),
    onProgress: checkFunction('options.onProgress', options.onProgress),
    progressInterval: checkInteger('options.progressInterval', progressInterval, 10, 2 ** 31 - 1),
  };
}

/**
 * Checks how fast a run sends, and where it ends.
 * @param bytes of each packet, for a rate in bits
 * @param least packets that `count` has to be: one for each worker
 */
export function checkLimits(
  { rate, count, seconds }: { rate?: unknown; count?: unknown; seconds?: unknown },
  bytes: number,
  least = 1,
): void {
  if (rate !== undefined) checkRate('options.rate', rate, bytes);
  if (count !== undefined) checkInteger('options.count', count, least, Number.MAX_SAFE_INTEGER);
  if (seconds !== undefined) checkPositive('options.seconds', seconds);
}

/**
 * Checks that a socket sends packets; a TCP stream does not.
 * @throws TypeError `ERR_ZEROSEND_INVALID_ARGUMENT`
 */
export function checkSocket(socket: unknown): ZeroCopySocket {
  if (!(socket instanceof ZeroCopySocket) || socket instanceof TcpSocket) {
    throw invalidArgument('options.socket', 'a UdpSocket, PacketSocket or XdpSocket', socket);
  }
  return socket;
}

/**
 * Checks that packets have an offload header if and only if the socket reads one: it would read the
 * first 10 bytes of each frame as one, and any other socket would send them.
 * @throws TypeError `ERR_ZEROSEND_INVALID_ARGUMENT`
 */
export function checkOffloadHeader(socket: ZeroCopySocket, name: string, there: boolean): void {
  const wanted = socket.info().virtioNetHeader === true;
  if (there === wanted) return;
  throw invalidArgument(name, `${wanted}, as the socket was opened`, there);
}
