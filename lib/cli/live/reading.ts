import type { Outcomes, PoolProgress, Progress, StreamsProgress } from '../../generator/index.js';
import type { LatencySummary } from '../../index.js';
import type { Latency, PartCount, PoolState, Reading } from './snapshot.js';

/** A reading of a run of the generator, from its progress. */
export function readingOf(
  progress: Progress | StreamsProgress,
  parts: readonly PartCount[] | null = null,
): Reading {
  const { seconds, packets, bytes, sends, inFlight, outcomes, interfaceDropped } = progress;
  const rateError = 'rateError' in progress ? progress.rateError : null;
  return {
    seconds,
    packets,
    bytes,
    sends,
    inFlight,
    outcomes,
    latency: microseconds(progress.latency),
    pool: { ...poolState(progress.pool), dry: progress.dry },
    interfaceDropped,
    rateError,
    parts,
  };
}

function poolState({ count: total, free, acquired, inFlight, waiting }: PoolProgress) {
  return { total, free, acquired, inFlight, waiting };
}

function microseconds(latency: LatencySummary | null): Latency | null {
  if (latency === null || latency.count === 0) return null;
  return { p50: latency.p50 / 1e3, p99: latency.p99 / 1e3, max: latency.max / 1e3 };
}

/** The properties that the reports of all kinds of runs share. */
export interface RunReport {
  readonly packets: number;
  readonly bytes: number;
  readonly seconds: number;
  readonly sends: number;
  readonly unfinished: number;
  readonly interfaceDropped: number;
  readonly outcomes: Outcomes;
  readonly latency: LatencySummary | null;
}

/**
 * The last reading of a run, from its report. Values that are not in a report stay as they were.
 */
export function lastReading(
  report: RunReport,
  last: Omit<Reading, 'parts'> | null,
  parts: readonly PartCount[] | null = null,
): Reading {
  const { packets, bytes, seconds, sends, unfinished, interfaceDropped, outcomes } = report;
  return {
    packets,
    bytes,
    seconds,
    sends,
    inFlight: unfinished,
    outcomes,
    interfaceDropped,
    latency: microseconds(report.latency),
    pool: last && poolAfter(last.pool, unfinished),
    rateError: last?.rateError ?? null,
    parts,
  };
}

/**
 * The state of the pool when all sends have completed: what was in flight at the last look is free.
 */
function poolAfter(pool: PoolState | null, unfinished: number): PoolState | null {
  if (pool === null || unfinished > 0) return pool;
  return { ...pool, free: pool.free + pool.inFlight, inFlight: 0 };
}
