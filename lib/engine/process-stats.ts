import { threadId } from 'node:worker_threads';
import { LatencyHistogram } from '../base/latency-histogram.js';
import { type BufferPool, memoryOf, waitingOf } from '../buffers/buffer-pool.js';
import {
  ageOf,
  type CompletionLatency,
  latencyOf,
  type OldestSend,
} from '../buffers/completion-latency.js';
import { knownPools } from '../buffers/known-pools.js';
import type { SendInFlight } from '../buffers/reapers.js';
import { addCounters, census, type Member, PROTOCOLS } from './census.js';
import { readCounters } from './kernel-facts.js';
import type { SocketCounters, SocketInfo } from './stats.js';

/**
 * Sums over sockets. The counters include all sockets that there have been, so they never fall; the
 * other values are those of open sockets. `interfaceDropped` counts what an interface dropped once
 * for each socket that was open on it.
 */
export interface SocketSums extends SocketCounters {
  /** sockets open now, those that are closing included */
  open: number;
  /** sockets that have been opened; of TCP, that have connected */
  opened: number;
  /** sockets that have closed, for whatever reason */
  closed: number;
  /** closed sockets that an error has ended */
  errors: number;
  /** ids whose completion has not been delivered */
  inFlight: number;
  /** sockets with sends that wait for room: `needDrain` */
  waitingForRoom: number;
  /** ids that `stall` has named */
  stalled: number;
  /** the send that has been in flight for longest; null when nothing is */
  oldest: OldestSend | null;
  /** how long sends took to complete, of all sockets since the first call of `processStats()`, and of
   * those that were measured before */
  completionLatency: CompletionLatency;
}

/**
 * Sums over pools, rings and UMEMs included. All values except `made` and `dry` are those of pools
 * that exist now.
 */
export interface PoolSums {
  /** pools that have been made */
  made: number;
  /** pools that exist: they are not collected, and not closed with all buffers back */
  open: number;
  /** bytes of their buffers */
  bytes: number;
  /** all their buffers: the sum of the next four values */
  buffers: number;
  /** buffers that can be acquired now */
  free: number;
  /** buffers that are with a user */
  acquired: number;
  /** buffers that have been sent and are not free again */
  inFlight: number;
  /** buffers given up for good */
  retired: number;
  /** calls of `acquire` that are waiting now */
  waiting: number;
  /** how often a pool was found dry */
  dry: number;
}

/** The statistics of one thread. */
export interface ProcessStats {
  /** the thread that it covers, as of node:worker_threads; 0 is the main thread */
  threadId: number;
  /** all sockets of the thread */
  sockets: SocketSums;
  /** the same by kind */
  byProtocol: Record<SocketInfo['protocol'], SocketSums>;
  /** all pools of the thread */
  pools: PoolSums;
}

/**
 * Sums up all sockets and pools of this thread, and keeps none of them alive. Each worker thread
 * has sums of its own: call it there, and add. A second copy of the library in a thread counts
 * separately.
 *
 * The first call begins to measure the latency of all sockets, those that are opened later included.
 * Reads a few numbers of each open socket, and of packet and XDP sockets makes a system call.
 */
export function processStats(): ProcessStats {
  census.measure();
  const sums = {
    tcp: new Sum('tcp'),
    udp: new Sum('udp'),
    packet: new Sum('packet'),
    xdp: new Sum('xdp'),
  };
  for (const member of census.members()) sums[member.protocol].addOpen(member);
  const all = new Sum(null);
  for (const protocol of PROTOCOLS) all.addSum(sums[protocol]);
  return {
    threadId,
    sockets: all.result(),
    byProtocol: {
      tcp: sums.tcp.result(),
      udp: sums.udp.result(),
      packet: sums.packet.result(),
      xdp: sums.xdp.result(),
    },
    pools: sumOfPools(),
  };
}

type Counted = Omit<SocketSums, keyof SocketCounters | 'oldest' | 'completionLatency'>;

/** Sums of several sockets. */
class Sum {
  readonly #counters = {} as SocketCounters;
  readonly #latency = new LatencyHistogram();
  readonly #counted: Counted = {
    open: 0,
    opened: 0,
    closed: 0,
    errors: 0,
    inFlight: 0,
    waitingForRoom: 0,
    stalled: 0,
  };
  #oldest: SendInFlight | null = null;

  constructor(protocol: SocketInfo['protocol'] | null) {
    addCounters(this.#counters, {} as SocketCounters);
    if (protocol === null) return;
    const { opened, closed, errors, stalled, counters, latency } = census.past[protocol];
    Object.assign(this.#counted, { opened, closed, errors, stalled });
    addCounters(this.#counters, counters);
    this.#latency.add(latency);
  }

  addOpen({ handle, latency, state }: Member): void {
    addCounters(this.#counters, readCounters(handle));
    this.#counted.open++;
    this.#latency.add(latency);
    const open = state.deref();
    if (open === undefined) return; // collected, with nothing in flight
    const { inFlight, fd, needDrain } = open;
    this.#counted.inFlight += inFlight.size;
    if (needDrain) this.#counted.waitingForRoom++;
    if (inFlight.size === 0 || inFlight.times === null) return;
    this.#addOldest({ fd, id: inFlight.low, time: inFlight.times.timeOf(inFlight.low) });
  }

  #addOldest(send: SendInFlight | null): void {
    if (send === null || (this.#oldest !== null && this.#oldest.time <= send.time)) return;
    this.#oldest = send;
  }

  addSum(other: Sum): void {
    addCounters(this.#counters, other.#counters);
    this.#latency.add(other.#latency);
    for (const name of Object.keys(this.#counted) as (keyof Counted)[]) {
      this.#counted[name] += other.#counted[name];
    }
    this.#addOldest(other.#oldest);
  }

  result(): SocketSums {
    return {
      ...this.#counters,
      ...this.#counted,
      oldest: ageOf(this.#oldest),
      completionLatency: latencyOf(this.#latency),
    };
  }
}

function sumOfPools(): PoolSums {
  const sums: PoolSums = {
    made: knownPools.made,
    open: 0,
    bytes: 0,
    buffers: 0,
    free: 0,
    acquired: 0,
    inFlight: 0,
    retired: 0,
    waiting: 0,
    dry: knownPools.dryBefore,
  };
  for (const { owner, misses } of knownPools) {
    sums.dry += misses.dry;
    const pool = owner.deref() as BufferPool | undefined;
    if (pool === undefined) continue;
    const { free, acquired, inFlight, retired, count } = memoryOf(pool).slots;
    sums.open++;
    sums.bytes += pool.bufferSize * count;
    sums.buffers += count;
    sums.free += free;
    sums.acquired += acquired;
    sums.inFlight += inFlight;
    sums.retired += retired;
    sums.waiting += waitingOf(pool);
  }
  return sums;
}
