import { createHistogram, type RecordableHistogram } from 'node:perf_hooks';
import type { LatencySummary } from '../base/latency-histogram.js';

/** The point on its way that a packet had reached when the timestamp was taken. */
export type TimestampStage =
  /** handed to the queueing discipline (SOF_TIMESTAMPING_TX_SCHED) */
  | 'scheduled'
  /** handed to the device, or (hardware) put on the wire by it */
  | 'sent'
  /** acknowledged by the TCP peer (SOF_TIMESTAMPING_TX_ACK) */
  | 'acknowledged';

/**
 * When a send passed a stage. Of TCP sends that share a segment only the last has a timestamp, and
 * the kernel drops timestamps when the error queue is full, so not every send gets one.
 */
export interface Timestamp {
  /** The id of the send. */
  id: number;
  /** The point that the packet had reached. */
  stage: TimestampStage;
  /** nanoseconds since the epoch of CLOCK_REALTIME, or of the device's clock */
  time: bigint;
  /**
   * Nanoseconds since the send: at least 1, and never more than have passed, even if the wall clock
   * was stepped meanwhile. Has no meaning where the device's clock differs from the system's.
   */
  latency: number;
}

/** In the order of the enum Stage of native/kernel/error_queue.h. */
const STAGES: readonly TimestampStage[] = ['sent', 'scheduled', 'acknowledged'];

/** Makes timestamps of their records, two for each, and counts their latencies in histograms. */
export class TimestampReader {
  readonly #histograms = new Map<TimestampStage, RecordableHistogram>();
  #id = 0;
  #seconds = 0;

  /** Takes the first record of a timestamp. */
  begin(id: number, seconds: number): void {
    this.#id = id;
    this.#seconds = seconds;
  }

  /** Takes the second record, and returns the timestamp. `stage` counts from 0. */
  end(stage: number, nanoseconds: number, since: number): Timestamp {
    const name = STAGES[stage] as TimestampStage;
    const latency = Math.max(1, since);
    let histogram = this.#histograms.get(name);
    if (histogram === undefined) {
      histogram = createHistogram();
      this.#histograms.set(name, histogram);
    }
    histogram.record(latency);
    const time = BigInt(this.#seconds) * 1_000_000_000n + BigInt(nanoseconds);
    return { id: this.#id, stage: name, time, latency };
  }

  summary(): Partial<Record<TimestampStage, LatencySummary>> {
    const result: Partial<Record<TimestampStage, LatencySummary>> = {};
    for (const [stage, histogram] of this.#histograms) {
      const { count, min, mean, max } = histogram;
      result[stage] = {
        count,
        min,
        mean,
        max,
        p50: histogram.percentile(50),
        p99: histogram.percentile(99),
      };
    }
    return result;
  }
}
