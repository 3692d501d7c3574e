import { BufferPool } from './buffer-pool.js';
import { BufferRun, type RunMemory } from './buffer-run.js';
import { MAX_REQUESTS } from './native.js';
import type { SlabMemory } from './slab-memory.js';
import type { RunOrder } from './slot-order.js';
import { RunSlots } from './slots.js';
import { checkInteger } from './validate.js';

/**
 * The frames of a ring socket: a pool that hands out buffers one by one, as every pool does, or as
 * runs of neighbours.
 */
export class FramePool extends BufferPool {
  readonly #slots: RunSlots;
  readonly #memory: RunMemory;
  // One for each slot that a run has begun with.
  readonly #runs: (BufferRun | undefined)[];

  /** @internal */
  constructor(
    memory: SlabMemory,
    order: RunOrder,
    init: ((bytes: Buffer, index: number) => void) | undefined,
  ) {
    const slots = new RunSlots(memory.slots, order);
    super(init ? { init } : {}, memory, slots);
    this.#slots = slots;
    const { memory: all, offset, stride } = memory;
    this.#memory = { bytes: Buffer.from(all, offset), view: new DataView(all, offset), stride };
    this.#runs = new Array(memory.slots).fill(undefined);
  }

  /**
   * Free buffers that lie in a row, up to `most`: as many as follow the one that
   * {@link BufferPool.tryAcquire} would give; or null where that gives null. Never waits, and
   * allocates nothing once each run has been met.
   * @param most 1 to 1024
   * @throws RangeError `ERR_ZEROSEND_OUT_OF_RANGE`, Error `ERR_ZEROSEND_POOL_CLOSED`
   */
  tryAcquireRun(most: number): BufferRun | null {
    checkInteger('most', most, 1, MAX_REQUESTS);
    const buffer = this.tryAcquire();
    return buffer === null ? null : this.#runFrom(buffer, most);
  }

  /**
   * The same as soon as a buffer is free, in its turn among all who wait; while others do, it is a
   * run of one.
   * @throws as {@link tryAcquireRun} and {@link BufferPool.acquire}
   */
  async acquireRun(
    most: number,
    options: { signal?: AbortSignal; priority?: number } = {},
  ): Promise<BufferRun> {
    checkInteger('most', most, 1, MAX_REQUESTS);
    return this.#runFrom(await this.acquire(options), most);
  }

  #runFrom(buffer: { readonly index: number; _leases: number }, most: number): BufferRun {
    const first = buffer.index;
    buffer._leases = 0; // the run has it now
    const more = this._awaited ? 0 : this.#slots.extend(first, most - 1);
    let run = this.#runs[first];
    // The first of a run may be back before its others.
    if (run?._idle !== true) {
      run = new BufferRun(this, first, this.#slots, this.#memory);
      this.#runs[first] = run;
    }
    return run._acquired(1 + more);
  }
}
