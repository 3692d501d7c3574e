/** In which order free slots are handed out, by themselves or as runs of neighbours. */
export interface SlotOrder {
  /** How many there are, including those whose turn has not come. */
  readonly size: number;
  /** Whether `take` would find one. */
  readonly ready: boolean;
  /** The next slot, or -1; where there is a choice, one that `most` free ones begin with. */
  take(most?: number): number;
  /** Takes up to `most` slots right behind one that was just taken; returns how many. */
  extend(slot: number, most: number): number;
  /** A slot is free again; `unsent` when it never went out. */
  put(slot: number, unsent: boolean): void;
  /** As many slots from `first` are free again. */
  putRun(first: number, count: number, unsent: boolean): void;
}

/** The lowest first: few slots are used again and again, and those that are free stay neighbours. */
export class LowestOrder implements SlotOrder {
  readonly #free: Uint8Array;
  /** none below is free */
  #low = 0;
  size: number;

  constructor(count: number) {
    this.size = count;
    this.#free = new Uint8Array(count).fill(1);
  }

  get ready(): boolean {
    return this.size > 0;
  }

  take(most = 1): number {
    if (this.size === 0) return -1;
    const free = this.#free;
    let lowest = this.#low;
    if (free[lowest] === 0) lowest = free.indexOf(1, lowest + 1);
    const slot = most > 1 ? this.#roomiest(lowest, most) : lowest;
    free[slot] = 0;
    this.size--;
    this.#low = slot === lowest ? slot + 1 : lowest;
    return slot;
  }

  /** Where the first `most` neighbours begin that are free, or else the longest row of them. */
  #roomiest(lowest: number, most: number): number {
    const free = this.#free;
    let best = lowest;
    let longest = 0;
    for (let begin = lowest; begin >= 0 && longest < most; ) {
      let end = begin + 1;
      const stop = Math.min(begin + most, free.length);
      while (end < stop && free[end] === 1) end++;
      if (end - begin > longest) {
        longest = end - begin;
        best = begin;
      }
      begin = end < free.length ? free.indexOf(1, end) : -1;
    }
    return best;
  }

  extend(slot: number, most: number): number {
    const end = Math.min(slot + 1 + most, this.#free.length);
    let next = slot + 1;
    while (next < end && this.#free[next] === 1) this.#free[next++] = 0;
    const taken = next - slot - 1;
    this.size -= taken;
    if (this.#low === slot + 1) this.#low = next;
    return taken;
  }

  put(slot: number): void {
    this.#free[slot] = 1;
    this.size++;
    if (slot < this.#low) this.#low = slot;
  }

  putRun(first: number, count: number): void {
    this.#free.fill(1, first, first + count);
    this.size += count;
    if (first < this.#low) this.#low = first;
  }
}

/**
 * Round the ring, as the kernel walks it:
 *
 *                            next
 *                              v
 *   [ out ][ hole ][ out ][ out ][ free ][ free ]
 *
 * A slot that comes back unsent is a hole at which the kernel will stop, so the oldest hole is
 * handed out before anything else. A slot that comes back early (a device may complete out of
 * order) waits until its turn comes round.
 */
export class RingOrder implements SlotOrder {
  readonly #count: number;
  readonly #free: Uint8Array;
  readonly #holes: number[] = []; // oldest first
  #next = 0;
  size: number;

  constructor(count: number) {
    this.#count = count;
    this.size = count;
    this.#free = new Uint8Array(count).fill(1);
  }

  get ready(): boolean {
    return this.#holes.length > 0 || this.#free[this.#next] === 1;
  }

  take(): number {
    if (!this.ready) return -1;
    this.size--;
    const hole = this.#holes.shift();
    return hole === undefined ? this.#takeNext() : hole;
  }

  extend(slot: number, most: number): number {
    const end = Math.min(slot + 1 + most, this.#count);
    let at = slot + 1;
    for (; at < end && this.#holes[0] === at; at++) this.#holes.shift();
    if (this.#holes.length === 0 && this.#next === at) {
      const free = this.#free;
      for (; at < end && free[at] === 1; at++) free[at] = 0;
      this.#next = at === this.#count ? 0 : at;
    }
    const taken = at - slot - 1;
    this.size -= taken;
    return taken;
  }

  #takeNext(): number {
    const slot = this.#next;
    this.#free[slot] = 0;
    this.#next = slot + 1 === this.#count ? 0 : slot + 1;
    return slot;
  }

  put(slot: number, unsent: boolean): void {
    this.putRun(slot, 1, unsent);
  }

  putRun(first: number, count: number, unsent: boolean): void {
    this.size += count;
    if (unsent) {
      for (let slot = first; slot < first + count; slot++) this.#putHole(slot);
    } else {
      this.#free.fill(1, first, first + count);
    }
  }

  #putHole(slot: number): void {
    const at = this.#holes.findIndex((hole) => this.#age(hole) > this.#age(slot));
    this.#holes.splice(at < 0 ? this.#holes.length : at, 0, slot);
  }

  /** Where the slot comes in the order of handing out; the oldest is 0. */
  #age(slot: number): number {
    return (slot - this.#next + this.#count) % this.#count;
  }
}
