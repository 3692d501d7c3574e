import type { InspectOptionsStylized } from 'node:util';
import { invalidArgument, typeError } from '../base/errors.js';
import { show, shown } from '../base/inspection.js';
import { checkInteger } from '../base/validate.js';
import type { BufferPool } from './buffer-pool.js';
import type { Slots } from './slots.js';
import type { Verifier } from './verifier.js';

const MAX_LEASES = 2 ** 32 - 1;

/**
 * A slot of a {@link BufferPool}, acquired by you: fill `bytes`, then send it or release it. There
 * is one object for each slot, used again and again; after the last send or release do not touch it
 * (a pool with `verify: true` hands out new objects and reports such use).
 */
export class PooledBuffer {
  readonly pool: BufferPool;
  /** The slot's number in its pool, 0 to `count - 1`. */
  readonly index: number;
  // Keeps objects of the same shape from passing for a buffer, and at runtime a Proxy of one, or an
  // object made after one: their properties could change while they are read.
  readonly #made = true;
  // What each send touches comes first, so that it shares a cache line.
  /** @internal rights to send it, held by the user */ _leases = 0;
  /** @internal sends that have not completed */ _sends = 0;
  /** @internal */ readonly _slots: Slots;
  /** @internal */ readonly _slab: number;
  /** @internal */ readonly _verifier: Verifier | null;
  /**
   * The whole slot, one view made once. It holds what its last user left in it. Write to it only
   * until the first send: the kernel reads it in place, so later changes go out on the wire.
   */
  readonly bytes: Buffer;

  /** Only a pool makes buffers: what stands here keeps `new` from being written elsewhere. */
  constructor(madeByItsPool: never, ...alone: never[]);
  /** @internal */
  constructor(
    pool: BufferPool,
    index: number,
    bytes: Buffer,
    slots: Slots,
    slab: number,
    verifier: Verifier | null,
  );
  constructor(
    pool: BufferPool,
    index: number,
    bytes: Buffer,
    slots: Slots,
    slab: number,
    verifier: Verifier | null,
  ) {
    this.pool = pool;
    this.index = index;
    this.bytes = bytes;
    this._slots = slots;
    this._slab = slab;
    this._verifier = verifier;
  }

  /**
   * Adds leases, so that the buffer can be sent more often than once: each send uses up one, and it
   * goes back to the pool when all are used up and all its sends have completed.
   * @param leases how many more sends; 1 to 1,000,000, default 1
   * @throws TypeError `ERR_ZEROSEND_BUFFER_FREE` or `ERR_ZEROSEND_BUFFER_IN_FLIGHT` when you do not
   * hold the buffer, or `ERR_ZEROSEND_RETAIN_UNSUPPORTED` for a frame of a packet socket, RangeError
   * `ERR_ZEROSEND_OUT_OF_RANGE`
   */
  retain(leases = 1): this {
    checkInteger('leases', leases, 1, 1_000_000);
    this._assertHeld('retain');
    if (this.pool._sendsOnce) {
      throw typeError(
        'ERR_ZEROSEND_RETAIN_UNSUPPORTED',
        `cannot retain buffer ${this.index}: frames of a packet socket leave in turn, each once; ` +
          'acquire another one for the next send',
      );
    }
    checkInteger('all leases', this._leases + leases, 1, MAX_LEASES);
    this._leases += leases;
    return this;
  }

  /**
   * Gives one lease back unused; the last one returns the buffer to its pool unsent (or, if sends
   * of it are still in flight, when they have completed).
   * @throws TypeError `ERR_ZEROSEND_BUFFER_FREE` or `ERR_ZEROSEND_BUFFER_IN_FLIGHT` when you do not
   * hold the buffer: released twice, or sent
   */
  release(): void {
    this._assertHeld('release');
    this._verifier?.released(this);
    if (this._slots.release(this)) this.pool._returned(this.index);
  }

  /**
   * Gives all leases back that are left, and does nothing when there are none, so that
   * `using buffer = pool.tryAcquire()` gives the buffer back exactly if it was not sent.
   */
  [Symbol.dispose](): void {
    if (this._slots === undefined) throw forged(this);
    while (this._leases > 0 && !this._verifier?.isStale(this)) this.release();
  }

  /** @internal */
  [shown](depth: number, options: InspectOptionsStylized): string {
    return show(this, () => this.#facts(), depth, options);
  }

  #facts(): object {
    const { index, _leases: leases, _sends: sends } = this;
    const state = leases > 0 ? 'acquired' : sends > 0 ? 'in flight' : 'free';
    // Not `bytes`: of a stale handle they cannot be read.
    return { index, size: this.pool.bufferSize, state, leases, inFlight: sends };
  }

  /** @internal */
  static _is(value: unknown): value is PooledBuffer {
    return typeof value === 'object' && value !== null && #made in value;
  }

  /** @internal Throws unless the user holds a lease. */
  _assertHeld(action: string): void {
    this._verifier?.assertCurrent(this, action);
    if (this._slots === undefined) throw forged(this);
    if (this._leases > 0) return;
    throw this._sends > 0
      ? typeError(
          'ERR_ZEROSEND_BUFFER_IN_FLIGHT',
          `cannot ${action} buffer ${this.index}: its leases are used up and it is in flight`,
        )
      : typeError(
          'ERR_ZEROSEND_BUFFER_FREE',
          `cannot ${action} buffer ${this.index}: it is free (released, or sent and completed)`,
        );
  }

  /** @internal The send `id` of this buffer has completed, or (`unsent`) never left. */
  _completed(id: number, unsent: boolean): void {
    if (this._verifier !== null) this._verifier.completed(this, id);
    if (this._slots.endSend(this, unsent)) this.pool._returned(this.index);
  }
}

/** Whether a pool has made it: not a Proxy, nor an object with its prototype. */
export function isPooled(value: unknown): value is PooledBuffer {
  return PooledBuffer._is(value);
}

function forged(received: unknown): Error {
  return invalidArgument('a PooledBuffer', 'made by a BufferPool', received);
}
