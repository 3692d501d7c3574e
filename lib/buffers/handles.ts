import { BufferRun, type RunMemory, runOf } from './buffer-run.js';
import type { PoolMemory } from './pool-memory.js';
import { PooledBuffer, slotOf } from './pooled-buffer.js';
import { Run } from './run.js';
import { Slot } from './slots.js';
import { RunVerifier, type Verifier } from './verifier.js';

/**
 * The objects by which a pool hands out its slots: one for each slot, and one for each slot that a
 * run has begun at. They are reused; a pool that verifies makes new ones each time.
 */
export class Handles {
  readonly #pool: PooledBuffer['pool'];
  readonly #memory: PoolMemory;
  readonly #buffers: readonly PooledBuffer[];
  // One for each slot at which a run has begun.
  readonly #runs: (BufferRun | undefined)[];
  // Made when a run is first acquired: on older versions of Node.js there is no single view of a
  // ring of many GiB.
  #whole: RunMemory | null = null;

  constructor(pool: PooledBuffer['pool'], memory: PoolMemory) {
    this.#pool = pool;
    this.#memory = memory;
    const { views } = memory;
    this.#buffers = memory.verifier === null ? views.map((_, index) => this.#make(index)) : [];
    this.#runs = new Array(views.length).fill(undefined);
  }

  /**
   * The buffer of a slot that was just taken. It has no lease yet. `where` is the stack of the call
   * that acquires it.
   */
  buffer(index: number, where: string | null): PooledBuffer {
    const { verifier } = this.#memory;
    if (verifier === null) return this.#buffers[index] as PooledBuffer;
    const buffer = this.#make(index);
    verifier.acquired(buffer, slotOf(buffer), where ?? '');
    return buffer;
  }

  #make(index: number): PooledBuffer {
    const { slots, slab, verifier, views } = this.#memory;
    const slot = new Slot(slots, index, slab, verifier);
    return new PooledBuffer(this.#pool, views[index] as Buffer, slot);
  }

  /** Makes the view that runs share, before a slot is taken, since it can throw. */
  prepareRuns(): void {
    if (this.#whole !== null) return;
    const { map, views } = this.#memory;
    const { memory, offset, stride } = map;
    const view = new DataView(memory, offset);
    const rest: RunMemory['rest'] = (first, count, own) => this.#hold(first, count, own);
    this.#whole = { bytes: Buffer.from(memory, offset), view, stride, views, rest };
  }

  /** The run of `count` slots that begins with a buffer that was just taken. */
  run(begin: PooledBuffer, count: number): BufferRun {
    const { verifier } = this.#memory;
    if (verifier !== null) return this.#verifiedRun(begin, count, verifier);
    return this.#hold(begin.index, count, null);
  }

  /** The run of slots that the user holds already. */
  #hold(first: number, count: number, verifier: RunVerifier | null): BufferRun {
    let run = verifier === null ? this.#runs[first] : undefined;
    // The first slot of a run may be free again while others of it are in flight, so its object may
    // be in use.
    if (run === undefined || runOf(run).state !== 'free') {
      run = this.#makeRun(first);
      if (verifier === null) this.#runs[first] = run;
    }
    runOf(run).acquired(count, verifier);
    return run;
  }

  #makeRun(first: number): BufferRun {
    const { slots, slab } = this.#memory;
    return new BufferRun(this.#pool, this.#whole as RunMemory, new Run(slots, first, slab));
  }

  /** A new object, with a handle for each of its slots. */
  #verifiedRun(begin: PooledBuffer, count: number, verifier: Verifier): BufferRun {
    const where = verifier.whereOf(slotOf(begin));
    const buffers = [begin];
    for (let i = 1; i < count; i++) buffers.push(this.buffer(begin.index + i, where));
    const verified = buffers.map((handle) => ({ handle, slot: slotOf(handle) }));
    for (const { slot } of verified) slot.leases = 1;
    return this.#hold(begin.index, count, new RunVerifier(verifier, verified));
  }
}
