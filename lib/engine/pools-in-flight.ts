import { MAX_REQUESTS } from '../addon/addon.js';
import { type BufferPool, memoryOf } from '../buffers/buffer-pool.js';
import type { Reaper } from '../buffers/reapers.js';
import type { Slots } from '../buffers/slots.js';
import type { InFlight } from './in-flight.js';

/**
 * The pools of which a socket may have buffers in flight. Only these are referred to, so that a
 * pool that is no longer used can be collected, and a dry pool asks no socket in vain.
 *
 * When a socket sends from another pool than before, the earlier one is noted with the next id: all
 * sends of it have lower ids. It is dropped when every lower id has completed. That is one
 * comparison, where counting would cost something for each send.
 */
export class PoolsInFlight {
  readonly #reaper: WeakRef<Reaper>;
  readonly #maxLength: number;
  #latest: BufferPool | null = null;
  #slots: Slots | null = null; // those of the latest pool
  // the earlier pools with those ids, the lowest first; null while empty
  #earlier: Map<BufferPool, number> | null = null;
  /**
   * The latest pool, unless it verifies: of its buffers a send looks only at leases and length, which
   * is at most `usualLength`.
   */
  usual: BufferPool | null = null;
  usualLength = 0;

  /** @param maxLength bytes of a send */
  constructor(reaper: WeakRef<Reaper>, maxLength: number) {
    this.#reaper = reaper;
    this.#maxLength = maxLength;
  }

  /** Called when buffers of a pool are about to be sent. */
  use(pool: BufferPool, verifies: boolean, inFlight: InFlight): void {
    if (pool === this.#latest) return;
    const { next, low } = inFlight;
    this.#slots = memoryOf(pool).slots;
    if (this.#slots.latency !== null) inFlight.measure();
    inFlight.markNext();
    this.usual = verifies ? null : pool;
    this.usualLength = Math.min(pool.bufferSize, this.#maxLength);
    // The send at hand may have buffers of both.
    if (this.#latest !== null) {
      this.#earlier ??= new Map();
      this.#earlier.set(this.#latest, next + MAX_REQUESTS);
    }
    if (this.#earlier?.delete(pool) !== true) memoryOf(pool).reapers.add(this.#reaper);
    this.#latest = pool;
    this.letGo(low);
  }

  /** Called before sends are counted as completed. */
  noteInFlight(): void {
    this.#slots?.noteInFlight();
    if (this.#earlier === null) return;
    for (const pool of this.#earlier.keys()) memoryOf(pool).slots.noteInFlight();
  }

  /** Drops pools whose sends have all completed, except the latest. */
  letGo(low: number): void {
    if (this.#earlier === null) return;
    for (const [pool, end] of this.#earlier) {
      if (end > low) return;
      this.#earlier.delete(pool);
      memoryOf(pool).reapers.delete(this.#reaper);
    }
    this.#earlier = null;
  }

  /** Drops all pools, when nothing is in flight. */
  clear(): void {
    if (this.#latest === null) return; // then there are no earlier ones
    for (const pool of this.#earlier?.keys() ?? []) memoryOf(pool).reapers.delete(this.#reaper);
    this.#earlier = null;
    memoryOf(this.#latest).reapers.delete(this.#reaper);
    this.#latest = null;
    this.#slots = null;
    this.usual = null;
  }

  has(pool: object): boolean {
    return pool === this.#latest || this.#earlier?.has(pool as BufferPool) === true;
  }
}
