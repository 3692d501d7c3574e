import { typeError } from '../base/errors.js';
import type { Slots } from './slots.js';
import type { RunVerifier } from './verifier.js';

/**
 * The internal object behind a BufferRun: neighbouring slots that are held, and then sent,
 * together. Its ids are consecutive as its slots are, so a range of ids that completes is a range
 * of slots.
 */
export class Run {
  readonly first: number;
  count = 0;
  /** whether the user has it */
  held = false;
  // The ids of the run below this one have completed, and those from it on have not.
  nextId = 0;
  endId = 0;
  /** the handle of the pool's memory in the addon */
  readonly slab: number;
  /** null unless the pool was made with `verify` */
  verifier: RunVerifier | null = null;
  readonly slots: Slots;
  #firstId = 0;
  #pending = 0; // how many of its ids have not completed

  constructor(slots: Slots, first: number, slab: number) {
    this.slots = slots;
    this.first = first;
    this.slab = slab;
  }

  get state(): 'acquired' | 'in flight' | 'free' {
    return this.held ? 'acquired' : this.#pending > 0 ? 'in flight' : 'free';
  }

  acquired(count: number, verifier: RunVerifier | null): void {
    this.count = count;
    this.verifier = verifier;
    this.held = true;
  }

  /** Throws unless the user holds the run. */
  assertHeld(action: string): void {
    if (this.held) return;
    const last = this.first + this.count - 1;
    throw this.#pending > 0
      ? typeError(
          'ERR_ZEROSEND_BUFFER_IN_FLIGHT',
          `cannot ${action} buffers ${this.first} to ${last}: they are in flight`,
        )
      : typeError(
          'ERR_ZEROSEND_BUFFER_FREE',
          `cannot ${action} buffers ${this.first} to ${last}: they are free (released, or sent and completed)`,
        );
  }

  /** Keeps the first `count` slots. The caller gets the others, and the verifier for them. */
  cut(count: number): RunVerifier | null {
    this.count = count;
    return this.verifier === null ? null : this.verifier.cut(count);
  }

  /** Gives back all but the first `count` slots unsent. */
  shorten(count: number): void {
    const others = this.count - count;
    if (others === 0) return;
    this.cut(count)?.released();
    this.slots.releaseRun(this.first + count, others);
  }

  /** Gives all slots back unsent. */
  release(): void {
    this.assertHeld('release');
    this.held = false;
    this.verifier?.released();
    this.slots.releaseRun(this.first, this.count);
  }

  /** Notes that the slots were sent under the ids from `firstId` on. */
  sent(firstId: number): void {
    this.held = false;
    this.#firstId = firstId;
    this.nextId = firstId;
    this.endId = firstId + this.count;
    this.#pending = this.count;
    this.slots.beginSends(this.count);
  }

  /** Called when `count` sends from `id` on have completed, or (`unsent`) never left. */
  completed(id: number, count: number, unsent: boolean): void {
    this.#pending -= count;
    this.verifier?.completed(id - this.#firstId, count, id);
    this.slots.endSends(this.#slotOf(id), count, unsent);
  }

  /** Retires the slot of this id, which must never be used again. */
  retire(id: number): void {
    this.slots.retire(this.#slotOf(id));
  }

  #slotOf(id: number): number {
    return this.first + id - this.#firstId;
  }
}
