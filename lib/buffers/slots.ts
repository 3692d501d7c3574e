import { typeError } from '../base/errors.js';
import type { LatencyHistogram } from '../base/latency-histogram.js';
import { checkInteger } from '../base/validate.js';
import { LowestOrder, RingOrder, type SlotOrder } from './slot-order.js';

const MAX_LEASES = 2 ** 32 - 1;

/** The checks of a pool with `verify: true`, as a slot sees them. */
export interface SlotVerifier {
  /** Throws when the slot has gone back to its pool since it was handed out. */
  assertCurrent(slot: Slot, action: string): void;
  isStale(slot: Slot): boolean;
  /** Called before a lease is given back. */
  released(slot: Slot): void;
  /** Called when a send of the first `length` bytes was accepted under `id`. */
  sent(slot: Slot, length: number, id: number): void;
  /** Called before the send `id` is counted as completed. */
  completed(slot: Slot, id: number): void;
}

/**
 * The internal object behind a PooledBuffer: counts its leases and its sends, and knows where the
 * slot goes when there are none. A send in flight refers to this object and not to the buffer, so
 * that a completion touches nothing else.
 */
export class Slot {
  // Each send and each completion touches the first five, which share a cache line.
  /** how many sends the user may still make */
  leases = 0;
  /** how many of its sends have not completed */
  sends = 0;
  readonly index: number;
  readonly slots: Slots;
  /** the handle of the pool's memory in the addon */
  readonly slab: number;
  /** null unless the pool was made with `verify` */
  readonly verifier: SlotVerifier | null;

  constructor(slots: Slots, index: number, slab: number, verifier: SlotVerifier | null) {
    this.index = index;
    this.slots = slots;
    this.slab = slab;
    this.verifier = verifier;
  }

  /** Throws unless the user holds a lease. */
  assertHeld(action: string): void {
    this.verifier?.assertCurrent(this, action);
    if (this.leases > 0) return;
    throw this.sends > 0
      ? typeError(
          'ERR_ZEROSEND_BUFFER_IN_FLIGHT',
          `cannot ${action} buffer ${this.index}: its leases are used up and it is in flight`,
        )
      : typeError(
          'ERR_ZEROSEND_BUFFER_FREE',
          `cannot ${action} buffer ${this.index}: it is free (released, or sent and completed)`,
        );
  }

  /** Adds leases. */
  retain(leases: number): void {
    this.assertHeld('retain');
    if (this.slots.sendsOnce) {
      throw typeError(
        'ERR_ZEROSEND_RETAIN_UNSUPPORTED',
        `cannot retain buffer ${this.index}: frames of a packet socket leave in turn, each once; ` +
          'acquire another one for the next send',
      );
    }
    checkInteger('all leases', this.leases + leases, 1, MAX_LEASES);
    this.leases += leases;
  }

  /** Gives one lease back unused. */
  release(): void {
    this.assertHeld('release');
    this.verifier?.released(this);
    this.slots.release(this);
  }

  /** Gives back all leases that are left, if any. */
  releaseAll(): void {
    while (this.leases > 0 && !this.verifier?.isStale(this)) this.release();
  }

  /** Called when the send `id` has completed, or (`unsent`) never left. */
  completed(id: number, unsent: boolean): void {
    if (this.verifier !== null) this.verifier.completed(this, id);
    this.slots.endSend(this, unsent);
  }
}

/** Counts the slots that a share of a pool has out. */
export interface Quota {
  used: number;
}

/**
 * The states of the slots of a pool. A slot is
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
  /** how often a slot was wanted when none was free; outlives the pool */
  readonly misses = { dry: 0 };
  /** how long sends of these slots took to complete; null until measuring begins */
  latency: LatencyHistogram | null = null;
  #mostInFlight = 0;
  /**
   * Called after slots have become free or were retired, once for all that went back together. Null
   * while nothing waits for that, which spares completions the call.
   */
  freed: (() => void) | null = null;
  /** Whether a slot can be sent only once each time it is taken. */
  readonly sendsOnce: boolean;
  readonly #order: SlotOrder;
  #doomed: Set<number> | null = null;
  /**
   * the quota of the share that has a slot out, by number of the slot; null until a share has taken
   * one
   */
  #quotas: (Quota | null)[] | null = null;
  /**
   * Whether no slot is to be retired or out to a share. Then a slot that goes back is simply free.
   */
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

  /** the largest value of `inFlight`, provided that `noteInFlight` is called before it shrinks */
  get mostInFlight(): number {
    return Math.max(this.#mostInFlight, this.inFlight);
  }

  /** Has to be called before sends are counted as completed. */
  noteInFlight(): void {
    const { inFlight } = this;
    if (inFlight > this.#mostInFlight) this.#mostInFlight = inFlight;
  }

  /** Whether `take` would find a slot. On a ring, slots may be free and none can be taken yet. */
  get ready(): boolean {
    return this.#order.ready;
  }

  /**
   * Takes the next free slot; returns -1 when there is none. The caller gives the slot one lease
   * when it hands it out.
   * @param most how many slots in a row the caller would take, this one included
   */
  take(most = 1): number {
    const slot = this.#order.take(most);
    if (slot >= 0) this.acquired++;
    return slot;
  }

  /** Turns one lease into a send. There must be a lease. */
  beginSend(slot: Slot): void {
    slot.sends++;
    if (--slot.leases === 0) this.acquired--;
  }

  /** Undoes `beginSend` for a send that was refused. */
  cancelSend(slot: Slot): void {
    slot.sends--;
    if (slot.leases++ === 0) this.acquired++;
  }

  /**
   * Counts a send as completed, or (`unsent`) as one that never left. Returns whether the slot has neither
   * leases nor sends now.
   */
  endSend(slot: Slot, unsent: boolean): boolean {
    if (--slot.sends !== 0 || slot.leases !== 0) return false;
    this.#put(slot.index, unsent);
    this.freed?.();
    return true;
  }

  /** Takes one lease back unused. Returns whether the slot has neither leases nor sends now. */
  release(slot: Slot): boolean {
    if (--slot.leases !== 0) return false;
    this.acquired--;
    if (slot.sends !== 0) return false;
    this.#put(slot.index, true);
    this.freed?.();
    return true;
  }

  /** Retires a slot: it never becomes free again. */
  retire(index: number): void {
    this.#doomed ??= new Set();
    this.#doomed.add(index);
    this.#plain = false;
  }

  isRetired(index: number): boolean {
    return this.#doomed?.has(index) === true;
  }

  /** Counts slots that have just been taken against a quota until they are back. */
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

  /** Takes up to `most` more slots, right behind one that was just taken. Returns how many. */
  extend(slot: number, most: number): number {
    const taken = this.#order.extend(slot, most);
    this.acquired += taken;
    return taken;
  }

  /** Turns the leases of `count` slots into sends. */
  beginSends(count: number): void {
    this.acquired -= count;
  }

  /** Called when the sends of these slots have completed, or (`unsent`) never left. */
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
