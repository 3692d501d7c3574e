import {
  FLAG_BEGIN,
  FLAG_PROMPT,
  FLAG_RANGE,
  FLAG_ZERO_COPY,
  LOOK_BACK,
  native,
  PROMPT,
} from '../addon/addon.js';
import { beginOf, sendSlot, waitingSends, writeBegin } from '../addon/mailbox.js';
import { promptSends as threadsPromptSends } from '../addon/prompt-sends.js';
import type { Reactee } from '../addon/reactee.js';
import { reactor } from '../addon/reactor.js';
import { invalidArgument } from '../base/errors.js';
import { recentClock } from '../base/recent-clock.js';
import type { BufferPool } from '../buffers/buffer-pool.js';
import type { PartLengths, SendPart } from '../buffers/parts.js';
import { checkNotPooled, checkPlain } from '../buffers/plain-array.js';
import {
  isPooled as isPooledBuffer,
  type PooledBuffer,
  slotOf as slotOfBuffer,
} from '../buffers/pooled-buffer.js';
import type { Slot } from '../buffers/slots.js';
import type { InFlight } from './in-flight.js';
import { PartsSender } from './parts-sender.js';
import type { PoolsInFlight } from './pools-in-flight.js';
import { checkLength, checkOffset, checkPool, refusal } from './refusals.js';
import type { Limits, SocketState } from './state.js';
import type { ZeroCopyPolicy } from './zero-copy-policy.js';

// TurboFan folds constants of this module; an imported binding is loaded, and its type checked, at each
// use. Functions of the addon are not called through its object, whose many properties make a
// dictionary of it.
const { sendPlain: nativeSendPlain } = native;
const sendOne = sendSlot;
const waiting = waitingSends;
const isPooled = isPooledBuffer;
const slotOf = slotOfBuffer;
const promptSends = threadsPromptSends;
const ZERO_COPY = FLAG_ZERO_COPY;
const GOES_ON = FLAG_PROMPT;
const BEGINS_RANGE = FLAG_PROMPT | FLAG_RANGE;
const IS_PROMPT = PROMPT;

/**
 * Hands sends over to the addon one by one: each is checked, written into the mailbox, and booked under
 * the next id once it has been accepted. All that a send touches is here, or one step from here.
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
  readonly #ownPool: BufferPool | null;
  #sinceReap = 0;

  constructor(
    state: SocketState,
    reactee: Reactee,
    pools: PoolsInFlight,
    limits: Limits & { reapEvery: number },
  ) {
    this.#state = state;
    this.#reactee = reactee;
    this.#pools = pools;
    this.#inFlight = state.inFlight;
    this.#policy = state.policy;
    this.#handle = state.handle;
    this.#reapEvery = limits.reapEvery;
    this.#ownPool = limits.pool ?? null;
    this.parts = new PartsSender(state, reactee, pools, this.#ownPool);
  }

  /**
   * Takes completions in, once every few sends. Has to be called before anything else that a send
   * does, since listeners run within, and may send or close. So they hear only of ids that `send`
   * has returned already.
   */
  reapIfDue(): void {
    if (++this.#sinceReap >= this.#reapEvery) this.#reap();
  }

  /** The same before a call with `sends` sends. */
  reapIfDueFor(sends: number): void {
    this.#sinceReap += sends;
    if (this.#sinceReap >= this.#reapEvery) this.#reap();
  }

  #reap(): void {
    this.#sinceReap = 0;
    if (this.#inFlight.size === 0 || this.#state.phase === 'closed') return;
    reactor.poll(this.#reactee);
    this.#inFlight.markFrom(recentClock); // listeners, if any have run, have let the clock expire
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

  /** Sends a part of a buffer, from an offset on. */
  from(
    buffer: PooledBuffer | Uint8Array | readonly SendPart[],
    length: number | PartLengths | undefined,
    flags: number,
    offset: number | undefined,
  ): number {
    if (offset === undefined) return this.one(buffer, length, flags);
    if (Array.isArray(buffer)) {
      throw invalidArgument('options.offset', 'left out: each part says where it begins', offset);
    }
    if (!isPooled(buffer)) {
      return this.#plain(buffer as Uint8Array, length as number | undefined, flags, offset);
    }
    this.check(buffer, slotOf(buffer), length as number, offset);
    writeBegin(0, offset);
    return this.pooled(buffer, length as number, flags | FLAG_BEGIN, false);
  }

  /**
   * Kept small: TurboFan inlines so many bytecodes into a caller and no more. With `#takeAnswer` in
   * line and a default for `copied`, a send in a loop cost 54 ns of JavaScript in place of 39.
   * @param copied the buffer is a copy already, so it is not sent with zero copy
   */
  pooled(buffer: PooledBuffer, length: number, flags: number, copied: boolean): number {
    const slot = slotOf(buffer);
    if (!this.isUsual(buffer, slot, length)) this.check(buffer, slot, length);
    const asked =
      !copied && this.#policy.wants(length) ? flags | ZERO_COPY : flags | this.#promptFlags();
    if (!this.#reactee.active) reactor.markBusy(this.#reactee);
    const result = sendOne(this.#handle, slot.slab, slot.index, length, asked);
    if (result !== 0) return this.#takeAnswer(result, slot, length, flags);
    slot.slots.beginSend(slot);
    if (slot.verifier !== null) this.#verify(slot, length, flags);
    return this.#inFlight.add(slot);
  }

  #takeAnswer(result: number, slot: Slot, length: number, flags: number): number {
    if (result !== IS_PROMPT && result !== LOOK_BACK) this.#refuseOrWait(result, length, flags);
    slot.slots.beginSend(slot);
    if (slot.verifier !== null) this.#verify(slot, length, flags);
    if (result === IS_PROMPT) return this.#addPrompt(slot, slot);
    const id = this.#inFlight.add(slot);
    if (result === LOOK_BACK) reactor.scheduled.lookBack();
    return id;
  }

  /** @param slot null where the memory is of no pool */
  #addPrompt(memory: Slot | Uint8Array, slot: Slot | null): number {
    const id = this.#inFlight.addPrompt(memory);
    promptSends.add(this.#reactee, slot, id);
    return id;
  }

  #promptFlags(): number {
    const inFlight = this.#inFlight;
    if (!inFlight.takesPrompt) return 0;
    return inFlight.next === inFlight.low ? BEGINS_RANGE : GOES_ON;
  }

  #verify(slot: Slot, length: number, flags: number): void {
    const end = (flags & FLAG_BEGIN) === 0 ? length : beginOf(0) + length;
    slot.verifier?.sent(slot, end, this.#inFlight.next);
  }

  #refuseOrWait(result: number, length: number, flags: number): void {
    if (result < 0) throw refusal(this.#state, result, length, flags);
    this.#state.waitForDrain(this.#inFlight.next);
  }

  /**
   * Whether a send of a pooled buffer is valid, for nearly every send, by a few comparisons.
   * Otherwise `check` decides.
   */
  isUsual(buffer: PooledBuffer, slot: Slot, length: number): boolean {
    return (
      buffer.pool === this.#pools.usual &&
      slot.leases > 0 &&
      // checked before comparing, which would convert a value that is no number
      Number.isInteger(length) &&
      length > 0 &&
      length <= this.#pools.usualLength
    );
  }

  /** Checks any send of a pooled buffer, and throws where it is not valid. */
  check(buffer: PooledBuffer, slot: Slot, length: number, offset?: number): void {
    slot.assertHeld('send');
    checkPool(buffer.pool, this.#ownPool, slot.index);
    const begin = checkOffset(offset, buffer.bytes.length, this.#ownPool);
    checkLength(this.#state, length, buffer.bytes.length - begin);
    this.#pools.use(buffer.pool, slot.verifier !== null, this.#inFlight);
  }

  #plain(buffer: Uint8Array, length: number | undefined, flags: number, offset?: number): number {
    const whole = checkPlain(buffer);
    const available = whole - checkOffset(offset, whole, this.#ownPool);
    const bytes = length === undefined ? available : length;
    checkLength(this.#state, bytes, available);
    checkNotPooled(buffer);
    if (offset !== undefined) writeBegin(0, offset);
    const sliced = offset === undefined ? flags : flags | FLAG_BEGIN;
    const asked = this.#policy.wants(bytes) ? sliced | ZERO_COPY : sliced | this.#promptFlags();
    reactor.markBusy(this.#reactee);
    const result = nativeSendPlain(this.#handle, buffer, bytes, asked);
    if (result < 0) throw refusal(this.#state, result, bytes, flags);
    if (waiting() !== 0) this.#state.waitForDrain(this.#inFlight.next);
    this.#inFlight.markNext(); // it is of no pool, unlike the sends before and after it
    const id = result === IS_PROMPT ? this.#addPrompt(buffer, null) : this.#inFlight.add(buffer);
    this.#inFlight.markNext();
    return id;
  }
}
