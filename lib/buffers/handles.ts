import { BufferRun, type RunMemory, runOf } from './buffer-run.js';
import type { PoolMemory } from './pool-memory.js';
import { PooledBuffer, slotOf } from './pooled-buffer.js';
import { Run } from './run.js';
import { Slot } from './slots.js';
import { RunVerifier, type Verifier } from './verifier.js';

/**
 * The objects by which a pool hands out its slots: one for each slot and one for each run, used again
 * and again, or where the pool verifies, new ones each time.
 */
export class Handles {
  readonly #pool: PooledBuffer['pool'];
  readonly #memory: PoolMemory;
  readonly #buffers: readonly PooledBuffer[];
  // One for each slot that a run has begun with.
  readonly #runs: (BufferRun | undefined)[];
  // Made when a run is first asked for: of a ring of many GiB there cannot be one on older Node.js.
  #whole: RunMemory | null = null;

  constructor(pool: PooledBuffer['pool'], memory: PoolMemory) {
    this.#pool = pool;
    this.#memory = memory;
    const { views } = memory;
    this.#buffers = memory.verifier === null ? views.map((_, index) => this.#make(index)) : [];
    this.#runs = new Array(views.length).fill(undefined);
  }

  /** The buffer of a slot that was just taken, with no lease; `where` is the stack of its user. */
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

  /** Has the memory at hand that a run shows: throws before a slot is taken, if at all. */
  prepareRuns(): void {
    if (this.#whole !== null) return;
    const { map, views } = this.#memory;
    const { memory, offset, stride } = map;
    const view = new DataView(memory, offset);
    const rest: RunMemory['rest'] = (first, count, own) => this.#hold(first, count, own);
    this.#whole = { bytes: Buffer.from(memory, offset), view, stride, views, rest };
  }

  /** The run of a slot that was just taken, by this buffer, and of those behind it: `count` in all. */
  run(begin: PooledBuffer, count: number): BufferRun {
    const { verifier } = this.#memory;
    if (verifier !== null) return this.#verifiedRun(begin, count, verifier);
    return this.#hold(begin.index, count, null);
  }

  /** The run of slots that are held. */
  #hold(first: number, count: number, verifier: RunVerifier | null): BufferRun {
    let run = verifier === null ? this.#runs[first] : undefined;
    // The first of a run may be back before its others.
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
