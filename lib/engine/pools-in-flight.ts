import { MAX_REQUESTS } from '../addon/addon.js';
import { type BufferPool, memoryOf } from '../buffers/buffer-pool.js';
import type { Reaper } from '../buffers/reapers.js';

/**
 * The pools of which a socket may have buffers in flight. It keeps these, and no others, so that a pool
 * that is no longer used can be collected, and a dry one asks no socket in vain.
 *
 * When the socket turns from one pool to another, the first is noted with an id below which all that
 * was sent of it lies. It is let go when every id below has completed: a comparison, where counting
 * would cost something for each send.
 */
export class PoolsInFlight {
  readonly #reaper: WeakRef<Reaper>;
  #latest: BufferPool | null = null;
  readonly #earlier = new Map<BufferPool, number>(); // by that id, the lowest first

  constructor(reaper: WeakRef<Reaper>) {
    this.#reaper = reaper;
  }

  /**
   * Buffers of a pool are to be sent now.
   * @param next the id of the next send
   * @param low every id below has completed
   */
  use(pool: BufferPool, next: number, low: number): void {
    if (pool === this.#latest) return;
    // The send at hand may have buffers of both.
    if (this.#latest !== null) this.#earlier.set(this.#latest, next + MAX_REQUESTS);
    if (!this.#earlier.delete(pool)) memoryOf(pool).reapers.add(this.#reaper);
    this.#latest = pool;
    this.letGo(low);
  }

  /** Lets go of pools whose sends have completed, but for the latest. */
  letGo(low: number): void {
    for (const [pool, end] of this.#earlier) {
      if (end > low) return;
      this.#earlier.delete(pool);
      memoryOf(pool).reapers.delete(this.#reaper);
    }
  }

  /** Lets go of all: nothing is in flight. */
  clear(): void {
    if (this.#latest === null) return; // then there are no earlier ones
    for (const pool of this.#earlier.keys()) memoryOf(pool).reapers.delete(this.#reaper);
    this.#earlier.clear();
    memoryOf(this.#latest).reapers.delete(this.#reaper);
    this.#latest = null;
  }

  has(pool: BufferPool): boolean {
    return pool === this.#latest || this.#earlier.has(pool);
  }
}
