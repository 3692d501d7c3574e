/** A pool, referred to weakly. */
export interface KnownPool {
  readonly owner: WeakRef<object>;
  /** how often one of its buffers was wanted when none was free */
  readonly misses: { dry: number };
}

/** The pools of this thread that have not been closed or collected. */
class KnownPools {
  readonly #pools = new Set<KnownPool>();
  made = 0;
  /** the sum of `dry` of the pools that are gone */
  dryBefore = 0;

  add(owner: object, misses: { dry: number }): KnownPool {
    const pool = { owner: new WeakRef(owner), misses };
    this.#pools.add(pool);
    this.made++;
    return pool;
  }

  remove(pool: KnownPool): void {
    if (this.#pools.delete(pool)) this.dryBefore += pool.misses.dry;
  }

  /**
   * The pools that are left. One whose owner was collected just now is still among them, with its
   * `dry`.
   */
  *[Symbol.iterator](): Iterator<KnownPool> {
    yield* this.#pools;
  }
}

export const knownPools = new KnownPools();
