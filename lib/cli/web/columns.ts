import type { Snapshot } from '../live/snapshot.js';

/**
 * The values that the page draws over time. Each is read from a snapshot, and null where it is not
 * known.
 */
export const COLUMNS = {
  seconds: (s) => s.seconds,
  bitsPerSecond: (s) => s.bitsPerSecond,
  inFlight: (s) => s.inFlight,
  late: (s) => s.late,
  zerocopy: (s) => s.zerocopyShare,
  copied: (s) => s.copiedShare,
  inline: (s) => s.inlineShare,
  p50: (s) => s.latency?.p50 ?? null,
  p99: (s) => s.latency?.p99 ?? null,
  max: (s) => s.latency?.max ?? null,
  poolFree: (s) => s.pool?.free ?? null,
  poolAcquired: (s) => s.pool?.acquired ?? null,
  poolInFlight: (s) => s.pool?.inFlight ?? null,
} as const satisfies Readonly<Record<string, (snapshot: Snapshot) => number | null>>;

type Name = keyof typeof COLUMNS;
export type Row = Readonly<Record<Name, number | null>>;
export type Columns = Readonly<Record<Name, readonly (number | null)[]>>;

/** The history by columns, which is a tenth of the text that the snapshots would be. */
export function columnsOf(history: readonly Snapshot[]): Columns {
  const moments = history.filter(({ state }) => state === 'running');
  return mapped((read) => moments.map((snapshot) => rounded(read(snapshot))));
}

/** The row for a snapshot; null for the last one, whose rates are those of the whole run. */
export function rowOf(snapshot: Snapshot): Row | null {
  return snapshot.state === 'ended' ? null : mapped((read) => rounded(read(snapshot)));
}

function mapped<T>(value: (read: (snapshot: Snapshot) => number | null) => T): Record<Name, T> {
  const entries = Object.entries(COLUMNS).map(([name, read]) => [name, value(read)]);
  return Object.fromEntries(entries) as Record<Name, T>;
}

/** Rounded to four decimal places, which is more than a chart shows. */
const rounded = (value: number | null) => (value === null ? null : Math.round(value * 1e4) / 1e4);
