import { invalidArgument } from '../base/errors.js';
import { showAs } from '../base/inspection.js';
import { checkInteger } from '../base/validate.js';
import type { BufferPool } from './buffer-pool.js';
import { Slot, Slots } from './slots.js';

/**
 * Whether a pool has made it: not a Proxy, nor an object with its prototype, whose properties could
 * change while they are read.
 */
export let isPooled: (value: unknown) => value is PooledBuffer;

/** The slot behind a buffer that a pool has made; anything else makes it throw. */
export let slotOf: (buffer: PooledBuffer) => Slot;

/**
 * A slot of a {@link BufferPool}, acquired by you: fill `bytes`, then send it or release it. There
 * is one object for each slot, used again and again; after the last send or release do not touch it
 * (a pool with `verify: true` hands out new objects and reports such use).
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
  /** The pool that it goes back to. */
  readonly pool: BufferPool;
  /** The slot's number in its pool, 0 to `count - 1`. */
  readonly index: number;
  // In the declarations, keeps objects of the same shape from passing for a buffer.
  readonly #slot: Slot;
  /**
   * The whole slot, one view made once. It holds what its last user left in it. Write to it only
   * until the first send: the kernel reads it in place, so later changes go out on the wire.
   */
  readonly bytes: Buffer;

  static {
    isPooled = (value): value is PooledBuffer =>
      typeof value === 'object' && value !== null && #slot in value;
    slotOf = (buffer) => buffer.#slot;
    showAs(PooledBuffer, (buffer) => buffer.#facts());
  }

  /** Only a pool makes buffers: what stands here keeps `new` from being written elsewhere. */
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
   * Adds leases, so that the buffer can be sent more often than once: each send uses up one, and it
   * goes back to the pool when all are used up and all its sends have completed.
   * @param leases how many more sends; 1 to 1,000,000, default 1
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
   * hold the buffer: released twice, or sent
   */
  release(): void {
    if (!(#slot in this)) throw forged(this);
    this.#slot.release();
  }

  /**
   * Gives all leases back that are left, and does nothing when there are none, so that
   * `using buffer = pool.tryAcquire()` gives the buffer back exactly if it was not sent.
   */
  [Symbol.dispose](): void {
    if (!(#slot in this)) throw forged(this);
    this.#slot.releaseAll();
  }

  #facts(): object {
    const { index, leases, sends } = this.#slot;
    const state = leases > 0 ? 'acquired' : sends > 0 ? 'in flight' : 'free';
    // Not `bytes`: of a stale handle they cannot be read.
    return { index, size: this.pool.bufferSize, state, leases, inFlight: sends };
  }
}

/** Stands behind an object that a subclass has made by itself: refuses whatever is done with it. */
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
