import type { Outcomes, PoolProgress, Progress } from '../../generator/index.js';
import type { Reading } from './snapshot.js';

/** What a run of the generator tells while it goes on. */
export function readingOf(progress: Progress): Reading {
  const { seconds, packets, bytes, sends, inFlight, outcomes, rateError, interfaceDropped } =
    progress;
  return {
    seconds,
    packets,
    bytes,
    sends,
    inFlight,
    outcomes,
    latency: null,
    pool: { ...poolState(progress.pool), dry: progress.dry },
    interfaceDropped,
    rateError,
  };
}

function poolState({ count: total, free, acquired, inFlight, waiting }: PoolProgress) {
  return { total, free, acquired, inFlight, waiting };
}

/** What the reports of all runs have in common. */
export interface RunReport {
  readonly packets: number;
  readonly bytes: number;
  readonly seconds: number;
  readonly sends: number;
  readonly unfinished: number;
  readonly interfaceDropped: number;
  readonly outcomes: Outcomes;
}

/** The same of its end: what is not in a report is as it was at the last look. */
export function lastReading(report: RunReport, last: Reading | null): Reading {
  const { packets, bytes, seconds, sends, unfinished, interfaceDropped, outcomes } = report;
  return {
    packets,
    bytes,
    seconds,
    sends,
    inFlight: unfinished,
    outcomes,
    interfaceDropped,
    latency: last?.latency ?? null,
    pool: last?.pool ?? null,
    rateError: last?.rateError ?? null,
  };
}
