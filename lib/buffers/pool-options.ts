import { invalidArgument, outOfRange } from '../base/errors.js';
import {
  checkBoolean,
  checkInteger,
  checkOneOf,
  checkSignal,
  readOptions,
} from '../base/validate.js';
import { HUGE_PAGES } from './slab.js';

/** Options of {@link BufferPool}. */
export interface BufferPoolOptions {
  /** Size of one buffer in bytes, rounded up to a page (4096). 1 to 1 GiB; default 65536. */
  bufferSize?: number | undefined;
  /** Number of buffers. 1 to 1,048,576; default 256. */
  count?: number | undefined;
  /**
   * Pages of the slab: `'transparent'` asks for huge pages and takes what comes (madvise(2)
   * MADV_HUGEPAGE), `'explicit'` wants reserved ones (MAP_HUGETLB) and throws where there are too
   * few, `'none'` refuses them. Default `'transparent'`.
   *
   * A reserved huge page can only be replaced as a whole. So a buffer of less than 2 MiB that is
   * given up is retired, unless its neighbours in the page are given up too.
   */
  hugePages?: 'transparent' | 'explicit' | 'none' | undefined;
  /** Called once for each buffer, to write a template into it. */
  init?: ((bytes: Buffer, index: number) => void) | undefined;
  /**
   * For debugging: reports writes to buffers in flight, the use of stale handles and forgotten
   * buffers, with the stack of the call that acquired the buffer. Slow. Default false.
   */
  verify?: boolean | undefined;
  /**
   * Measures from the beginning how long sends of its buffers take to complete, for
   * `stats().completionLatency`. Without it, measuring begins with the first call of `stats()`.
   * Default false.
   */
  measureLatency?: boolean | undefined;
}

const POOL_OPTIONS = [
  'bufferSize',
  'count',
  'hugePages',
  'init',
  'verify',
  'measureLatency',
] as const satisfies readonly (keyof BufferPoolOptions)[];

/** Options of {@link BufferPool.acquire} and {@link BufferPool.acquireRun}. */
export interface AcquireOptions {
  /** Gives up waiting: the call rejects with the signal's reason. Default: waits without end. */
  signal?: AbortSignal | undefined;
  /** Which of the pending calls is served first: any finite number, higher first; default 0. */
  priority?: number | undefined;
}

/** Options of {@link BufferPool.share}. */
export interface PoolShareOptions {
  /** Buffers that the share may have out at once, acquired or in flight: 1 to the pool's `count`. */
  limit: number;
}

/**
 * Checks the options of a pool, and fills in the defaults.
 * @throws RangeError `ERR_ZEROSEND_OUT_OF_RANGE`, TypeError `ERR_ZEROSEND_INVALID_ARGUMENT`
 */
export function checkPoolOptions(options: BufferPoolOptions) {
  const given = readOptions('options', options, POOL_OPTIONS);
  const { bufferSize = 65536, count = 256, hugePages = 'transparent', init } = given;
  checkInteger('options.bufferSize', bufferSize, 1, 2 ** 30);
  checkInteger('options.count', count, 1, 2 ** 20);
  checkOneOf('options.hugePages', hugePages, HUGE_PAGES);
  if (init !== undefined && typeof init !== 'function') {
    throw invalidArgument('options.init', 'a function', init);
  }
  const verify = checkBoolean('options.verify', given.verify);
  const measureLatency = checkBoolean('options.measureLatency', given.measureLatency);
  return { bufferSize, count, hugePages, init, verify, measureLatency };
}

const AT_ONCE = { signal: undefined, priority: 0 };

/** Checks the options of `acquire` and `acquireRun`. */
export function checkAcquire(options: AcquireOptions | undefined): {
  signal: AbortSignal | undefined;
  priority: number;
} {
  if (options === undefined) return AT_ONCE;
  const given = readOptions('options', options, ['signal', 'priority']);
  const signal = checkSignal(given.signal);
  const { priority = 0 } = given;
  if (typeof priority !== 'number') throw invalidArgument('options.priority', 'a number', priority);
  // Two of Infinity cannot be compared by their difference, and would be served in any order.
  if (!Number.isFinite(priority)) throw outOfRange('options.priority', 'a finite number', priority);
  return { signal, priority };
}

/** Checks the options of a share of a pool with `count` buffers. Returns the limit. */
export function checkShare(options: PoolShareOptions, count: number): number {
  const { limit } = readOptions('options', options, ['limit']);
  return checkInteger('options.limit', limit, 1, count);
}
