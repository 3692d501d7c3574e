import { FreeRows } from './free-rows.js';
import { SlotSet } from './slot-set.js';

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

/**
 * The lowest first: few slots are used again and again, and those that are free stay neighbours.
 *
 * To take one by itself looks from the lowest that may be free, to give one back is O(1). To take one
 * for a run looks there, too, and where too few are free in a row, finds a row in O(64 + log n), and
 * O(64 + log n) more for each block of 64 slots that has changed since the last such search.
 */
export class LowestOrder implements SlotOrder {
  readonly #free: Uint8Array;
  /** none below is free */
  #low = 0;
  /** made by the first search; null until then */
  #rows: FreeRows | null = null;
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
    const slot = most > 1 && !this.#isRow(lowest, most) ? this.#findRow(most) : lowest;
    free[slot] = 0;
    if (this.#rows !== null) this.#rows.touch(slot, 1);
    this.size--;
    this.#low = slot === lowest ? slot + 1 : lowest;
    return slot;
  }

  #isRow(first: number, count: number): boolean {
    const free = this.#free;
    const end = first + count;
    if (end > free.length) return false;
    let at = first + 1;
    while (at < end && free[at] === 1) at++;
    return at === end;
  }

  /** Where the first `most` neighbours begin that are free, or else the longest row of them. */
  #findRow(most: number): number {
    this.#rows ??= new FreeRows(this.#free);
    return this.#rows.find(most);
  }

  extend(slot: number, most: number): number {
    const end = Math.min(slot + 1 + most, this.#free.length);
    let next = slot + 1;
    while (next < end && this.#free[next] === 1) this.#free[next++] = 0;
    const taken = next - slot - 1;
    if (this.#rows !== null && taken > 0) this.#rows.touch(slot + 1, taken);
    this.size -= taken;
    if (this.#low === slot + 1) this.#low = next;
    return taken;
  }

  put(slot: number): void {
    this.#free[slot] = 1;
    if (this.#rows !== null) this.#rows.touch(slot, 1);
    this.size++;
    if (slot < this.#low) this.#low = slot;
  }

  putRun(first: number, count: number): void {
    this.#free.fill(1, first, first + count);
    if (this.#rows !== null) this.#rows.touch(first, count);
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
 *
 * Everything is O(1) for each slot, but for a hole, which is put and found in at most 4 steps
 * (O(log32 n)). While there are holes nothing new is handed out, so `next` stands, and the oldest is
 * the first from there on.
 */
export class RingOrder implements SlotOrder {
  readonly #count: number;
  readonly #free: Uint8Array;
  readonly #holes: SlotSet;
  #next = 0;
  size: number;

  constructor(count: number) {
    this.#count = count;
    this.#holes = new SlotSet(count);
    this.size = count;
    this.#free = new Uint8Array(count).fill(1);
  }

  get ready(): boolean {
    return this.#holes.size > 0 || this.#free[this.#next] === 1;
  }

  take(): number {
    if (!this.ready) return -1;
    this.size--;
    return this.#holes.size > 0 ? this.#takeHole() : this.#takeNext();
  }

  #takeHole(): number {
    const hole = this.#oldestHole();
    this.#holes.remove(hole);
    return hole;
  }

  /** There must be one. */
  #oldestHole(): number {
    const ahead = this.#holes.next(this.#next);
    return ahead >= 0 ? ahead : this.#holes.next(0);
  }

  extend(slot: number, most: number): number {
    const end = Math.min(slot + 1 + most, this.#count);
    let at = slot + 1;
    while (at < end && this.#holes.size > 0 && this.#oldestHole() === at) {
      this.#holes.remove(at++);
    }
    if (this.#holes.size === 0 && this.#next === at) {
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

  /** Whether a slot came back unsent, and the kernel would stop there. */
  isHole(slot: number): boolean {
    return this.#holes.has(slot);
  }

  /** The kernel has gone past a hole: it waits for its turn as those that were sent. */
  passed(hole: number): void {
    this.#holes.remove(hole);
    this.#free[hole] = 1;
  }

  put(slot: number, unsent: boolean): void {
    this.putRun(slot, 1, unsent);
  }

  putRun(first: number, count: number, unsent: boolean): void {
    this.size += count;
    if (unsent) {
      for (let slot = first; slot < first + count; slot++) this.#holes.add(slot);
    } else {
      this.#free.fill(1, first, first + count);
    }
  }
}
