import { MAX_REQUESTS } from '../addon/addon.js';
import { eventLoop } from '../base/event-loop.js';
import { showAs } from '../base/inspection.js';
import { checkInteger } from '../base/validate.js';
import type { BufferRun } from './buffer-run.js';
import { closed, Lender } from './lender.js';
import { markPooled } from './plain-array.js';
import { PoolMemory } from './pool-memory.js';
import { type AcquireOptions, type BufferPoolOptions, checkPoolOptions } from './pool-options.js';
import { PoolShare, type PoolShareOptions } from './pool-share.js';
import { type BufferPoolStats, poolFacts, readPoolStats } from './pool-stats.js';
import { type PooledBuffer, slotOf as slotOfBuffer } from './pooled-buffer.js';
import { Share } from './share.js';
import { mapSlab, type SlabMemory } from './slab.js';
import type { SlotOrder } from './slot-order.js';
import { stackOfCaller } from './verifier.js';

export type { BufferPoolOptions } from './pool-options.js';
export type { BufferPoolStats } from './pool-stats.js';

const PAGE = 4096;
// TurboFan folds constants of this module; an imported binding is loaded at each use.
const slotOf = slotOfBuffer;

/** The internal object behind a pool. */
export let memoryOf: (pool: BufferPool) => PoolMemory;

/** How many calls of `acquire` are pending on a pool. */
export let waitingOf: (pool: BufferPool) => number;

/**
 * Fixed-size buffers in one memory mapping, handed out and taken back. A buffer that is sent comes
 * back by itself when nothing can read it any more; a pool that has run dry is the backpressure.
 *
 * The memory is one mmap(2) outside of the JavaScript heap. It stays mapped until the pool, the last
 * view on it and the last send in flight are gone.
 * @example
 * ```js
 * import { BufferPool, UdpSocket } from 'zerosend';
 *
 * const pool = new BufferPool({ bufferSize: 65536, count: 64 });
 * const socket = await UdpSocket.open({ remote: { address: '198.18.0.9', port: 9 }, segmentSize: 1400 });
 * for (let sent = 0; sent < 1000; sent++) {
 *   const buffer = await pool.acquire(); // waits while all 64 are in flight
 *   buffer.bytes.writeUInt32BE(sent);
 *   socket.send(buffer, 64_400);
 * }
 * await socket.close();
 * console.log(pool.stats()); // all of them are free again
 * await pool.close();
 * ```
 */
export class BufferPool {
  /** Bytes of one buffer: the option, rounded up to whole pages of 4096 bytes. */
  readonly bufferSize: number;
  /** Buffers of the pool: the option. */
  readonly count: number;
  readonly #memory: PoolMemory;
  readonly #lender: Lender;

  static {
    memoryOf = (pool) => pool.#memory;
    showAs(BufferPool, (pool) =>
      poolFacts(pool.#memory, pool.#lender.waiting, pool.#lender.isClosed),
    );
    waitingOf = (pool) => pool.#lender.waiting;
  }

  /**
   * @throws RangeError `ERR_ZEROSEND_OUT_OF_RANGE`, TypeError `ERR_ZEROSEND_INVALID_ARGUMENT`,
   * RangeError `ERR_ZEROSEND_NO_MEMORY` when the pool needs more than the system has left,
   * RangeError `ERR_ZEROSEND_NO_HUGE_PAGES`
   */
  constructor(options?: BufferPoolOptions);
  /** @internal A pool over memory that exists, a ring or a UMEM. */
  constructor(options: BufferPoolOptions, memory: SlabMemory, order: SlotOrder);
  constructor(options: BufferPoolOptions = {}, memory?: SlabMemory, order?: SlotOrder) {
    const { bufferSize, count, hugePages, init, verify, measureLatency } =
      checkPoolOptions(options);
    const map = memory ?? mapSlab(Math.ceil(bufferSize / PAGE) * PAGE, count, hugePages);
    const isRing = memory !== undefined;
    if (!isRing) markPooled(map.memory);
    this.bufferSize = map.slotSize;
    this.count = map.slots;
    this.#memory = new PoolMemory(this, map, isRing, order, verify);
    this.#lender = new Lender(this, this.#memory);
    if (measureLatency) this.#memory.measure();
    if (init) {
      for (const [index, view] of this.#memory.views.entries()) init(view, index);
    }
  }

  /** Buffers that can be acquired now. */
  get free(): number {
    return this.#memory.slots.free;
  }

  /** Buffers that are with a user: not sent yet, or with leases left. */
  get acquired(): number {
    return this.#memory.slots.acquired;
  }

  /** Buffers that have been sent and are not free again. */
  get inFlight(): number {
    return this.#memory.slots.inFlight;
  }

  /**
   * A free buffer, or null. Never waits and allocates nothing. If no buffer is free, it first takes
   * in completions of up to 64 of the sockets that have buffers of the pool in flight; the next
   * call asks the next ones. So a loop that never yields to the event loop gets its buffers back,
   * and `complete` listeners may run within this call. While calls of {@link BufferPool.acquire}
   * are pending, free buffers are for them and this returns null.
   * @throws Error `ERR_ZEROSEND_POOL_CLOSED`
   */
  tryAcquire(): PooledBuffer | null {
    const where = this.#memory.verifier && stackOfCaller(this.tryAcquire);
    const buffer = this.#lender.tryTake(where, 1, null);
    if (buffer !== null) slotOf(buffer).leases = 1;
    return buffer;
  }

  /**
   * A buffer, as soon as one is free. Pending calls are served by priority (higher first, default
   * 0), then in order. A call that has been served resolves with its buffer, even if the pool is
   * closed or the signal aborted in the same moment.
   *
   * In a loop that awaits nothing else, over a pool that is never dry, it waits for a turn of the
   * event loop whenever there has been none for 5 ms, so that timers, signals and other sockets are
   * served. `tryAcquire` cannot do that.
   * @throws Error `ERR_ZEROSEND_POOL_CLOSED` now or when the pool is closed while waiting; the
   * signal's reason when it is aborted
   */
  async acquire(options?: AcquireOptions): Promise<PooledBuffer> {
    const lender = this.#lender;
    const buffer = await lender.wait(lender.asked(options, this.acquire, null));
    if (eventLoop.isDue()) await eventLoop.turn();
    slotOf(buffer).leases = 1;
    return buffer;
  }

  /**
   * Free neighbouring buffers, up to `most`. Of a ring these are the next one and those that follow
   * it; of other pools, the first row of `most` free buffers, or the longest row there is. Null
   * where {@link BufferPool.tryAcquire} returns null. Never waits, and allocates nothing once a run
   * has begun at each slot.
   * @param most 1 to 1024
   * @throws RangeError `ERR_ZEROSEND_OUT_OF_RANGE`, Error `ERR_ZEROSEND_POOL_CLOSED`
   */
  tryAcquireRun(most: number): BufferRun | null {
    checkInteger('most', most, 1, MAX_REQUESTS);
    const lender = this.#lender;
    lender.handles.prepareRuns();
    const buffer = lender.tryTake(lender.stackOf(this.tryAcquireRun), most, null);
    return buffer === null ? null : lender.runFrom(buffer, most);
  }

  /**
   * As {@link BufferPool.tryAcquireRun}, as soon as a buffer is free and this call is the next of
   * all pending ones. Each of these gets a buffer before the run gets more than one. Lets the event
   * loop turn as {@link BufferPool.acquire} does.
   * @throws as {@link BufferPool.tryAcquireRun} and {@link BufferPool.acquire}
   */
  async acquireRun(most: number, options?: AcquireOptions): Promise<BufferRun> {
    checkInteger('most', most, 1, MAX_REQUESTS);
    const lender = this.#lender;
    lender.handles.prepareRuns();
    const buffer = await lender.wait(lender.asked(options, this.acquireRun, null));
    if (eventLoop.isDue()) await eventLoop.turn();
    return lender.runFrom(buffer, most);
  }

  /** A snapshot of the counts. The first call begins to measure `completionLatency` and `oldest`. */
  stats(): BufferPoolStats {
    return readPoolStats(this.#memory, this.#lender.waiting);
  }

  /**
   * A view of the pool for one user of many, with a limit and a waiting line of its own.
   * @throws RangeError `ERR_ZEROSEND_OUT_OF_RANGE`, TypeError `ERR_ZEROSEND_INVALID_ARGUMENT`, Error
   * `ERR_ZEROSEND_POOL_CLOSED`
   */
  share(options: PoolShareOptions): PoolShare {
    const share = new Share(this.#lender, options);
    if (this.#lender.isClosed) throw closed();
    return new PoolShare(this, share);
  }

  /**
   * Hands out no more buffers and rejects pending calls of `acquire`. Resolves when every buffer is
   * back, and so never while the program keeps one. A second call returns the same promise.
   */
  close(): Promise<void> {
    return this.#lender.close();
  }

  /** Closes, as at the end of a block with `await using`: waits until every buffer is back. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}
