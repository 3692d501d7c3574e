import { PooledBuffer } from './pooled-buffer.js';

/** What a send holds until it completes. */
export type Holder = PooledBuffer | Uint8Array;

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
  /** sends not completed */
  size = 0;
  #ring: (Holder | null)[] = new Array(64).fill(null);
  #retired: Set<number> | null = null;

  constructor(first: number) {
    this.next = first;
    this.low = first;
  }

  add(holder: Holder): number {
    if (this.next - this.low === this.#ring.length) this.#grow();
    this.#ring[this.next & (this.#ring.length - 1)] = holder;
    this.size++;
    return this.next++;
  }

  has(id: number): boolean {
    return id >= this.low && id < this.next && this.#ring[id & (this.#ring.length - 1)] !== null;
  }

  /** The memory of this send must never be used again; `complete` comes afterwards. */
  retire(id: number): void {
    this.#retired ??= new Set();
    this.#retired.add(id);
  }

  /**
   * Lets go of what the ids hold; `unsent` when they never left. Returns how many of them had not completed before, which is all
   * of them unless something is badly wrong.
   */
  complete(first: number, last: number, unsent: boolean): number {
    const ring = this.#ring;
    const mask = ring.length - 1;
    let fresh = 0;
    for (let id = Math.max(first, this.low); id <= last && id < this.next; id++) {
      const holder = ring[id & mask] as Holder | null;
      if (holder === null) continue;
      ring[id & mask] = null;
      fresh++;
      if (this.#retired?.delete(id)) holdForEver(holder);
      if (holder instanceof PooledBuffer) holder._completed(id, unsent);
    }
    this.size -= fresh;
    while (this.low < this.next && ring[this.low & mask] === null) this.low++;
    return fresh;
  }

  #grow(): void {
    const old = this.#ring;
    const ring: (Holder | null)[] = new Array(old.length * 2).fill(null);
    for (let id = this.low; id < this.next; id++) {
      ring[id & (ring.length - 1)] = old[id & (old.length - 1)] as Holder | null;
    }
    this.#ring = ring;
  }
}

/** Memory that the kernel may read at any time to come, for want of pages to replace it with. */
const lost: Uint8Array[] = [];

function holdForEver(holder: Holder): void {
  if (holder instanceof PooledBuffer) {
    holder._slots.retire(holder.index);
    return;
  }
  lost.push(holder);
  process.emitWarning(
    `${holder.byteLength} bytes could not be parted from the kernel, which may read them at any ` +
      'time: do not write to them again',
    { type: 'ZeroSendWarning', code: 'ZEROSEND_MEMORY_LOST' },
  );
}
