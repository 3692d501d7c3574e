import { crc32 } from 'node:zlib';
import { stateError, typeError } from '../base/errors.js';
import { queueMicrotask } from '../base/timers.js';
import type { Slot, SlotVerifier } from './slots.js';

/**
 * What is remembered of a free slot: the checksum of its content when it went back, and the stack
 * of the call that acquired it last.
 */
interface Idle {
  where: string;
  checksum: number;
}

interface Watch {
  slot: Slot;
  where: string;
  /** how many bytes `checksum` covers; 0 while no send is in flight */
  length: number;
  checksum: number;
  /** the id of the latest send */
  id: number;
}

/** The stack of the caller of `callee`, in the format of `Error.stack`. */
export function stackOfCaller(callee: (...args: never[]) => unknown): string {
  const holder: { stack?: unknown } = {};
  Error.captureStackTrace(holder, callee);
  // Error.prepareStackTrace of the program may make something else of it.
  return String(holder.stack ?? '')
    .split('\n')
    .slice(1)
    .join('\n');
}

/**
 * The checks of a pool with `verify: true`. Each acquire makes a new handle with a new {@link Slot}, by
 * which a use of the old handle is recognized. A checksum of the content is taken at a send and compared
 * when the send completes; another is taken when the buffer goes back, and compared when it is acquired
 * again.
 *
 * When a checksum is found to differ, the code that wrote has long returned, so no call of the
 * user's could throw the error. It is raised as an uncaught exception, with the stack of the call
 * that acquired the buffer.
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

  /**
   * Begins to watch a slot that is handed out. `handle` and `slot` are both new; `where` is the
   * stack of the call that acquires it.
   */
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

  /** The stack of the call that acquired a slot which is in use. */
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

  /**
   * Checks the content when a send of the slot completes: until now the kernel could read it, so it
   * must not have changed.
   */
  completed(slot: Slot, id: number): void {
    const watch = this.#watches.get(slot.index);
    if (watch === undefined) return;
    this.#check(slot.index, watch, id);
    if (slot.sends !== 1) return;
    // It was the last send in flight, so a user who has leases left may write again.
    watch.length = 0;
    if (slot.leases === 0) this.#goesBack(slot);
  }

  #goesBack(slot: Slot): void {
    if (!slot.slots.isRetired(slot.index)) this.returned(slot.index);
  }

  /**
   * Called when the slot is free: marks its handle as stale, and takes the checksum that the next
   * acquire compares.
   */
  returned(index: number): void {
    const watch = this.#watches.get(index);
    if (watch === undefined) return;
    this.#stale.set(watch.slot, watch.where);
    this.#watches.delete(index);
    this.#idle.set(index, { where: watch.where, checksum: this.#checksum(index) });
  }

  /** Checks all free slots. Called when the pool closes, since they will not be acquired again. */
  checkFree(): void {
    for (const index of this.#idle.keys()) this.#checkIdle(index);
  }

  #checkIdle(index: number): void {
    const idle = this.#idle.get(index);
    if (idle === undefined || idle.checksum === this.#checksum(index)) return;
    this.#report(`buffer ${index} was written to while it was free`, idle.where);
  }

  /** Warns of each buffer that the user still holds. Called when the pool closes. */
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
    watch.checksum = checksum; // so that each change is reported once
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

/** One buffer of a run, in a pool that verifies. */
export interface VerifiedBuffer {
  /** Kept here, since a buffer whose handle is garbage-collected counts as forgotten. */
  readonly handle: { readonly bytes: Buffer };
  readonly slot: Slot;
}

/** Checks the buffers of a run one by one. Each has a handle of its own, which the user never sees. */
export class RunVerifier {
  readonly #verifier: Verifier;
  #buffers: readonly VerifiedBuffer[];

  constructor(verifier: Verifier, buffers: readonly VerifiedBuffer[]) {
    this.#verifier = verifier;
    this.#buffers = buffers;
  }

  /** Keeps the first `count` buffers. Returns a verifier of their own for the others. */
  cut(count: number): RunVerifier {
    const others = new RunVerifier(this.#verifier, this.#buffers.slice(count));
    this.#buffers = this.#buffers.slice(0, count);
    return others;
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

  /**
   * Called when `count` buffers from number `i` on have completed, the first of them as `id`. They
   * are free now.
   */
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
