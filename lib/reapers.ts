import type { BufferPool } from './buffer-pool.js';

/** A socket as a dry pool sees it. */
export interface Reaper {
  /** Takes in what has finished; buffers are back in their pools when it returns. */
  poll(): number;
  /** @internal one for each socket, so that it can be found again */
  readonly _weakly: WeakRef<Reaper>;
  /** @internal Whether it may have buffers of the pool in flight. If not, it has let go of the pool. */
  _mayHold(pool: BufferPool): boolean;
}

/** So many sockets are asked at a time: a bound for what one `tryAcquire` of a dry pool costs. */
const MOST_ASKED = 64;

/**
 * The sockets that may have buffers of a pool in flight, in the order in which they are to be asked.
 * Sockets that have nothing of it in flight drop out when they come to rest, or here. Weak, as a socket
 * that its user has forgotten is to be collected and closed.
 */
export class Reapers {
  readonly #all = new Set<WeakRef<Reaper>>();

  add(reaper: WeakRef<Reaper>): void {
    this.#all.add(reaper);
  }

  delete(reaper: WeakRef<Reaper>): void {
    this.#all.delete(reaper);
  }

  /** Has some take completions in, until `enough`. The next call begins behind those asked. */
  ask(pool: BufferPool, enough: () => boolean): void {
    let left = this.#all.size;
    let asked = 0;
    for (const weakly of this.#all) {
      if (left-- <= 0 || asked >= MOST_ASKED || enough()) return;
      this.#all.delete(weakly);
      const reaper = weakly.deref();
      if (reaper?._mayHold(pool) !== true) continue;
      this.#all.add(weakly); // to the end
      reaper.poll();
      asked++;
    }
  }
}
