import { native } from '../addon/addon.js';
import { LatencyHistogram } from '../base/latency-histogram.js';
import { type KnownPool, knownPools } from './known-pools.js';
import { Reapers, type SendInFlight } from './reapers.js';
import type { SlabMemory } from './slab.js';
import type { SlotOrder } from './slot-order.js';
import { Slots } from './slots.js';
import { Verifier } from './verifier.js';

/**
 * The internal object behind a pool: its memory, the states of its slots, and the sockets that may
 * have some in flight.
 */
export class PoolMemory {
  /** the handle by which the addon knows it */
  readonly slab: number;
  readonly map: SlabMemory;
  /**
   * Whether it is shared with the kernel (a ring or a UMEM), so that only one socket may send from
   * it.
   */
  readonly isRing: boolean;
  /** A view of each slot, by number. */
  readonly views: readonly Buffer[];
  readonly slots: Slots;
  /** null unless the pool was made with `verify` */
  readonly verifier: Verifier | null;
  /**
   * The sockets that may have slots in flight, which are asked for completions when no slot is
   * free.
   */
  readonly reapers = new Reapers();
  readonly #known: KnownPool;

  /** @param owner when this object has been garbage-collected, the memory can be unmapped */
  constructor(owner: object, map: SlabMemory, isRing: boolean, order?: SlotOrder, verify = false) {
    this.slab = map.slab;
    this.map = map;
    this.isRing = isRing;
    this.views = Array.from({ length: map.slots }, (_, index) =>
      Buffer.from(map.memory, map.offset + index * map.stride, map.slotSize),
    );
    this.slots = new Slots(map.slots, order);
    this.verifier = verify ? new Verifier(this.views) : null;
    // When the pool is gone, the addon removes the slab from its table. Views and sends in flight
    // keep the memory mapped.
    this.#known = knownPools.add(owner, this.slots.misses);
    slabs.register(owner, { slab: map.slab, known: this.#known }, this);
  }

  /** Begins to measure how long sends of its buffers take to complete. */
  measure(): LatencyHistogram {
    const { slots, reapers } = this;
    if (slots.latency === null) {
      slots.latency = new LatencyHistogram().begin();
      for (const reaper of reapers.alive()) reaper.measure();
    }
    return slots.latency;
  }

  /** The oldest send in flight of one of its buffers, among those made since measuring began. */
  oldest(): SendInFlight | null {
    const { latency } = this.slots;
    let oldest: SendInFlight | null = null;
    for (const reaper of latency === null ? [] : this.reapers.alive()) {
      const send = reaper.oldestOf(latency as LatencyHistogram);
      if (send !== null && (oldest === null || send.time < oldest.time)) oldest = send;
    }
    return oldest;
  }

  /** Called when the pool is closed and every slot is back. */
  release(): void {
    this.verifier?.checkFree();
    slabs.unregister(this);
    knownPools.remove(this.#known);
    native.releaseSlab(this.slab);
  }
}

const slabs = new FinalizationRegistry<{ slab: number; known: KnownPool }>(({ slab, known }) => {
  knownPools.remove(known);
  native.releaseSlab(slab);
});
