import { invalidArgument } from '../base/errors.js';
import { showAs } from '../base/inspection.js';
import { checkInteger } from '../base/validate.js';
import type { BufferPool } from './buffer-pool.js';
import type { Run } from './run.js';
import type { RunVerifier } from './verifier.js';

/** The memory of a pool, as all runs of the pool see it. */
export interface RunMemory {
  bytes: Buffer;
  view: DataView;
  stride: number;
  /** one view for each buffer, by number in the pool */
  views: readonly Buffer[];
  /** Makes the run of slots that were cut off another run. The user holds them already. */
  rest(first: number, count: number, verifier: RunVerifier | null): BufferRun;
}

/**
 * The internal object behind a run. Throws `ERR_ZEROSEND_INVALID_ARGUMENT` for an object that no
 * pool has made.
 */
export let runOf: (run: BufferRun) => Run;

/**
 * Neighbouring buffers of a {@link BufferPool}, acquired together: fill them, then hand them to
 * `sendMany` or release them. That costs a fraction of what as many single buffers do. They are
 * sent together, once; each gets an id of its own, and each goes back to the pool by itself when
 * its id completes.
 *
 * The pool reuses the objects: do not touch a run after sending or releasing it.
 * @example
 * ```js
 * import { BufferPool, UdpSocket } from 'zerosend';
 *
 * const pool = new BufferPool({ bufferSize: 2048, count: 256 });
 * const socket = await UdpSocket.open({ remote: { address: '198.18.0.9', port: 9 } });
 * const run = await pool.acquireRun(32);
 * for (let i = 0; i < run.count; i++) run.view.setUint32(run.offset + i * run.stride, i);
 * const { first, last } = socket.sendMany(run, 1400); // an id for each buffer
 * console.log(`ids ${first} to ${last}`);
 * await socket.close();
 * await pool.close();
 * ```
 */
export class BufferRun {
  /** The pool that its buffers go back to. */
  readonly pool: BufferPool;
  /** The first buffer's number in its pool; the others follow. */
  readonly first: number;
  /**
   * The memory that the buffers are in: number `i` of the run is `pool.bufferSize` bytes from
   * `offset + i * stride`. What lies between them belongs to the kernel.
   */
  readonly memory: Buffer;
  /** The same memory as a DataView, for numbers of more than one byte. */
  readonly view: DataView;
  /** Where in `memory` the first buffer begins, in bytes. */
  readonly offset: number;
  /** Bytes from the beginning of one buffer to that of the next. */
  readonly stride: number;
  readonly #memory: RunMemory;
  // In the declarations, keeps objects of the same shape from passing for a run.
  readonly #run: Run;

  static {
    runOf = (run) => {
      if (!(#run in run)) throw forged(run);
      return run.#run;
    };
    showAs(BufferRun, (run) => run.#facts());
  }

  /** Only a pool makes runs: these types keep other code from calling `new`. */
  constructor(madeByItsPool: never, ...alone: never[]);
  /** @internal */
  constructor(pool: BufferPool, memory: RunMemory, run: Run);
  constructor(pool: BufferPool, memory: RunMemory, run: Run) {
    this.pool = pool;
    this.first = run.first;
    this.memory = memory.bytes;
    this.view = memory.view;
    this.offset = run.first * memory.stride;
    this.stride = memory.stride;
    this.#memory = memory;
    this.#run = run;
  }

  /** How many buffers it has. */
  get count(): number {
    return runOf(this).count;
  }

  /**
   * One of the buffers, by its number in the run. It is always the same view, which the pool has
   * made once.
   * @throws RangeError `ERR_ZEROSEND_OUT_OF_RANGE`
   */
  bytes(index: number): Buffer {
    const { first, count, verifier } = runOf(this);
    checkInteger('index', index, 0, count - 1);
    return verifier ? verifier.bytes(index) : (this.#memory.views[first + index] as Buffer);
  }

  /**
   * Keeps the first `count` buffers, and gives the others back unsent.
   * @param count 1 to what it has
   * @throws RangeError `ERR_ZEROSEND_OUT_OF_RANGE`, TypeError as {@link BufferRun.release}
   */
  shorten(count: number): this {
    const run = runOf(this);
    run.assertHeld('shorten');
    run.shorten(checkInteger('count', count, 1, run.count));
    return this;
  }

  /**
   * Keeps the first `count` buffers, and returns the others as a run of their own. So those that
   * are filled can be sent while the rest are being filled.
   * @param count 1 to one less than it has
   * @throws RangeError `ERR_ZEROSEND_OUT_OF_RANGE`, TypeError as {@link BufferRun.release}
   */
  split(count: number): BufferRun {
    const run = runOf(this);
    run.assertHeld('split');
    const others = run.count - checkInteger('count', count, 1, run.count - 1);
    return this.#memory.rest(run.first + count, others, run.cut(count));
  }

  /**
   * Gives all buffers back unsent.
   * @throws TypeError `ERR_ZEROSEND_BUFFER_FREE` or `ERR_ZEROSEND_BUFFER_IN_FLIGHT` when you do not
   * hold the run, since it was released or sent already
   */
  release(): void {
    runOf(this).release();
  }

  /** Gives the buffers back unless they were sent or released: for `using`. */
  [Symbol.dispose](): void {
    const run = runOf(this);
    if (run.held) run.release();
  }

  #facts(): object {
    const { first, count, state } = this.#run;
    return { first, count, size: this.pool.bufferSize, state };
  }
}

function forged(received: unknown): Error {
  return invalidArgument('a BufferRun', 'made by a BufferPool', received);
}
