import { invalidArgument } from '../base/errors.js';
import { showAs } from '../base/inspection.js';
import { checkInteger } from '../base/validate.js';
import type { BufferPool } from './buffer-pool.js';
import { Slot, Slots } from './slots.js';

/**
 * Whether a pool has made the object. A Proxy, or another object with the same prototype, is
 * refused, since its properties could change while they are read.
 */
export let isPooled: (value: unknown) => value is PooledBuffer;

/** The slot behind a buffer. Throws for an object that no pool has made. */
export let slotOf: (buffer: PooledBuffer) => Slot;

/**
 * A slot of a {@link BufferPool} that you have acquired: fill `bytes`, then send it or release it.
 * The pool reuses one object for each slot: do not touch it after the last send or release. (A pool
 * with `verify: true` hands out new objects and reports such use.)
 * @example
 * ```js
 * import { BufferPool, TcpSocket } from 'zerosend';
 *
 * const pool = new BufferPool({ bufferSize: 65536, count: 8 });
 * const peers = await Promise.all([1, 2, 3].map(() => TcpSocket.connect({ host: '198.18.0.2', port: 9 })));
 * const buffer = await pool.acquire();
 * buffer.bytes.fill('written once');
 * buffer.retain(peers.length - 1); // good for one send more with each lease
 * for (const peer of peers) peer.send(buffer, 65536);
 * await Promise.all(peers.map((peer) => peer.close()));
 * console.log(pool.free); // 8: it is back since the last of its sends has completed
 * await pool.close();
 * ```
 */
export class PooledBuffer {
  /** The pool that it goes back to, when all is done. */
  readonly pool: BufferPool;
  /** The slot's number in its pool, 0 to `count - 1`. */
  readonly index: number;
  // In the declarations, keeps objects of the same shape from passing for a buffer.
  readonly #slot: Slot;
  /**
   * The whole slot, always as the same view. It still has the content that its last user wrote.
   * Write to it only before the first send: the kernel reads it in place, so later changes may go
   * out on the wire.
   */
  readonly bytes: Buffer;

  static {
    isPooled = (value): value is PooledBuffer =>
      typeof value === 'object' && value !== null && #slot in value;
    slotOf = (buffer) => buffer.#slot;
    showAs(PooledBuffer, (buffer) => buffer.#facts());
  }

  /** Only a pool makes buffers: these types keep other code from calling `new`. */
  constructor(madeByItsPool: never, ...alone: never[]);
  /** @internal */
  constructor(pool: BufferPool, bytes: Buffer, slot: Slot);
  constructor(pool: BufferPool, bytes: Buffer, slot: Slot) {
    this.pool = pool;
    this.#slot = slot instanceof Slot ? slot : new ForgedSlot(this);
    this.index = this.#slot.index;
    this.bytes = bytes;
  }

  /**
   * Adds leases, so that the buffer can be sent more than once. Each send uses up one; the buffer
   * goes back to the pool when all are used up and all its sends have completed.
   * @param leases how many to add, 1 to 1,000,000; default 1
   * @throws TypeError `ERR_ZEROSEND_BUFFER_FREE` or `ERR_ZEROSEND_BUFFER_IN_FLIGHT` when you do not
   * hold the buffer, or `ERR_ZEROSEND_RETAIN_UNSUPPORTED` for a frame of a packet socket, RangeError
   * `ERR_ZEROSEND_OUT_OF_RANGE`
   */
  retain(leases = 1): this {
    checkInteger('leases', leases, 1, 1_000_000);
    if (!(#slot in this)) throw forged(this);
    this.#slot.retain(leases);
    return this;
  }

  /**
   * Gives one lease back unused; the last one returns the buffer to its pool unsent (or, if sends
   * of it are still in flight, when they have completed).
   * @throws TypeError `ERR_ZEROSEND_BUFFER_FREE` or `ERR_ZEROSEND_BUFFER_IN_FLIGHT` when you do not
   * hold the buffer, since it was released or sent already
   */
  release(): void {
    if (!(#slot in this)) throw forged(this);
    this.#slot.release();
  }

  /**
   * Gives back all leases that are left, if any. So `using buffer = pool.tryAcquire()` gives the
   * buffer back exactly if it was not sent.
   */
  [Symbol.dispose](): void {
    if (!(#slot in this)) throw forged(this);
    this.#slot.releaseAll();
  }

  #facts(): object {
    const { index, leases, sends } = this.#slot;
    const state = leases > 0 ? 'acquired' : sends > 0 ? 'in flight' : 'free';
    // `bytes` is left out: reading it on a stale handle throws.
    return { index, size: this.pool.bufferSize, state, leases, inFlight: sends };
  }
}

/**
 * Stands in for the slot of an object that a subclass has made by itself. Each use of such an
 * object throws.
 */
class ForgedSlot extends Slot {
  readonly #buffer: PooledBuffer;

  constructor(buffer: PooledBuffer) {
    super(new Slots(0), -1, 0, null);
    this.#buffer = buffer;
  }

  override assertHeld(): never {
    throw forged(this.#buffer);
  }

  override releaseAll(): never {
    this.assertHeld();
  }
}

function forged(received: unknown): Error {
  return invalidArgument('a PooledBuffer', 'made by a BufferPool', received);
}
