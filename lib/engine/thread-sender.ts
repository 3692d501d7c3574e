import { FLAG_DESTINATION, FLAG_ZERO_COPY, native, REFUSED_CLOSED } from '../addon/addon.js';
import { waitingSends } from '../addon/mailbox.js';
import { reactor } from '../addon/reactor.js';
import { reserveLines, writeDestination, writeSend } from '../addon/submission.js';
import { recentClock } from '../base/recent-clock.js';
import type { PartLengths, SendPart } from '../buffers/parts.js';
import { checkNotPooled, checkPlain } from '../buffers/plain-array.js';
import {
  isPooled as isPooledBuffer,
  type PooledBuffer,
  slotOf as slotOfBuffer,
} from '../buffers/pooled-buffer.js';
import type { Slot } from '../buffers/slots.js';
import type { InFlight } from './in-flight.js';
import type { Lines } from './lines.js';
import type { PartsSender } from './parts-sender.js';
import type { PoolsInFlight } from './pools-in-flight.js';
import { checkLength, refusal } from './refusals.js';
import type { Sender } from './sender.js';
import type { Sends } from './sends.js';
import type { Limits, SocketState } from './state.js';
import type { Submission } from './submission.js';
import { ThreadPartsSender } from './thread-parts-sender.js';
import type { ZeroCopyPolicy } from './zero-copy-policy.js';

// TurboFan folds constants of this module; an imported binding is loaded, and its type checked, at each
// use.
const isPooled = isPooledBuffer;
const slotOf = slotOfBuffer;
const reserve = reserveLines;
const write = writeSend;

/**
 * Publishes sends for the submission thread: each is checked, written into the ring, and booked under the
 * next id. What the kernel makes of it is told by the completion of the id. As a {@link Sender} to whoever
 * sends; which of the two a socket has is decided when it is opened.
 */
export class ThreadSender implements Sends {
  readonly parts: PartsSender;
  readonly #state: SocketState;
  readonly #lines: Lines;
  readonly #inFlight: InFlight;
  readonly #policy: ZeroCopyPolicy;
  readonly #inline: Sender;
  readonly #handle: number;
  readonly #reapEvery: number;
  #sinceReap = 0;

  /** @param inline of the same socket: it checks arguments, and sends what no descriptor can hold */
  constructor(
    state: SocketState,
    lines: Lines,
    pools: PoolsInFlight,
    inline: Sender,
    limits: Limits & { reapEvery: number },
  ) {
    this.parts = new ThreadPartsSender(state, lines.reactee, pools, limits.pool ?? null, lines);
    this.#state = state;
    this.#lines = lines;
    this.#inFlight = state.inFlight;
    this.#policy = state.policy;
    this.#inline = inline;
    this.#handle = state.handle;
    this.#reapEvery = limits.reapEvery;
  }

  /** As of the other sender: listeners run in here. */
  reapIfDue(): void {
    if (++this.#sinceReap >= this.#reapEvery) this.#reap();
  }

  reapIfDueFor(sends: number): void {
    this.#sinceReap += sends;
    if (this.#sinceReap >= this.#reapEvery) this.#reap();
  }

  #reap(): void {
    this.#sinceReap = 0;
    if (this.#state.phase === 'closed') return;
    reactor.look(); // also where nothing is in flight: a dry pool has left events to tell
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

  from(
    buffer: PooledBuffer | Uint8Array | readonly SendPart[],
    length: number | PartLengths | undefined,
    flags: number,
    offset: number | undefined,
  ): number {
    if (offset === undefined) return this.one(buffer, length, flags);
    return this.#lines.behind(() => this.#inline.from(buffer, length, flags, offset));
  }

  /** @param copied it is a copy already, for which no zero copy is asked */
  pooled(buffer: PooledBuffer, length: number, flags: number, copied: boolean): number {
    const slot = slotOf(buffer);
    if (!this.isUsual(buffer, slot, length)) this.check(buffer, slot, length);
    reserve(1);
    const zeroCopy = !copied && this.#policy.wants(length);
    write(0, this.#handle, slot.slab, slot.index, length, zeroCopy);
    if ((flags & FLAG_DESTINATION) !== 0) writeDestination();
    this.#lines.checkOne(length, flags);
    this.#lines.publish(1);
    slot.slots.beginSend(slot);
    if (slot.verifier !== null) slot.verifier.sent(slot, length, this.#inFlight.next);
    return this.#inFlight.add(slot);
  }

  isUsual(buffer: PooledBuffer, slot: Slot, length: number): boolean {
    return this.#inline.isUsual(buffer, slot, length);
  }

  check(buffer: PooledBuffer, slot: Slot, length: number, offset?: number): void {
    this.#inline.check(buffer, slot, length, offset);
  }

  /** A plain array is handed over within the call: no descriptor can hold its memory. */
  #plain(buffer: Uint8Array, length: number | undefined, flags: number): number {
    const available = checkPlain(buffer);
    const bytes = length === undefined ? available : length;
    checkLength(this.#state, bytes, available);
    checkNotPooled(buffer);
    const asked = this.#policy.wants(bytes) ? flags | FLAG_ZERO_COPY : flags;
    if (this.#state.phase !== 'open') throw refusal(this.#state, REFUSED_CLOSED, bytes, flags);
    reactor.markBusy(this.#lines.reactee);
    const submission = this.#state.submission as Submission;
    const { cells } = submission;
    const { next } = this.#inFlight;
    if (this.#state.needDrain) cells.askForDrain(next + 1); // before it is sent
    const result = native.submitPlain(this.#handle, buffer, bytes, asked);
    if (result < 0) {
      cells.askForDrain(next);
      native.handOver(this.#handle); // tells what would have been told meanwhile
      throw refusal(this.#state, result, bytes, flags);
    }
    if (this.#state.needDrain) this.#state.waitForDrain(next);
    this.#inFlight.markNext(); // it is of no pool, and those around it are
    const id = this.#inFlight.add(buffer);
    this.#inFlight.markNext();
    if (waitingSends() !== 0) submission.noteWaiting();
    return id;
  }
}
