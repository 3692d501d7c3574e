import { native } from '../addon/addon.js';
import { Reapers } from './reapers.js';
import type { SlabMemory } from './slab.js';
import type { SlotOrder } from './slot-order.js';
import { Slots } from './slots.js';
import { Verifier } from './verifier.js';

/** The memory of a pool, what its slots are in, and the sockets that may have some in flight. */
export class PoolMemory {
  /** handle of the addon */
  readonly slab: number;
  readonly map: SlabMemory;
  /** Whether the kernel shares it (a ring or a UMEM), so that one socket only may send from it. */
  readonly isRing: boolean;
  /** Each slot, by number. */
  readonly views: readonly Buffer[];
  readonly slots: Slots;
  /** null unless the pool was made with `verify` */
  readonly verifier: Verifier | null;
  /** Sockets that may have slots in flight, to be asked when none is free. */
  readonly reapers = new Reapers();

  /** @param owner the memory can be unmapped when this object has been garbage-collected */
  constructor(owner: object, map: SlabMemory, isRing: boolean, order?: SlotOrder, verify = false) {
    this.slab = map.slab;
    this.map = map;
    this.isRing = isRing;
    this.views = Array.from({ length: map.slots }, (_, index) =>
      Buffer.from(map.memory, map.offset + index * map.stride, map.slotSize),
    );
    this.slots = new Slots(map.slots, order);
    this.verifier = verify ? new Verifier(this.views) : null;
    // The table of the addon lets go when the pool does; views and sends still hold the memory.
    slabs.register(owner, map.slab, this);
  }

  /** The pool has closed, and every slot is back. */
  release(): void {
    this.verifier?.checkFree();
    slabs.unregister(this);
    native.releaseSlab(this.slab);
  }
}

const slabs = new FinalizationRegistry<number>((handle) => native.releaseSlab(handle));
