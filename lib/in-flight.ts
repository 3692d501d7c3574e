import { BufferRun } from './buffer-run.js';
import { PooledBuffer } from './pooled-buffer.js';

// Of this module: an imported binding is read at each use.
const Pooled = PooledBuffer;
const Run = BufferRun;

/** What a send holds until it completes. A run is held by all ids that it was given. */
export type Holder = PooledBuffer | Uint8Array | BufferRun;

/**
 * The sends of one socket that have not completed, and what each holds:
 *
 *          low                     next
 *           v                       v
 *   ........[ b | - | b | b | - | b ].......   holder of id i at ring[i & mask]; - has completed
 *
 * The holders are also what keeps plain arrays alive while the kernel reads them.
 */
export class InFlight {
  /** the id of the next send */
  next: number;
  /** every id below has completed */
  low: number;
  #done: number; // the first id, and one more for each that has completed
  #ring: (Holder | null)[] = new Array(64).fill(null);
  #mask = 63;
  #retired: Set<number> | null = null;

  constructor(first: number) {
    this.next = first;
    this.low = first;
    this.#done = first;
  }

  /** sends not completed */
  get size(): number {
    return this.next - this.#done;
  }

  add(holder: Holder): number {
    if (this.next - this.low > this.#mask) this.#grow();
    this.#ring[this.next & this.#mask] = holder;
    return this.next++;
  }

  addMany(holders: readonly Holder[]): void {
    const count = holders.length;
    while (this.next - this.low + count > this.#ring.length) this.#grow();
    const ring = this.#ring;
    const mask = this.#mask;
    const first = this.next;
    for (let i = 0; i < count; i++) ring[(first + i) & mask] = holders[i] as Holder;
    this.next = first + count;
  }

  /** As many ids as the run has buffers; returns the first. */
  addRun(run: BufferRun): number {
    const { count } = run;
    while (this.next - this.low + count > this.#ring.length) this.#grow();
    const ring = this.#ring;
    const mask = this.#mask;
    const first = this.next;
    for (let id = first; id < first + count; id++) ring[id & mask] = run;
    this.next = first + count;
    run._sent(first);
    return first;
  }

  has(id: number): boolean {
    return id >= this.low && id < this.next && this.#ring[id & this.#mask] !== null;
  }

  /** The memory of this send must never be used again; `complete` comes afterwards. */
  retire(id: number): void {
    this.#retired ??= new Set();
    this.#retired.add(id);
  }

  /**
   * Lets go of what the ids hold; `unsent` when they never left. Returns how many of them had not
   * completed before, which is all of them unless something is badly wrong.
   */
  complete(first: number, last: number, unsent: boolean): number {
    const ring = this.#ring;
    const mask = this.#mask;
    const end = Math.min(last + 1, this.next);
    const retired = this.#retired;
    let fresh = 0;
    for (let id = Math.max(first, this.low); id < end; id++) {
      const holder = ring[id & mask] as Holder | null;
      if (holder === null) continue;
      const begin = id;
      ring[id & mask] = null;
      if (holder instanceof Run) {
        while (id + 1 < end && ring[(id + 1) & mask] === holder) ring[++id & mask] = null;
      }
      fresh += id - begin + 1;
      if (retired !== null && retired.size > 0) this.#holdForEver(holder, begin, id);
      if (holder instanceof Pooled) holder._completed(begin, unsent);
      else if (holder instanceof Run) holder._completed(begin, id - begin + 1, unsent);
    }
    this.#done += fresh;
    let low = this.low;
    while (low < this.next && ring[low & mask] === null) low++;
    this.low = low;
    return fresh;
  }

  #holdForEver(holder: Holder, first: number, last: number): void {
    for (let id = first; id <= last; id++) {
      if (this.#retired?.delete(id)) holdForEver(holder, id);
    }
  }

  #grow(): void {
    const old = this.#ring;
    const mask = old.length * 2 - 1;
    const ring: (Holder | null)[] = new Array(old.length * 2).fill(null);
    for (let id = this.low; id < this.next; id++) {
      ring[id & mask] = old[id & this.#mask] as Holder | null;
    }
    this.#ring = ring;
    this.#mask = mask;
  }
}

/** Memory that the kernel may read at any time to come, for want of pages to replace it with. */
const lost: Uint8Array[] = [];

function holdForEver(holder: Holder, id: number): void {
  if (holder instanceof PooledBuffer) {
    holder._slots.retire(holder.index);
    return;
  }
  if (holder instanceof BufferRun) {
    holder._retire(id);
    return;
  }
  lost.push(holder);
  process.emitWarning(
    `${holder.byteLength} bytes could not be parted from the kernel, which may read them at any ` +
      'time: do not write to them again',
    { type: 'ZeroSendWarning', code: 'ZEROSEND_MEMORY_LOST' },
  );
}
