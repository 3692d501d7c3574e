import { FLAG_ZERO_COPY, native } from '../addon/addon.js';
import {
  fillRunLengths,
  refusedIndex,
  requestLength,
  runLength,
  sendSlot,
  sendSlots,
  waitingSends,
  writeRequest,
  writeRunLength,
} from '../addon/mailbox.js';
import { type Reactee, reactor } from '../addon/reactor.js';
import { invalidArgument } from '../base/errors.js';
import { recentClock } from '../base/recent-clock.js';
import { checkInteger } from '../base/validate.js';
import type { BufferPool } from '../buffers/buffer-pool.js';
import { type BufferRun, runOf } from '../buffers/buffer-run.js';
import { giveBack, readBuffers, readLengths } from '../buffers/given-arrays.js';
import type { PartLengths, SendPart } from '../buffers/parts.js';
import { checkNotPooled, checkPlain } from '../buffers/plain-array.js';
import {
  isPooled as isPooledBuffer,
  type PooledBuffer,
  slotOf as slotOfBuffer,
} from '../buffers/pooled-buffer.js';
import type { Slot } from '../buffers/slot.js';
import type { InFlight } from './in-flight.js';
import { PartsSender } from './parts-sender.js';
import type { PoolsInFlight } from './pools-in-flight.js';
import { checkLength, checkPool, nameIndex, refusal } from './refusals.js';
import type { Limits, SocketState } from './state.js';
import type { ZeroCopyPolicy } from './zero-copy-policy.js';

// TurboFan folds constants of this module; an imported binding is loaded, and its type checked, at each
// use. Functions of the addon are not called through its object, whose many properties make a
// dictionary of it.
const { sendPlain: nativeSendPlain, sendMany: nativeSendMany } = native;
const sendOne = sendSlot;
const writeOneOf = writeRequest;
const writeOneLength = writeRunLength;
const waiting = waitingSends;
const isPooled = isPooledBuffer;
const slotOf = slotOfBuffer;
const ZERO_COPY = FLAG_ZERO_COPY;

/**
 * Hands sends over to the addon: each is checked, written into the mailbox, and booked under the next
 * id once it has been accepted. All that a send touches is here, or one step from here.
 */
export class Sender {
  /** sends out of several parts */
  readonly parts: PartsSender;
  readonly #state: SocketState;
  readonly #reactee: Reactee;
  readonly #pools: PoolsInFlight;
  readonly #inFlight: InFlight;
  readonly #policy: ZeroCopyPolicy;
  readonly #handle: number;
  readonly #reapEvery: number;
  readonly #maxBatch: number;
  readonly #ownPool: BufferPool | null;
  #sinceReap = 0;

  constructor(
    state: SocketState,
    reactee: Reactee,
    pools: PoolsInFlight,
    limits: Limits & { reapEvery: number; maxBatch: number },
  ) {
    this.#state = state;
    this.#reactee = reactee;
    this.#pools = pools;
    this.#inFlight = state.inFlight;
    this.#policy = state.policy;
    this.#handle = state.handle;
    this.#reapEvery = limits.reapEvery;
    this.#maxBatch = limits.maxBatch;
    this.#ownPool = limits.pool ?? null;
    this.parts = new PartsSender(state, reactee, pools, this.#ownPool);
  }

  /**
   * Takes in what has finished, after so many sends. To be called before anything else of a send:
   * listeners run in here, and may send or close. They are told of ids only that have been returned
   * already.
   */
  reapIfDue(): void {
    if (++this.#sinceReap >= this.#reapEvery) this.#reap();
  }

  #reap(): void {
    this.#sinceReap = 0;
    if (this.#inFlight.size === 0 || this.#state.phase === 'closed') return;
    reactor.poll(this.#reactee);
    this.#inFlight.markFrom(recentClock); // which listeners have let expire, if any have run
  }

  one(
    buffer: PooledBuffer | Uint8Array | readonly SendPart[],
    length: number | PartLengths | undefined,
    flags: number,
  ): number {
    if (isPooled(buffer)) return this.pooled(buffer, length as number, flags, false);
    return Array.isArray(buffer)
      ? this.parts.send(buffer, length, flags)
      : this.#plain(buffer as Uint8Array, length as number | undefined, flags);
  }

  /**
   * Kept small: TurboFan inlines so many bytecodes into a caller and no more. With `#refuseOrWait` in
   * line and a default for `copied`, a send in a loop cost 54 ns of JavaScript in place of 39.
   * @param copied it is a copy already, for which no zero copy is asked
   */
  pooled(buffer: PooledBuffer, length: number, flags: number, copied: boolean): number {
    const slot = slotOf(buffer);
    if (!this.#isUsual(buffer, slot, length)) this.#check(buffer, slot, length);
    const asked = !copied && this.#policy.wants(length) ? flags | ZERO_COPY : flags;
    if (!this.#reactee.active) reactor.markBusy(this.#reactee);
    const result = sendOne(this.#handle, slot.slab, slot.index, length, asked);
    if (result !== 0) this.#refuseOrWait(result, length, flags);
    slot.slots.beginSend(slot);
    if (slot.verifier !== null) slot.verifier.sent(slot, length, this.#inFlight.next);
    return this.#inFlight.add(slot);
  }

  #refuseOrWait(result: number, length: number, flags: number): void {
    if (result < 0) throw refusal(this.#state, result, length, flags);
    this.#state.waitForDrain(this.#inFlight.next);
  }

  /** What nearly every send of a pooled buffer is, told by a few comparisons; if not, `#check`. */
  #isUsual(buffer: PooledBuffer, slot: Slot, length: number): boolean {
    return (
      buffer.pool === this.#pools.usual &&
      slot.leases > 0 &&
      Number.isInteger(length) && // before it is compared: that would convert what is no number
      length > 0 &&
      length <= this.#pools.usualLength
    );
  }

  #check(buffer: PooledBuffer, slot: Slot, length: number): void {
    slot.assertHeld('send');
    checkPool(buffer.pool, this.#ownPool, slot.index);
    checkLength(this.#state, length, buffer.bytes.length);
    this.#pools.use(buffer.pool, slot.verifier !== null, this.#inFlight);
  }

  #plain(buffer: Uint8Array, length: number | undefined, flags: number): number {
    const available = checkPlain(buffer);
    const bytes = length === undefined ? available : length;
    checkLength(this.#state, bytes, available);
    checkNotPooled(buffer);
    const asked = this.#policy.wants(bytes) ? flags | ZERO_COPY : flags;
    reactor.markBusy(this.#reactee);
    const result = nativeSendPlain(this.#handle, buffer, bytes, asked);
    if (result < 0) throw refusal(this.#state, result, bytes, flags);
    if (waiting() !== 0) this.#state.waitForDrain(this.#inFlight.next);
    this.#inFlight.markNext(); // it is of no pool, and those around it are
    const id = this.#inFlight.add(buffer);
    this.#inFlight.markNext();
    return id;
  }

  many(
    buffers: readonly PooledBuffer[],
    length: number | ArrayLike<number>,
  ): { first: number; last: number } {
    if (!Array.isArray(buffers)) throw invalidArgument('buffers', 'an array', buffers);
    const count = checkInteger('buffers.length', buffers.length, 1, this.#maxBatch);
    this.#sinceReap += count;
    this.reapIfDue();
    const own = readBuffers(buffers, count);
    try {
      const lengths = typeof length === 'number' ? length : readLengths(length, count);
      // Nothing runs within it that is not ours.
      return this.#sendBuffers(own, lengths, count);
    } finally {
      giveBack(own, count);
    }
  }

  #sendBuffers(
    own: unknown[],
    lengths: number | readonly unknown[],
    count: number,
  ): { first: number; last: number } {
    const slots = own as Slot[]; // which take the places of the buffers, one by one
    let begun = 0;
    let verified = false;
    try {
      for (; begun < count; begun++) {
        const buffer = own[begun];
        if (!isPooled(buffer)) {
          throw invalidArgument(`buffers[${begun}]`, 'a PooledBuffer', buffer);
        }
        const slot = slotOf(buffer);
        const bytes = typeof lengths === 'number' ? lengths : (lengths[begun] as number);
        if (!this.#isUsual(buffer, slot, bytes)) {
          this.#check(buffer, slot, bytes);
          verified ||= slot.verifier !== null;
        }
        const asked = this.#policy.wants(bytes) ? ZERO_COPY : 0;
        writeOneOf(begun, slot.slab, slot.index, bytes, asked);
        // Now, so that a buffer named twice needs two leases.
        slot.slots.beginSend(slot);
        slots[begun] = slot;
      }
      if (!this.#reactee.active) reactor.markBusy(this.#reactee);
      const result = nativeSendMany(this.#handle, count);
      if (result < 0) throw this.#refusalOf(result, requestLength);
    } catch (error) {
      cancelSends(slots, begun);
      if (begun < count) nameIndex(error, begun);
      throw error;
    }
    const first = this.#inFlight.next;
    for (let i = 0; verified && i < count; i++) {
      const slot = slots[i] as Slot;
      slot.verifier?.sent(slot, requestLength(i), first + i);
    }
    this.#inFlight.addMany(slots, count);
    if (waiting() !== 0) this.#state.waitForDrain(first + count - 1);
    return { first, last: first + count - 1 };
  }

  run(buffers: BufferRun, length: number | ArrayLike<number>): { first: number; last: number } {
    const run = runOf(buffers);
    this.#sinceReap += run.count;
    this.reapIfDue();
    run.assertHeld('send');
    const { count } = run;
    const { pool } = buffers;
    checkInteger('buffers.count', count, 1, this.#maxBatch);
    const lengths = typeof length === 'number' ? length : readLengths(length, count);
    // While they were read it may have been sent, and be another one now.
    run.assertHeld('send');
    if (run.count !== count) throw invalidArgument('length', `${run.count} numbers`, length);
    // From here to the last line nothing runs that is not ours.
    checkPool(pool, this.#ownPool, run.first);
    this.#writeLengths(lengths, count, pool.bufferSize);
    if (pool !== this.#pools.usual) this.#pools.use(pool, run.verifier !== null, this.#inFlight);
    if (!this.#reactee.active) reactor.markBusy(this.#reactee);
    const result = sendSlots(this.#handle, run.slab, run.first, count);
    if (result < 0) throw this.#refusalOf(result, runLength);
    const first = this.#inFlight.addRun(run);
    const last = first + count - 1;
    const { verifier } = run;
    for (let i = 0; verifier !== null && i < count; i++) verifier.sent(i, runLength(i), first + i);
    if (result > 0) this.#state.waitForDrain(last);
    return { first, last };
  }

  /** The error of one of several messages, whose lengths are in the mailbox. */
  #refusalOf(result: number, lengthOf: (i: number) => number): Error {
    const index = refusedIndex();
    return refusal(this.#state, result, lengthOf(index), 0, index);
  }

  /** Checks the lengths of a run and writes them into the mailbox. */
  #writeLengths(lengths: number | readonly unknown[], count: number, size: number): void {
    if (typeof lengths === 'number') {
      checkLength(this.#state, lengths, size);
      fillRunLengths(count, lengths, this.#policy.wants(lengths));
      return;
    }
    for (let i = 0; i < count; i++) {
      const bytes = lengths[i] as number;
      try {
        checkLength(this.#state, bytes, size);
      } catch (error) {
        nameIndex(error, i);
        throw error;
      }
      writeOneLength(i, bytes, this.#policy.wants(bytes));
    }
  }
}

/** The first `count` slots are not sent after all. */
function cancelSends(slots: readonly Slot[], count: number): void {
  for (const slot of slots.slice(0, count)) slot.slots.cancelSend(slot);
}
