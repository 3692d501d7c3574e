import type { BufferPool } from '../../../lib/buffers/buffer-pool.js';
import { BufferRun } from '../../../lib/buffers/buffer-run.js';
import { Run } from '../../../lib/buffers/run.js';
import { LowestOrder, type SlotOrder } from '../../../lib/buffers/slot-order.js';
import { Slot, Slots } from '../../../lib/buffers/slots.js';

export const STRIDE = 16;
export const SIZE = 10;

/** Notes which slots come back, and how. */
class NotedOrder implements SlotOrder {
  readonly #order: LowestOrder;
  readonly back: string[] = [];

  constructor(count: number) {
    this.#order = new LowestOrder(count);
  }

  get size(): number {
    return this.#order.size;
  }

  get ready(): boolean {
    return this.#order.ready;
  }

  take = () => this.#order.take();
  extend = (slot: number, most: number) => this.#order.extend(slot, most);

  put(slot: number, unsent: boolean): void {
    this.putRun(slot, 1, unsent);
  }

  putRun(first: number, count: number, unsent: boolean): void {
    for (let slot = first; slot < first + count; slot++) {
      this.back.push(unsent ? `${slot} unsent` : `${slot}`);
    }
    this.#order.putRun(first, count);
  }
}

/** Buffers and runs as a BufferPool hands them out, without its memory. */
export class FakeFrames {
  readonly slots: Slots;
  readonly memory = Buffer.alloc(1 << 16);
  /** times that the pool has heard that something came back */
  told = 0;
  readonly #order: NotedOrder;
  readonly #views: Buffer[];
  readonly #pool = { bufferSize: SIZE } as BufferPool;

  constructor(count: number) {
    this.#order = new NotedOrder(count);
    this.slots = new Slots(count, this.#order);
    this.slots.freed = () => void this.told++;
    this.#views = Array.from({ length: count }, (_, index) =>
      this.memory.subarray(index * STRIDE, index * STRIDE + SIZE),
    );
  }

  /** The slots that have come back since the last call. */
  takeBack(): string[] {
    return this.#order.back.splice(0);
  }

  run(most: number): BufferRun {
    const first = this.slots.take();
    if (first < 0) throw new Error('no slot is free');
    const { buffer, byteOffset, length } = this.memory;
    const view = new DataView(buffer, byteOffset, length);
    const run = new Run(this.slots, first, 1);
    run.acquired(1 + this.slots.extend(first, most - 1), null);
    const rest = () => {
      throw new Error('no run is cut here');
    };
    const memory = { bytes: this.memory, view, stride: STRIDE, views: this.#views, rest };
    return new BufferRun(this.#pool, memory, run);
  }

  /** One that is sent: the caller gives it an id. */
  single(): Slot {
    const slot = new Slot(this.slots, this.slots.take(), 1, null);
    slot.leases = 1;
    this.slots.beginSend(slot);
    return slot;
  }

  get counts() {
    const { free, acquired, inFlight, retired } = this.slots;
    return { free, acquired, inFlight, retired };
  }
}
