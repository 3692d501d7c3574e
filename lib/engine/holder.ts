import { HeldParts } from '../buffers/parts.js';
import { Run } from '../buffers/run.js';
import { Slot } from '../buffers/slots.js';
import type { PoolLatencies, SendTimes } from './send-times.js';

// TurboFan folds constants of this module; an imported binding is loaded at each use.
const PooledSlot = Slot;

/** The memory of a send. Until the send completes, it is neither reused nor garbage-collected. */
export type Holder = Slot | Uint8Array | Run | HeldParts;

/** Releases memory whose send `id` has completed, or (`unsent`) never left. */
export function endHolding(holder: Holder, id: number, unsent: boolean): void {
  if (holder instanceof PooledSlot) holder.completed(id, unsent);
  else if (holder instanceof Run) holder.completed(id, 1, unsent);
  else if (holder instanceof HeldParts) holder.completed(id, unsent);
}

/** Stands in the place of memory that was given back before its send is told of. */
const GIVEN_BACK = new Uint8Array(0);

/** The sends from `first` to before `end`, with places in this ring, have completed, and are told of later. */
export function giveBack(ring: (Holder | null)[], first: number, end: number): void {
  for (let id = first; id < end; id++) {
    const at = id & (ring.length - 1);
    const holder = ring[at] as Holder | null;
    if (holder === null || holder === GIVEN_BACK) continue; // null: of a run that is whole
    ring[at] = GIVEN_BACK;
    endHolding(holder, id, false);
  }
}

/**
 * The histogram of the pool that the memory belongs to; null for memory of no pool. What is none of our own
 * is an array, which may be of another context (node:vm), and no instance of `Uint8Array` here.
 */
export function poolOf(holder: Holder): PoolLatencies {
  if (holder instanceof PooledSlot || holder instanceof Run) return holder.slots.latency;
  return holder instanceof HeldParts ? holder.latencies : null;
}

/**
 * Notes the times of the sends of a batch, which begins with the id `first` and has its places in
 * this ring. They may be of several pools.
 */
export function markPools(
  ring: readonly (Holder | null)[],
  count: number,
  times: SendTimes,
  first: number,
): void {
  const mask = ring.length - 1;
  let pool = poolOf(ring[first & mask] as Holder);
  for (let id = first + 1; id < first + count; id++) {
    const other = poolOf(ring[id & mask] as Holder);
    if (other !== pool) times.mark(id, other);
    pool = other;
  }
}

/** A ring of twice the size, with the holders of the ids from `low` to before `next`. */
export function enlarged(
  ring: readonly (Holder | null)[],
  low: number,
  next: number,
): (Holder | null)[] {
  const larger: (Holder | null)[] = new Array(ring.length * 2).fill(null);
  for (let id = low; id < next; id++) {
    larger[id & (larger.length - 1)] = ring[id & (ring.length - 1)] as Holder | null;
  }
  return larger;
}
