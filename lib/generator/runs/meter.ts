import { clock } from '../../base/timers.js';
import {
  type BufferPool,
  type LatencySummary,
  PoolShare,
  type SocketStats,
  type ZeroCopySocket,
} from '../../index.js';
import type { TemplateCount } from './mix.js';

/** Ids that have completed, by how they did so: `CompletionRange.how`. */
export interface Outcomes {
  /** Sent from the buffers themselves. */
  zerocopy: number;
  /** Zero copy was asked for, and the kernel copied. */
  copied: number;
  /** Copied by the system call, as was asked for. */
  inline: number;
  /** Given up while the kernel had them. */
  revoked: number;
  /** Not sent. */
  failed: number;
}

/** The buffers that a run sends from, of several workers all of them; of a share, as many as its limit. */
export interface PoolProgress {
  /** Buffers in all. */
  count: number;
  /** Buffers that can be acquired now. */
  free: number;
  /** Buffers that are being filled. */
  acquired: number;
  /** Buffers that have been sent and are not free again. */
  inFlight: number;
  /** Calls that wait for a buffer. */
  waiting: number;
}

/** How a run is doing. */
export interface Progress {
  /** Since the start. */
  seconds: number;
  /** Packets since the start. */
  packets: number;
  /** Their bytes, without offload headers. */
  bytes: number;
  /** What was sent of each template of `generate`, as of its report; not of a replay. */
  templates?: readonly TemplateCount[];
  /** Of `generate`: as of its report. */
  refused?: number;
  /** Since the last progress. */
  packetsPerSecond: number;
  /** Since the last progress. */
  bitsPerSecond: number;
  /** Sends that have not completed. */
  inFlight: number;
  /** How often no buffer was free. */
  dry: number;
  /** By how much the rate was missed so far (0.01: one percent too many); null without a rate. */
  rateError: number | null;
  /** Ids of this run, and those of them that have completed. */
  sends: number;
  /** How the sends ended that have completed. */
  outcomes: Outcomes;
  /** The buffers that it sends from. */
  pool: PoolProgress;
  /** As of the report. */
  interfaceDropped: number;
  /**
   * How long sends took to complete, in nanoseconds: `completionLatency` of the socket's `stats()`. Of
   * several workers, p50 and p99 are the largest of theirs. Null where it is not measured.
   */
  latency: LatencySummary | null;
}

/** What had been sent when a progress was told, for the rates of the next one. */
export interface Since {
  at: number;
  packets: number;
  bytes: number;
}

/** Of a run that has not told how it is doing. */
export const NO_PROGRESS: Progress = {
  seconds: 0,
  packets: 0,
  bytes: 0,
  packetsPerSecond: 0,
  bitsPerSecond: 0,
  inFlight: 0,
  dry: 0,
  rateError: null,
  sends: 0,
  outcomes: { zerocopy: 0, copied: 0, inline: 0, revoked: 0, failed: 0 },
  pool: { count: 0, free: 0, acquired: 0, inFlight: 0, waiting: 0 },
  interfaceDropped: 0,
  latency: null,
};

/** Mean rates of what was sent in `seconds`; 0 where that is 0. */
export function meanRates(packets: number, bytes: number, seconds: number) {
  return {
    packetsPerSecond: seconds > 0 ? packets / seconds : 0,
    bitsPerSecond: seconds > 0 ? (bytes * 8) / seconds : 0,
  };
}

/** Counts what a run sends, and makes the figures of its progress and its report. */
export class Meter {
  readonly #socket: ZeroCopySocket;
  readonly #pool: BufferPool | PoolShare;
  readonly #before: SocketStats;
  #started = 0;
  #stopped = 0;
  #packets = 0;
  #bytes = 0;
  #dry = 0;
  #sends = 0;

  constructor(socket: ZeroCopySocket, pool: BufferPool | PoolShare) {
    this.#socket = socket;
    this.#pool = pool;
    this.#before = socket.stats();
  }

  /** Packets that were sent, and their bytes. */
  get total(): TemplateCount {
    return { packets: this.#packets, bytes: this.#bytes };
  }

  get stopped(): number {
    return this.#stopped;
  }

  /** @param at in ms of performance.now() */
  start(at: number): void {
    this.#started = at;
  }

  /** Of several sockets, the last packet of all counts for each, not what is waited for thereafter. */
  stop(): void {
    if (this.#stopped === 0) this.#stopped = clock();
  }

  sent(packets: number, bytes: number, sends: number): void {
    this.#packets += packets;
    this.#bytes += bytes;
    this.#sends += sends;
  }

  /** Counts that no buffer was free. */
  dry(): void {
    this.#dry++;
  }

  /** @param since when it was asked for last, which becomes now */
  progress(rateError: number | null, since: Since): Progress {
    const now = this.#stopped > 0 ? this.#stopped : clock();
    const seconds = Math.max(1e-6, (now - Math.max(since.at, this.#started)) / 1000);
    const packetsPerSecond = (this.#packets - since.packets) / seconds;
    const bitsPerSecond = ((this.#bytes - since.bytes) * 8) / seconds;
    since.at = now;
    since.packets = this.#packets;
    since.bytes = this.#bytes;
    return {
      seconds: Math.max(0, now - this.#started) / 1000,
      packets: this.#packets,
      bytes: this.#bytes,
      packetsPerSecond,
      bitsPerSecond,
      inFlight: this.#socket.inFlight,
      dry: this.#dry,
      rateError,
      sends: this.#sends,
      pool: this.#poolProgress(),
      ...this.#told(),
    };
  }

  #poolProgress(): PoolProgress {
    if (this.#pool instanceof PoolShare) {
      // A run that tells how it is doing has none at hand: what it has out is in flight.
      const { limit, free, used, waiting } = this.#pool.stats();
      return { count: limit, free, acquired: 0, inFlight: used, waiting };
    }
    const { count, free, acquired, inFlight, waiting } = this.#pool.stats();
    return { count, free, acquired, inFlight, waiting };
  }

  /** What the socket has told of this run. */
  #told() {
    const stats = this.#socket.stats();
    const { zerocopy, copied, inlined, revoked, failed, interfaceDropped } = stats;
    const before = this.#before;
    return {
      outcomes: {
        zerocopy: zerocopy - before.zerocopy,
        copied: copied - before.copied,
        inline: inlined - before.inlined,
        revoked: revoked - before.revoked,
        failed: failed - before.failed,
      },
      interfaceDropped: interfaceDropped - before.interfaceDropped,
      latency: summaryOf(stats),
    };
  }

  report() {
    const seconds = Math.max(0, this.#stopped - this.#started) / 1000;
    const { outcomes, interfaceDropped, latency } = this.#told();
    return {
      packets: this.#packets,
      bytes: this.#bytes,
      seconds,
      ...meanRates(this.#packets, this.#bytes, seconds),
      sends: this.#sends,
      failed: outcomes.failed + outcomes.revoked,
      unfinished: this.#socket.inFlight,
      dry: this.#dry,
      interfaceDropped,
      outcomes,
      latency,
    };
  }
}

function summaryOf({ completionLatency }: SocketStats): LatencySummary | null {
  if (completionLatency === null) return null;
  const { count, min, mean, max, p50, p99 } = completionLatency;
  return { count, min, mean, max, p50, p99 };
}
