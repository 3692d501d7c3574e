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
  /** Calls of `acquire` that are waiting now. */
  waiting: number;
  /** How often `tryAcquire` or `acquire` found the pool dry. */
  dry: number;
  /** The most that `inFlight` has been. */
  mostInFlight: number;
  /**
   * The oldest send in flight of a buffer of it, since measuring began. Null when there is none.
   */
  oldest: OldestSend | null;
  /**
   * How long sends from it took to complete, over all sockets. Measured from the first call of `stats()`
   * on, or from the beginning with the option `measureLatency`.
   */
  completionLatency: CompletionLatency;
  /** Whether transparent huge pages were refused, as an errno; 0 when they were not. */
  hugePageErrno: number;
}

/** A snapshot of a share of a pool. */
export interface PoolShareStats {
  /** Buffers that it may have out at once. */
  limit: number;
  /** Buffers that it has out: with a user, or in flight. */
  used: number;
  /** Buffers that can be acquired by way of it now: fewer than `limit - used` where the pool has fewer. */
  free: number;
  /** Calls of its `acquire` that are waiting now, for its limit or for the pool. */
  waiting: number;
  /** How often its `tryAcquire` or `acquire` found it at its limit. */
  dry: number;
  /** The most that `used` has been. */
  mostUsed: number;
}

/** Counts of a pool; measures its latency from now on. */
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
