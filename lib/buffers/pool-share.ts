import { MAX_REQUESTS } from '../addon/addon.js';
import { illegalConstructor } from '../base/errors.js';
import { eventLoop } from '../base/event-loop.js';
import { showAs } from '../base/inspection.js';
import { checkInteger } from '../base/validate.js';
import type { BufferPool } from './buffer-pool.js';
import type { BufferRun } from './buffer-run.js';
import type { AcquireOptions } from './pool-options.js';
import type { PoolShareStats } from './pool-stats.js';
import { type PooledBuffer, slotOf } from './pooled-buffer.js';
import { Share } from './share.js';

export type { PoolShareOptions } from './pool-options.js';
export type { PoolShareStats } from './pool-stats.js';

/**
 * A view of a pool for one of its users, with a limit and a waiting line of its own over the same
 * memory. A connection that has stalled keeps no more buffers than the limit of its share, so that
 * others can go on with the rest.
 *
 * The limit is a bound, not a reservation: the limits of all shares together may exceed the pool.
 * Below its limit, a share waits with all others for the next free buffer, by priority, then in
 * order. The buffers belong to the pool: any socket can send them, and they go back to it.
 * @example
 * ```js
 * import { BufferPool, TcpSocket } from 'zerosend';
 *
 * const pool = new BufferPool({ bufferSize: 65536, count: 16 });
 * const pushes = [1, 2, 3].map(async () => {
 *   const socket = await TcpSocket.connect({ host: '198.18.0.2', port: 9 });
 *   const share = pool.share({ limit: 5 }); // one that does not read keeps 5, and the others have 11
 *   for (let sent = 0; sent < 100; sent++) socket.send(await share.acquire(), 65536);
 *   console.log(await socket.close(), share.stats());
 *   await share.close();
 * });
 * await Promise.all(pushes);
 * await pool.close();
 * ```
 */
export class PoolShare {
  /** The pool whose buffers it hands out. */
  readonly pool: BufferPool;
  /** Buffers that it may have out at once: the option. */
  readonly limit: number;
  /** Bytes of one buffer, as of the pool. */
  readonly bufferSize: number;
  readonly #share: Share;

  static {
    showAs(PoolShare, (share) => share.#facts());
  }

  /** Only a pool makes shares: these types keep other code from calling `new`. */
  constructor(madeByItsPool: never, ...alone: never[]);
  /** @internal */
  constructor(pool: BufferPool, share: Share);
  constructor(pool: BufferPool, share: Share) {
    if (!(share instanceof Share)) throw illegalConstructor('a PoolShare', 'pool.share(options)');
    this.pool = pool;
    this.limit = share.limit;
    this.bufferSize = pool.bufferSize;
    this.#share = share;
  }

  /** Buffers that it has out: with a user, or in flight. */
  get used(): number {
    return this.#share.used;
  }

  /** Buffers that can be acquired through it now. */
  get free(): number {
    return this.#share.free;
  }

  /**
   * A free buffer, or null where the pool has none or the limit is reached. Takes completions in
   * first, as {@link BufferPool.tryAcquire} does.
   * @throws Error `ERR_ZEROSEND_POOL_CLOSED` when the share or its pool is closed
   */
  tryAcquire(): PooledBuffer | null {
    const buffer = this.#share.tryTake(this.tryAcquire, 1);
    if (buffer !== null) slotOf(buffer).leases = 1;
    return buffer;
  }

  /**
   * A buffer, as soon as the share is below its limit and the pool has one: as {@link BufferPool.acquire}.
   * @throws Error `ERR_ZEROSEND_POOL_CLOSED` now or when the share or the pool is closed while waiting;
   * the signal's reason when it is aborted
   */
  async acquire(options?: AcquireOptions): Promise<PooledBuffer> {
    const buffer = await this.#share.wait(options, this.acquire);
    if (eventLoop.isDue()) await eventLoop.turn();
    slotOf(buffer).leases = 1;
    return buffer;
  }

  /**
   * Free buffers that lie in a row, up to `most` and to the limit: as {@link BufferPool.tryAcquireRun}.
   * @param most 1 to 1024
   * @throws RangeError `ERR_ZEROSEND_OUT_OF_RANGE`, Error `ERR_ZEROSEND_POOL_CLOSED`
   */
  tryAcquireRun(most: number): BufferRun | null {
    checkInteger('most', most, 1, MAX_REQUESTS);
    this.#share.lender.handles.prepareRuns();
    const buffer = this.#share.tryTake(this.tryAcquireRun, most);
    return buffer === null ? null : this.#share.runFrom(buffer, most);
  }

  /**
   * As {@link PoolShare.tryAcquireRun}, as soon as the share is below its limit and a buffer is
   * free: see {@link BufferPool.acquireRun}.
   * @throws as {@link PoolShare.tryAcquireRun} and {@link PoolShare.acquire}
   */
  async acquireRun(most: number, options?: AcquireOptions): Promise<BufferRun> {
    checkInteger('most', most, 1, MAX_REQUESTS);
    this.#share.lender.handles.prepareRuns();
    const buffer = await this.#share.wait(options, this.acquireRun);
    if (eventLoop.isDue()) await eventLoop.turn();
    return this.#share.runFrom(buffer, most);
  }

  /** A snapshot of the counts. */
  stats(): PoolShareStats {
    return this.#share.stats;
  }

  /**
   * Hands out no more buffers and rejects pending calls of `acquire`. Resolves when all buffers
   * that it has out are back. The pool stays open. A second call returns the same promise.
   */
  close(): Promise<void> {
    return this.#share.close();
  }

  /** Closes, as at the end of a block with `await using`. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #facts(): object {
    const { limit, used, waiting } = this.#share.stats;
    const { isClosed } = this.#share;
    return { limit, used, ...(waiting > 0 && { waiting }), ...(isClosed && { closed: true }) };
  }
}
