import { FLAG_ZERO_COPY, native } from '../addon/addon.js';
import { waitingSends, writeRequest } from '../addon/mailbox.js';
import type { Reactee } from '../addon/reactee.js';
import { reactor } from '../addon/reactor.js';
import { outOfRange } from '../base/errors.js';
import type { BufferPool } from '../buffers/buffer-pool.js';
import { checkPart, HeldParts, MOST_PARTS, type Part, readParts } from '../buffers/parts.js';
import type { PooledBuffer } from '../buffers/pooled-buffer.js';
import type { Slot } from '../buffers/slots.js';
import type { Holder } from './holder.js';
import type { PoolsInFlight } from './pools-in-flight.js';
import { checkPool, nameIndex, refusal } from './refusals.js';
import type { SocketState } from './state.js';

/** Sends that have one id, and memory in several places. */
export class PartsSender {
  readonly #state: SocketState;
  readonly #reactee: Reactee;
  readonly #pools: PoolsInFlight;
  readonly #ownPool: BufferPool | null;

  constructor(
    state: SocketState,
    reactee: Reactee,
    pools: PoolsInFlight,
    ownPool: BufferPool | null,
  ) {
    this.#state = state;
    this.#reactee = reactee;
    this.#pools = pools;
    this.#ownPool = ownPool;
  }

  /**
   * Makes one send out of parts, whose bytes are sent one behind the other. All parts are held
   * until it completes.
   * @param aim writes the destination. It is called after the parts were read, since their getters
   * may send as well
   */
  send(given: readonly unknown[], lengths: unknown, flags: number, aim?: () => void): number {
    const unchecked = readParts(given, lengths, MOST_PARTS);
    aim?.();
    const parts: Part[] = [];
    const arrays: Uint8Array[] = [];
    let total = 0;
    // From here on no code of the program runs.
    try {
      for (const [i, each] of unchecked.entries()) {
        const part = checkPart(each, i);
        if (part.slot === null) arrays.push(part.buffer as Uint8Array);
        else this.#begin(part.buffer as PooledBuffer, part.slot);
        parts.push(part);
        writeRequest(i, part.slot?.slab ?? 0, part.slot?.index ?? 0, part.length, part.offset);
        total += part.length;
      }
      this.#checkTotal(total);
      const asked = this.#state.policy.wants(total) ? flags | FLAG_ZERO_COPY : flags;
      reactor.markBusy(this.#reactee);
      const { handle } = this.#state;
      const result = native.sendExtents(handle, parts.length, asked, ...arrays);
      if (result < 0) throw refusal(this.#state, result, total, flags);
    } catch (error) {
      cancel(parts);
      if (parts.length < unchecked.length) nameIndex(error, parts.length);
      throw error;
    }
    if (waitingSends() !== 0) this.#state.waitForDrain(this.#state.inFlight.next);
    return this.#add(parts);
  }

  /** Makes one send of `total` bytes out of frames of the socket's own pool. */
  frames(parts: readonly Part[], total: number): number {
    let begun = 0;
    try {
      for (; begun < parts.length; begun++) {
        const { buffer, offset, length } = parts[begun] as Part;
        const slot = parts[begun]?.slot as Slot;
        this.#begin(buffer as PooledBuffer, slot);
        writeRequest(begun, slot.slab, slot.index, length, offset);
      }
      reactor.markBusy(this.#reactee);
      const result = native.sendPacket(this.#state.handle, parts.length);
      if (result < 0) throw refusal(this.#state, result, total, 0);
    } catch (error) {
      cancel(parts.slice(0, begun));
      throw error;
    }
    return this.#add(parts);
  }

  /** Turns a lease into a send at once, so that a buffer that is named twice needs two leases. */
  #begin(buffer: PooledBuffer, slot: Slot): void {
    slot.assertHeld('send');
    checkPool(buffer.pool, this.#ownPool, slot.index);
    this.#pools.use(buffer.pool, slot.verifier !== null, this.#state.inFlight);
    slot.slots.beginSend(slot);
  }

  #checkTotal(total: number): void {
    const { maxLength, hooks } = this.#state;
    if (total <= maxLength) return;
    throw hooks.tooLong?.(total) ?? outOfRange('all lengths', `at most ${maxLength}`, total);
  }

  #add(parts: readonly Part[]): number {
    const { inFlight } = this.#state;
    for (const { slot, offset, length } of parts) {
      slot?.verifier?.sent(slot, offset + length, inFlight.next);
    }
    inFlight.markNext(); // its pools may differ from those of the sends before and after it
    const memory = parts.map(({ slot, buffer }) => slot ?? (buffer as Uint8Array));
    const id = inFlight.add(memory.length > 1 ? new HeldParts(memory) : (memory[0] as Holder));
    inFlight.markNext();
    return id;
  }
}

/** Gives the leases of these parts back, which were not sent. */
function cancel(parts: readonly Part[]): void {
  for (const { slot } of parts) slot?.slots.cancelSend(slot);
}
