/** What is known of a pool without keeping it. */
export interface KnownPool {
  readonly owner: WeakRef<object>;
  /** how often one of its buffers was wanted when none was free */
  readonly misses: { dry: number };
}

/** The pools of this thread that have not been closed or collected. */
class KnownPools {
  readonly #pools = new Set<KnownPool>();
  made = 0;
  /** `dry` of those that are gone */
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

  /** Those that are left; and one that has just been collected has a `dry` still. */
  *[Symbol.iterator](): Iterator<KnownPool> {
    yield* this.#pools;
  }
}

export const knownPools = new KnownPools();
