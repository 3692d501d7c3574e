import { type SlotOrder, StackOrder } from './slot-order.js';

/**
 * Who has each slot of a pool. A slot has leases (rights to send it, held by the user) and sends
 * that have not completed, and is
 *
 *   free       no lease, no send       take()  ->  acquired
 *   acquired   leases left             send: one lease fewer, one send more
 *   in flight  no lease, sends left    the last completion  ->  free
 *   retired    never used again: its pages could not be parted from the kernel
 *
 * The counts of the four add up to the number of slots at every moment.
 */
export class Slots {
  readonly count: number;
  free: number;
  acquired = 0;
  inFlight = 0;
  retired = 0;
  readonly #leases: Uint32Array;
  readonly #sends: Uint32Array;
  readonly #order: SlotOrder;
  readonly #retired: Uint8Array;

  constructor(count: number, order: SlotOrder = new StackOrder(count)) {
    this.count = count;
    this.free = count;
    this.#leases = new Uint32Array(count);
    this.#sends = new Uint32Array(count);
    this.#retired = new Uint8Array(count);
    this.#order = order;
  }

  leases(slot: number): number {
    return this.#leases[slot] as number;
  }

  sends(slot: number): number {
    return this.#sends[slot] as number;
  }

  /** Whether `take` would find one. On a ring that is less than having free ones. */
  get ready(): boolean {
    return this.#order.ready;
  }

  /** The next free slot with one lease, or -1. */
  take(): number {
    const slot = this.#order.take();
    if (slot < 0) return -1;
    this.free--;
    this.#leases[slot] = 1;
    this.acquired++;
    return slot;
  }

  /** More leases on an acquired slot. */
  lease(slot: number, more: number): void {
    this.#leases[slot] = (this.#leases[slot] as number) + more;
  }

  /** One lease becomes a send. The slot must have a lease. */
  beginSend(slot: number): void {
    this.#sends[slot] = (this.#sends[slot] as number) + 1;
    const left = (this.#leases[slot] as number) - 1;
    this.#leases[slot] = left;
    if (left === 0) {
      this.acquired--;
      this.inFlight++;
    }
  }

  /** Takes `beginSend` back. */
  cancelSend(slot: number): void {
    this.#sends[slot] = (this.#sends[slot] as number) - 1;
    if (this.#leases[slot] === 0) {
      this.acquired++;
      this.inFlight--;
    }
    this.#leases[slot] = (this.#leases[slot] as number) + 1;
  }

  /** A send has completed, or (`unsent`) never left. Returns whether nobody has the slot now. */
  endSend(slot: number, unsent: boolean): boolean {
    const left = (this.#sends[slot] as number) - 1;
    this.#sends[slot] = left;
    if (left !== 0 || this.#leases[slot] !== 0) return false;
    this.inFlight--;
    this.#put(slot, unsent);
    return true;
  }

  /** Gives up one lease unused. Returns whether nobody has the slot now. */
  release(slot: number): boolean {
    const left = (this.#leases[slot] as number) - 1;
    this.#leases[slot] = left;
    if (left !== 0) return false;
    this.acquired--;
    if (this.#sends[slot] !== 0) {
      this.inFlight++;
      return false;
    }
    this.#put(slot, true);
    return true;
  }

  /** The slot will not come back to the free ones. */
  retire(slot: number): void {
    this.#retired[slot] = 1;
  }

  isRetired(slot: number): boolean {
    return this.#retired[slot] === 1;
  }

  #put(slot: number, unsent: boolean): void {
    if (this.isRetired(slot)) {
      this.retired++;
      return;
    }
    this.free++;
    this.#order.put(slot, unsent);
  }
}
