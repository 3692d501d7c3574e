import type { InspectOptionsStylized } from 'node:util';
import { invalidArgument, typeError } from '../base/errors.js';
import { show, shown } from '../base/inspection.js';
import { checkInteger } from '../base/validate.js';
import type { BufferPool } from './buffer-pool.js';
import type { Slots } from './slots.js';
import type { RunVerifier } from './verifier.js';

/** The buffers of a pool, as one. */
export interface RunMemory {
  bytes: Buffer;
  view: DataView;
  stride: number;
}

/**
 * Buffers of a {@link BufferPool} that lie in a row, acquired by you as one: fill them, then hand
 * them to `sendMany` or release them. That costs a fraction of what as many buffers by themselves
 * do. They are sent together, once; each gets an id of its own, and each goes back to the pool by
 * itself when its id completes.
 *
 * Objects are used again: after sending or releasing a run do not touch it.
 */
export class BufferRun {
  readonly pool: BufferPool;
  /** The first buffer's number in its pool; the others follow. */
  readonly first: number;
  /**
   * Where the buffers are: number `i` of the run is `pool.bufferSize` bytes from
   * `offset + i * stride`. What lies between them is the kernel's.
   */
  readonly memory: Buffer;
  /** The same bytes, for numbers of more than one. */
  readonly view: DataView;
  readonly offset: number;
  readonly stride: number;
  // In the declarations, keeps objects of the same shape from passing for a run.
  declare private readonly brand: never;
  readonly #slots: Slots;
  #count = 0;
  #held = false;
  #firstId = 0;
  #pending = 0; // ids that have not completed
  #verifier: RunVerifier | null = null;
  // Of a run that has completed up to an id, and from there on not at all:
  /** @internal */ _nextId = 0;
  /** @internal */ _endId = 0;

  /** Only a pool makes runs: what stands here keeps `new` from being written elsewhere. */
  constructor(madeByItsPool: never, ...alone: never[]);
  /** @internal */
  constructor(pool: BufferPool, first: number, slots: Slots, memory: RunMemory);
  constructor(pool: BufferPool, first: number, slots: Slots, memory: RunMemory) {
    this.pool = pool;
    this.first = first;
    this.memory = memory.bytes;
    this.view = memory.view;
    this.offset = first * memory.stride;
    this.stride = memory.stride;
    this.#slots = slots;
  }

  /** How many buffers it has. */
  get count(): number {
    if (!(#held in this)) throw forged(this);
    return this.#count;
  }

  /**
   * One of the buffers, by its number in the run: the view that the pool has made once.
   * @throws RangeError `ERR_ZEROSEND_OUT_OF_RANGE`
   */
  bytes(index: number): Buffer {
    checkInteger('index', index, 0, this.count - 1);
    return this.#verifier ? this.#verifier.bytes(index) : this.pool._bytesOf(this.first + index);
  }

  /**
   * Gives all buffers back unsent.
   * @throws TypeError `ERR_ZEROSEND_BUFFER_FREE` or `ERR_ZEROSEND_BUFFER_IN_FLIGHT` when you do not
   * hold the run: released twice, or sent
   */
  release(): void {
    this._assertHeld('release');
    this.#held = false;
    this.#verifier?.released();
    this.#slots.releaseRun(this.first, this.#count);
    this.pool._someReturned();
  }

  /** Gives the buffers back unless they were sent or released: for `using`. */
  [Symbol.dispose](): void {
    if (!(#held in this)) throw forged(this);
    if (this.#held) this.release();
  }

  /** @internal */
  [shown](depth: number, options: InspectOptionsStylized): string {
    return show(this, () => this.#facts(), depth, options);
  }

  #facts(): object {
    const state = this.#held ? 'acquired' : this.#pending > 0 ? 'in flight' : 'free';
    return { first: this.first, count: this.#count, size: this.pool.bufferSize, state };
  }

  /** @internal Whether nobody holds it and nothing of it is in flight. */
  get _idle(): boolean {
    return !this.#held && this.#pending === 0;
  }

  /** @internal */
  _acquired(count: number, verifier: RunVerifier | null): this {
    this.#count = count;
    this.#verifier = verifier;
    this.#held = true;
    return this;
  }

  /** @internal Throws unless the user holds it. */
  _assertHeld(action: string): void {
    if (!(#held in this)) throw forged(this);
    if (this.#held) return;
    const last = this.first + this.#count - 1;
    throw this.#pending > 0
      ? typeError(
          'ERR_ZEROSEND_BUFFER_IN_FLIGHT',
          `cannot ${action} buffers ${this.first} to ${last}: they are in flight`,
        )
      : typeError(
          'ERR_ZEROSEND_BUFFER_FREE',
          `cannot ${action} buffers ${this.first} to ${last}: they are free (released, or sent and completed)`,
        );
  }

  /** @internal They have the ids from `firstId`. */
  _sent(firstId: number): void {
    this.#held = false;
    this.#firstId = firstId;
    this._nextId = firstId;
    this._endId = firstId + this.#count;
    this.#pending = this.#count;
    this.#slots.beginSends(this.#count);
  }

  /** @internal Number `i` was sent with so many bytes, in a pool that verifies. */
  _verify(i: number, length: number): void {
    this.#verifier?.sent(i, length, this.#firstId + i);
  }

  /** @internal So many sends from `id` have completed, or (`unsent`) never left. */
  _completed(id: number, count: number, unsent: boolean): void {
    this.#pending -= count;
    this.#verifier?.completed(id - this.#firstId, count, id);
    this.#slots.endSends(this.#slotOf(id), count, unsent);
    this.pool._someReturned();
  }

  /** @internal The buffer of this id must never be used again. */
  _retire(id: number): void {
    this.#slots.retire(this.#slotOf(id));
  }

  #slotOf(id: number): number {
    return this.first + id - this.#firstId;
  }
}

function forged(received: unknown): Error {
  return invalidArgument('a BufferRun', 'made by a BufferPool', received);
}
