/** In which order free slots are handed out. */
export interface SlotOrder {
  /** How many there are, including those whose turn has not come. */
  readonly size: number;
  /** Whether `take` would find one. */
  readonly ready: boolean;
  /** The next slot, or -1. */
  take(): number;
  /** A slot is free again; `unsent` when it never went out. */
  put(slot: number, unsent: boolean): void;
}

/** Last in, first out: the slot that came back last is the warmest in the caches. */
export class StackOrder implements SlotOrder {
  readonly #stack: Uint32Array;
  size: number;

  constructor(count: number) {
    this.size = count;
    // Slot 0 comes out first.
    this.#stack = Uint32Array.from({ length: count }, (_, i) => count - 1 - i);
  }

  get ready(): boolean {
    return this.size > 0;
  }

  take(): number {
    return this.size === 0 ? -1 : (this.#stack[--this.size] as number);
  }

  put(slot: number): void {
    this.#stack[this.size++] = slot;
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
    if (hole !== undefined) return hole;
    const slot = this.#next;
    this.#free[slot] = 0;
    this.#next = slot + 1 === this.#count ? 0 : slot + 1;
    return slot;
  }

  put(slot: number, unsent: boolean): void {
    this.size++;
    if (!unsent) {
      this.#free[slot] = 1;
      return;
    }
    const at = this.#holes.findIndex((hole) => this.#age(hole) > this.#age(slot));
    this.#holes.splice(at < 0 ? this.#holes.length : at, 0, slot);
  }

  /** Where the slot comes in the order of handing out; the oldest is 0. */
  #age(slot: number): number {
    return (slot - this.#next + this.#count) % this.#count;
  }
}
