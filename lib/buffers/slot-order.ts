import { FreeRows } from './free-rows.js';
import { SlotSet } from './slot-set.js';

/** The order in which free slots are handed out, singly or as runs of neighbours. */
export interface SlotOrder {
  /** How many slots are free, including those that cannot be taken yet. */
  readonly size: number;
  /** Whether `take` would find a slot. */
  readonly ready: boolean;
  /**
   * Takes the next slot; returns -1 where there is none. Where there is a choice, it is one that
   * begins a row of `most` free slots.
   */
  take(most?: number): number;
  /** Takes up to `most` free slots right behind one that was just taken. Returns how many. */
  extend(slot: number, most: number): number;
  /** Puts a slot back; `unsent` if it was never sent. */
  put(slot: number, unsent: boolean): void;
  /** Puts `count` slots from `first` on back. */
  putRun(first: number, count: number, unsent: boolean): void;
}

/**
 * Hands out the lowest free slot first. So few slots are in use, whose memory stays in the cache,
 * and the free ones stay neighbours.
 *
 * Taking a single slot scans from the lowest that may be free; giving one back is O(1). Taking one
 * for a run looks there, too. If too few are free in a row, it searches a row in O(64 + log n), and
 * O(64 + log n) more for each block of 64 slots that has changed since the last search.
 */
export class LowestOrder implements SlotOrder {
  readonly #free: Uint8Array;
  /** no slot below it is free */
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

  /** Where the first row of `most` free slots begins, or else the longest row. */
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
 * Hands out slots round the ring, as the kernel walks it:
 *
 *                            next
 *                              v
 *   [ out ][ hole ][ out ][ out ][ free ][ free ]
 *
 * A slot that comes back unsent is a hole at which the kernel will stop, so the oldest hole is
 * handed out before anything else. A slot that comes back early (a device may complete out of
 * order) is handed out when `next` reaches it.
 *
 * Each operation is O(1), except that a hole is put and found in at most 4 steps (O(log32 n)).
 * While there are holes nothing new is handed out, so `next` does not move, and the oldest hole is
 * the first one from there on.
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

  /** The oldest hole. There must be one. */
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

  /** Notes that the kernel has gone past a hole, which is then treated as a slot that was sent. */
  passed(hole: number): void {
    this.#holes.remove(hole);
    this.#free[hole] = 1;
  }

  // Each completion of a frame that was sent by itself comes here: a store takes a nanosecond, and `fill`,
  // which V8 has in C++, 25.
  put(slot: number, unsent: boolean): void {
    this.size++;
    if (unsent) this.#holes.add(slot);
    else this.#free[slot] = 1;
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
