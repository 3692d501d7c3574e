const FIRST_CAPACITY = 64;

/**
 * The tags of sends, by id. A program gives a tag to most of its sends or to none, so they are kept
 * in a ring that has a place for each id between the oldest tag and the latest.
 */
export class Tags {
  #ring: unknown[] = new Array(FIRST_CAPACITY).fill(undefined);
  #mask = FIRST_CAPACITY - 1;
  /** no id below this one has a tag */
  #low = 0;
  /** no id from this one on has a tag */
  #end = 0;
  #count = 0;

  /** Sets the tag of an id. Ids have to grow from call to call. */
  set(id: number, tag: unknown): void {
    if (tag === undefined) return;
    if (this.#count === 0) this.#low = id;
    while (id - this.#low > this.#mask) this.#grow();
    this.#ring[id & this.#mask] = tag;
    this.#count++;
    this.#end = id + 1;
  }

  /**
   * The tags of a range, each at the place of its id within the range; undefined when no id has
   * one.
   */
  of(first: number, last: number): unknown[] | undefined {
    if (this.#count === 0 || first >= this.#end || last < this.#low) return undefined;
    let some = false;
    const tags = new Array<unknown>(last - first + 1);
    for (let id = first; id <= last; id++) {
      const tag = id < this.#low || id >= this.#end ? undefined : this.#ring[id & this.#mask];
      tags[id - first] = tag;
      if (tag !== undefined) some = true;
    }
    return some ? tags : undefined;
  }

  /** The same, and forgets them. */
  take(first: number, last: number): unknown[] | undefined {
    const tags = this.of(first, last);
    if (tags === undefined) return undefined;
    const end = Math.min(last + 1, this.#end);
    for (let id = Math.max(first, this.#low); id < end; id++) {
      const at = id & this.#mask;
      if (this.#ring[at] === undefined) continue;
      this.#ring[at] = undefined;
      this.#count--;
    }
    while (this.#low < this.#end && this.#ring[this.#low & this.#mask] === undefined) this.#low++;
    return tags;
  }

  #grow(): void {
    const old = this.#ring;
    const mask = old.length * 2 - 1;
    const ring: unknown[] = new Array(old.length * 2).fill(undefined);
    for (let id = this.#low; id < this.#end; id++) ring[id & mask] = old[id & this.#mask];
    this.#ring = ring;
    this.#mask = mask;
  }
}
