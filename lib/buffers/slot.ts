import { typeError } from '../base/errors.js';
import { checkInteger } from '../base/validate.js';
import type { Holding, Slots } from './slots.js';

const MAX_LEASES = 2 ** 32 - 1;

/** The checks of a pool with `verify: true`, as a slot sees them. */
export interface SlotVerifier {
  /** Throws when the slot has gone back to its pool since it was handed out. */
  assertCurrent(slot: Slot, action: string): void;
  isStale(slot: Slot): boolean;
  /** A lease is about to be given back. */
  released(slot: Slot): void;
  /** A send of the first `length` bytes was accepted under `id`. */
  sent(slot: Slot, length: number, id: number): void;
  /** The send `id` is about to be counted as completed. */
  completed(slot: Slot, id: number): void;
}

/**
 * What stands behind a PooledBuffer: who holds its slot, and where it goes when nobody does. A send in
 * flight keeps this object and not the buffer, so that a completion touches nothing else.
 */
export class Slot implements Holding {
  // Each send and each completion touches the first five, which share a cache line.
  leases = 0;
  sends = 0;
  readonly index: number;
  readonly slots: Slots;
  /** the handle by which the addon knows the pool's memory */
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

  /** The send `id` has completed, or (`unsent`) never left. */
  completed(id: number, unsent: boolean): void {
    if (this.verifier !== null) this.verifier.completed(this, id);
    this.slots.endSend(this, unsent);
  }
}
