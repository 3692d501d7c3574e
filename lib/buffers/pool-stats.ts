import { ageOf, type CompletionLatency, latencyOf, type OldestSend } from './completion-latency.js';
import type { PoolMemory } from './pool-memory.js';

/** A snapshot of a pool. `free + acquired + inFlight + retired` is `count`. */
export interface BufferPoolStats {
  /** Bytes of one buffer: what was asked for, rounded up to whole pages. */
  bufferSize: number;
  /** Buffers of the pool. */
  count: number;
  /** Buffers that can be acquired now. */
  free: number;
  /** Buffers that are with a user: not sent yet, or with leases left. */
  acquired: number;
  /** Buffers that have been sent and are not free again. */
  inFlight: number;
  /**
   * Buffers given up for good because their pages could not be replaced: those of a ring or a UMEM,
   * those that share a reserved huge page with others, and any when memory or mappings
   * (vm.max_map_count) are short.
   */
  retired: number;
  /** Calls of `acquire` that are pending now. */
  waiting: number;
  /** How often `tryAcquire` or `acquire` found the pool dry. */
  dry: number;
  /** The largest value that `inFlight` has had. */
  mostInFlight: number;
  /**
   * The oldest send in flight of one of its buffers, among those made since measuring began. Null
   * when there is none.
   */
  oldest: OldestSend | null;
  /**
   * How long sends of its buffers took to complete, over all sockets. Measured from the first call
   * of `stats()` on, or from the beginning with the option `measureLatency`.
   */
  completionLatency: CompletionLatency;
  /** The errno with which transparent huge pages were refused; 0 when they were not. */
  hugePageErrno: number;
}

/** A snapshot of a share of a pool. */
export interface PoolShareStats {
  /** Buffers that it may have out at once. */
  limit: number;
  /** Buffers that it has out: with a user, or in flight. */
  used: number;
  /**
   * Buffers that can be acquired through it now: `limit - used`, or what the pool has free where
   * that is less.
   */
  free: number;
  /** Calls of its `acquire` that are pending now, because of its limit or of the pool. */
  waiting: number;
  /** How often its `tryAcquire` or `acquire` found it at its limit. */
  dry: number;
  /** The largest value that `used` has had. */
  mostUsed: number;
}

/** The counts of a pool. Begins to measure its latency if that has not begun. */
export function readPoolStats(memory: PoolMemory, waiting: number): BufferPoolStats {
  const latency = memory.measure();
  const { free, acquired, inFlight, retired, misses, mostInFlight } = memory.slots;
  const { slotSize, slots, hugePageErrno } = memory.map;
  return {
    bufferSize: slotSize,
    count: slots,
    free,
    acquired,
    inFlight,
    retired,
    waiting,
    dry: misses.dry,
    mostInFlight,
    oldest: ageOf(memory.oldest()),
    completionLatency: latencyOf(latency),
    hugePageErrno,
  };
}

/** What console.log shows of a pool. */
export function poolFacts({ map, slots }: PoolMemory, waiting: number, closed: boolean): object {
  const { free, acquired, inFlight, retired } = slots;
  return {
    bufferSize: map.slotSize,
    count: map.slots,
    free,
    acquired,
    inFlight,
    ...(retired > 0 && { retired }),
    ...(waiting > 0 && { waiting }),
    ...(closed && { closed }),
  };
}
