import { crc32 } from 'node:zlib';
import { stateError, typeError } from '../base/errors.js';
import { queueMicrotask } from '../base/timers.js';
import type { Slot, SlotVerifier } from './slot.js';

/** What a slot held when it went back, and where its last user had acquired it. */
interface Idle {
  where: string;
  checksum: number;
}

interface Watch {
  slot: Slot;
  where: string;
  /** bytes covered by `checksum`; 0 before the first send */
  length: number;
  checksum: number;
  /** the latest send */
  id: number;
}

/** The stack of whoever called `callee`, as an error has it. */
export function stackOfCaller(callee: (...args: never[]) => unknown): string {
  const holder: { stack?: string } = {};
  Error.captureStackTrace(holder, callee);
  return (holder.stack ?? '').split('\n').slice(1).join('\n');
}

/**
 * The checks of a pool with `verify: true`. Each acquire makes a new handle with a new {@link Slot}, so
 * that an old one can be told from the new one; the content is checked from a send to its completion, and from there to
 * the next acquire.
 *
 * What is found has gone wrong already, often long after the line that did it: it is thrown as an
 * uncaught exception, with the stack of where the buffer was acquired.
 */
export class Verifier implements SlotVerifier {
  readonly #watches = new Map<number, Watch>();
  readonly #stale = new WeakMap<Slot, string>();
  readonly #views: readonly Buffer[];
  readonly #idle = new Map<number, Idle>();
  readonly #forgotten = new FinalizationRegistry<{ index: number; where: string }>((held) => {
    process.emitWarning(
      `buffer ${held.index} was garbage-collected with a lease left: it will not come back\n` +
        `acquired:\n${held.where}`,
      { type: 'ZeroSendWarning', code: 'ZEROSEND_BUFFER_FORGOTTEN' },
    );
  });

  constructor(views: readonly Buffer[]) {
    this.#views = views;
  }

  /** `slot` is handed out by `handle` (both are new) to who called from `where`. */
  acquired(handle: object, slot: Slot, where: string): void {
    const { index } = slot;
    const bytes = this.#views[index] as Buffer;
    this.#checkIdle(index);
    this.#idle.delete(index);
    this.#watches.set(index, { slot, where, length: 0, checksum: 0, id: 0 });
    this.#forgotten.register(handle, { index, where }, slot);
    const stale = this.#stale;
    Object.defineProperty(handle, 'bytes', {
      get: () => {
        const acquiredAt = stale.get(slot);
        if (acquiredAt !== undefined) throw staleHandle(slot, 'read', acquiredAt);
        return bytes;
      },
    });
  }

  /** Where a slot that is in use was acquired. */
  whereOf(slot: Slot): string {
    return this.#watches.get(slot.index)?.where ?? '';
  }

  isStale(slot: Slot): boolean {
    return this.#stale.has(slot);
  }

  assertCurrent(slot: Slot, action: string): void {
    const where = this.#stale.get(slot);
    if (where !== undefined) throw staleHandle(slot, action, where);
  }

  released(slot: Slot): void {
    if (slot.leases !== 1) return;
    this.#forgotten.unregister(slot);
    if (slot.sends === 0) this.#goesBack(slot);
  }

  sent(slot: Slot, length: number, id: number): void {
    if (slot.leases === 0) this.#forgotten.unregister(slot);
    const watch = this.#watches.get(slot.index);
    if (watch === undefined) return;
    this.#check(slot.index, watch, watch.id);
    watch.id = id;
    if (length > watch.length) {
      watch.length = length;
      watch.checksum = this.#checksum(slot.index, length);
    }
  }

  /** The kernel could read the slot until now. */
  completed(slot: Slot, id: number): void {
    const watch = this.#watches.get(slot.index);
    if (watch === undefined) return;
    this.#check(slot.index, watch, id);
    if (slot.sends !== 1) return;
    // The last one in flight: who has leases left may write again.
    watch.length = 0;
    if (slot.leases === 0) this.#goesBack(slot);
  }

  #goesBack(slot: Slot): void {
    if (!slot.slots.isRetired(slot.index)) this.returned(slot.index);
  }

  /** Nobody has the slot any more. */
  returned(index: number): void {
    const watch = this.#watches.get(index);
    if (watch === undefined) return;
    this.#stale.set(watch.slot, watch.where);
    this.#watches.delete(index);
    this.#idle.set(index, { where: watch.where, checksum: this.#checksum(index) });
  }

  /** The pool closes: nobody will acquire what is free, and look at it. */
  checkFree(): void {
    for (const index of this.#idle.keys()) this.#checkIdle(index);
  }

  #checkIdle(index: number): void {
    const idle = this.#idle.get(index);
    if (idle === undefined || idle.checksum === this.#checksum(index)) return;
    this.#report(`buffer ${index} was written to while it was free`, idle.where);
  }

  /** The pool closes: warns of each buffer of which the user has leases left. */
  warnOfHeld(): void {
    for (const [index, { slot, where }] of this.#watches) {
      if (slot.leases === 0) continue;
      process.emitWarning(
        `buffer ${index} is still held while its pool closes\nacquired:\n${where}`,
        { type: 'ZeroSendWarning', code: 'ZEROSEND_BUFFER_FORGOTTEN' },
      );
    }
  }

  #checksum(index: number, length?: number): number {
    return crc32((this.#views[index] as Buffer).subarray(0, length));
  }

  #check(index: number, watch: Watch, id: number): void {
    if (watch.length === 0) return;
    const checksum = this.#checksum(index, watch.length);
    if (checksum === watch.checksum) return;
    watch.checksum = checksum; // reported once for each change
    this.#report(
      `buffer ${index} was written to while send ${id} of it was in flight: ` +
        'what went out on the wire is undefined',
      watch.where,
      id,
    );
  }

  #report(message: string, where: string, id?: number): void {
    const text = `${message}\nacquired:\n${where}`;
    const error = Object.assign(stateError('ERR_ZEROSEND_BUFFER_CHANGED', text), { id });
    queueMicrotask(() => {
      throw error;
    });
  }
}

/** A buffer of a run, in a pool that verifies. */
export interface VerifiedBuffer {
  /** Kept, as a handle that is garbage-collected counts as forgotten. */
  readonly handle: { readonly bytes: Buffer };
  readonly slot: Slot;
}

/** The same checks for the buffers of a run, each of which has a handle here. */
export class RunVerifier {
  readonly #verifier: Verifier;
  readonly #buffers: readonly VerifiedBuffer[];

  constructor(verifier: Verifier, buffers: readonly VerifiedBuffer[]) {
    this.#verifier = verifier;
    this.#buffers = buffers;
  }

  bytes(i: number): Buffer {
    return (this.#buffers[i] as VerifiedBuffer).handle.bytes;
  }

  sent(i: number, length: number, id: number): void {
    const { slot } = this.#buffers[i] as VerifiedBuffer;
    slot.leases = 0;
    slot.sends = 1;
    this.#verifier.sent(slot, length, id);
  }

  /** So many from number `i`, the first with this id. Nobody has them afterwards. */
  completed(i: number, count: number, id: number): void {
    for (const [k, { slot }] of this.#buffers.slice(i, i + count).entries()) {
      this.#verifier.completed(slot, id + k);
      slot.sends = 0;
      this.#verifier.returned(slot.index);
    }
  }

  released(): void {
    for (const { slot } of this.#buffers) {
      this.#verifier.released(slot);
      slot.leases = 0;
      this.#verifier.returned(slot.index);
    }
  }
}

function staleHandle(slot: Slot, action: string, where: string): TypeError {
  return typeError(
    'ERR_ZEROSEND_STALE_HANDLE',
    `cannot ${action} through a stale handle: buffer ${slot.index} has gone back to its pool ` +
      `since\nacquired:\n${where}`,
  );
}
