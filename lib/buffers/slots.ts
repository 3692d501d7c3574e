import type { LatencyHistogram } from '../base/latency-histogram.js';
import { LowestOrder, RingOrder, type SlotOrder } from './slot-order.js';

/** Who has a slot now. */
export interface Holding {
  readonly index: number;
  /** rights to send it, held by the user */
  leases: number;
  /** sends that have not completed */
  sends: number;
}

/** How many slots a share of a pool has: those that it has taken, until they are back. */
export interface Quota {
  used: number;
}

/**
 * What the slots of a pool are in. A slot is
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
  acquired = 0;
  retired = 0;
  /** how often one was wanted when none was free; outlives the pool */
  readonly misses = { dry: 0 };
  /** how long sends from these slots took to complete; null while nobody has asked */
  latency: LatencyHistogram | null = null;
  #mostInFlight = 0;
  /**
   * Called after slots have become free or were retired: once for all that went back together. Null
   * while nobody wants to know, which spares each completion the call.
   */
  freed: (() => void) | null = null;
  /** Whether a slot can be sent only once each time that it is taken. */
  readonly sendsOnce: boolean;
  readonly #order: SlotOrder;
  #doomed: Set<number> | null = null;
  /** which share has taken a slot, by number; null while no share has taken any */
  #quotas: (Quota | null)[] | null = null;
  /** Whether none is doomed, nor of a share: then what goes back is free, and no more is to be done. */
  #plain = true;

  constructor(count: number, order: SlotOrder = new LowestOrder(count)) {
    this.count = count;
    this.#order = order;
    this.sendsOnce = order instanceof RingOrder;
  }

  get free(): number {
    return this.#order.size;
  }

  get inFlight(): number {
    return this.count - this.#order.size - this.acquired - this.retired;
  }

  /** the largest that `inFlight` has been, if `noteInFlight` was called before it shrank */
  get mostInFlight(): number {
    return Math.max(this.#mostInFlight, this.inFlight);
  }

  /** Sends are about to complete. */
  noteInFlight(): void {
    const { inFlight } = this;
    if (inFlight > this.#mostInFlight) this.#mostInFlight = inFlight;
  }

  /** Whether `take` would find one. On a ring that is less than having free ones. */
  get ready(): boolean {
    return this.#order.ready;
  }

  /**
   * Takes the next free slot; returns -1 when there is none. Its holder begins with one lease and no send.
   * @param most how many slots in a row the caller would take, this one included
   */
  take(most = 1): number {
    const slot = this.#order.take(most);
    if (slot >= 0) this.acquired++;
    return slot;
  }

  /** One lease becomes a send. There must be a lease. */
  beginSend(slot: Holding): void {
    slot.sends++;
    if (--slot.leases === 0) this.acquired--;
  }

  /** Undoes `beginSend` for a send that was refused. */
  cancelSend(slot: Holding): void {
    slot.sends--;
    if (slot.leases++ === 0) this.acquired++;
  }

  /**
   * Counts a send as completed, or (`unsent`) as one that never left. Returns whether the slot has neither
   * leases nor sends now.
   */
  endSend(slot: Holding, unsent: boolean): boolean {
    if (--slot.sends !== 0 || slot.leases !== 0) return false;
    this.#put(slot.index, unsent);
    this.freed?.();
    return true;
  }

  /** Gives up one lease unused. Returns whether the slot has neither leases nor sends now. */
  release(slot: Holding): boolean {
    if (--slot.leases !== 0) return false;
    this.acquired--;
    if (slot.sends !== 0) return false;
    this.#put(slot.index, true);
    this.freed?.();
    return true;
  }

  /** The slot will not come back to the free ones. */
  retire(index: number): void {
    this.#doomed ??= new Set();
    this.#doomed.add(index);
    this.#plain = false;
  }

  isRetired(index: number): boolean {
    return this.#doomed?.has(index) === true;
  }

  /** These slots, which have just been taken, count against a quota until they are back. */
  lend(first: number, count: number, quota: Quota): void {
    this.#quotas ??= new Array(this.count).fill(null);
    this.#quotas.fill(quota, first, first + count);
    this.#plain = false;
  }

  #put(index: number, unsent: boolean): void {
    if (this.#plain) this.#order.put(index, unsent);
    else this.#putMarked(index, unsent);
  }

  #putMarked(index: number, unsent: boolean): void {
    const quota = this.#quotas?.[index];
    if (quota) {
      quota.used--;
      (this.#quotas as (Quota | null)[])[index] = null;
    }
    if (this.isRetired(index)) this.retired++;
    else this.#order.put(index, unsent);
  }

  // ---- runs: each slot has one lease, then one send ----------------------------------------------

  /** Takes up to `most` slots more, right behind one that was just taken; returns how many. */
  extend(slot: number, most: number): number {
    const taken = this.#order.extend(slot, most);
    this.acquired += taken;
    return taken;
  }

  /** The leases of so many slots become sends. */
  beginSends(count: number): void {
    this.acquired -= count;
  }

  /** The sends of these slots have completed, or (`unsent`) never left. */
  endSends(first: number, count: number, unsent: boolean): void {
    if (this.#plain) this.#order.putRun(first, count, unsent);
    else for (let slot = first; slot < first + count; slot++) this.#put(slot, unsent);
    this.freed?.();
  }

  /** Takes back the leases of these slots, which the user has not used. */
  releaseRun(first: number, count: number): void {
    this.acquired -= count;
    this.endSends(first, count, true);
  }
}
