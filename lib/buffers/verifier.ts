import { crc32 } from 'node:zlib';
import { stateError, typeError } from '../base/errors.js';
import { queueMicrotask } from '../base/timers.js';
import type { PooledBuffer } from './pooled-buffer.js';

/** What a slot held when it went back, and where its last user had acquired it. */
interface Idle {
  where: string;
  checksum: number;
}

interface Watch {
  handle: WeakRef<PooledBuffer>;
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
 * The checks of a pool with `verify: true`. Each acquire makes a new handle, so that an old one can
 * be told from the new one; the content is checked from a send to its completion, and from there to
 * the next acquire.
 *
 * What is found has gone wrong already, often long after the line that did it: it is thrown as an
 * uncaught exception, with the stack of where the buffer was acquired.
 */
export class Verifier {
  readonly #watches = new Map<number, Watch>();
  readonly #stale = new WeakMap<PooledBuffer, string>();
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

  /** A slot is handed out under `handle`, which is new, to who called from `where`. */
  acquired(handle: PooledBuffer, where: string): void {
    const { index } = handle;
    const bytes = this.#views[index] as Buffer;
    this.#checkIdle(index);
    this.#idle.delete(index);
    this.#watches.set(index, { handle: new WeakRef(handle), where, length: 0, checksum: 0, id: 0 });
    this.#forgotten.register(handle, { index, where }, handle);
    const stale = this.#stale;
    Object.defineProperty(handle, 'bytes', {
      get: () => {
        const acquiredAt = stale.get(handle);
        if (acquiredAt !== undefined) throw staleHandle(handle, 'read', acquiredAt);
        return bytes;
      },
    });
  }

  /** Where a handle that is in use was acquired. */
  whereOf(handle: PooledBuffer): string {
    return this.#watches.get(handle.index)?.where ?? '';
  }

  isStale(handle: PooledBuffer): boolean {
    return this.#stale.has(handle);
  }

  assertCurrent(handle: PooledBuffer, action: string): void {
    const where = this.#stale.get(handle);
    if (where !== undefined) throw staleHandle(handle, action, where);
  }

  /** A lease is about to be given back. */
  released(handle: PooledBuffer): void {
    if (handle._leases === 1) this.#forgotten.unregister(handle);
  }

  /** A send of the first `length` bytes was accepted. */
  sent(handle: PooledBuffer, length: number, id: number): void {
    if (handle._leases === 0) this.#forgotten.unregister(handle);
    const watch = this.#watches.get(handle.index);
    if (watch === undefined) return;
    this.#check(handle.index, watch, watch.id);
    watch.id = id;
    if (length > watch.length) {
      watch.length = length;
      watch.checksum = this.#checksum(handle.index, length);
    }
  }

  /** The send `id` of the slot has completed; the kernel could read it until now. */
  completed(handle: PooledBuffer, id: number): void {
    const watch = this.#watches.get(handle.index);
    if (watch === undefined) return;
    this.#check(handle.index, watch, id);
    // The last one in flight: who has leases left may write again.
    if (handle._sends === 1) watch.length = 0;
  }

  /** The slot has gone back to the free ones. */
  returned(index: number): void {
    const watch = this.#watches.get(index);
    const handle = watch?.handle.deref();
    if (watch && handle) this.#stale.set(handle, watch.where);
    this.#watches.delete(index);
    if (watch) this.#idle.set(index, { where: watch.where, checksum: this.#checksum(index) });
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

  /** Where each buffer was acquired of which the user has leases left. */
  held(): { index: number; where: string }[] {
    return [...this.#watches]
      .filter(([, { handle }]) => handle.deref()?._leases !== 0)
      .map(([index, { where }]) => ({ index, where }));
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

/** The same checks for the buffers of a run, each of which has a handle here. */
export class RunVerifier {
  readonly #verifier: Verifier;
  readonly #handles: readonly PooledBuffer[];

  constructor(verifier: Verifier, handles: readonly PooledBuffer[]) {
    this.#verifier = verifier;
    this.#handles = handles;
  }

  bytes(i: number): Buffer {
    return (this.#handles[i] as PooledBuffer).bytes;
  }

  sent(i: number, length: number, id: number): void {
    const handle = this.#handles[i] as PooledBuffer;
    handle._leases = 0;
    handle._sends = 1;
    this.#verifier.sent(handle, length, id);
  }

  /** So many from number `i`, the first with this id. Nobody has them afterwards. */
  completed(i: number, count: number, id: number): void {
    for (const [k, handle] of this.#handles.slice(i, i + count).entries()) {
      this.#verifier.completed(handle, id + k);
      handle._sends = 0;
      this.#verifier.returned(handle.index);
    }
  }

  released(): void {
    for (const handle of this.#handles) {
      this.#verifier.released(handle);
      handle._leases = 0;
      this.#verifier.returned(handle.index);
    }
  }
}

function staleHandle(handle: PooledBuffer, action: string, where: string): TypeError {
  return typeError(
    'ERR_ZEROSEND_STALE_HANDLE',
    `cannot ${action} through a stale handle: buffer ${handle.index} has gone back to its pool ` +
      `since\nacquired:\n${where}`,
  );
}
