import type { GenerateReport } from '../runs/generate.js';
import { meanRates, type Progress } from '../runs/meter.js';

/** What all workers of a run have sent together, and each of them. */
export interface WorkersReport extends Omit<GenerateReport, 'pacing'> {
  workers: GenerateReport[];
}

/** Of a worker that has sent no message about its progress yet. */
export const NO_PROGRESS: Progress = {
  seconds: 0,
  packets: 0,
  bytes: 0,
  packetsPerSecond: 0,
  bitsPerSecond: 0,
  inFlight: 0,
  dry: 0,
  rateError: null,
};

function total<K extends string>(parts: readonly Record<K, number>[], key: K): number {
  return parts.reduce((sum, part) => sum + part[key], 0);
}

/** The progress of all workers together. `seconds` is that of the longest, `rateError` the mean. */
export function sumProgress(parts: readonly Progress[]): Progress {
  const rates = parts.flatMap(({ rateError }) => (rateError === null ? [] : [rateError]));
  return {
    seconds: Math.max(...parts.map(({ seconds }) => seconds)),
    packets: total(parts, 'packets'),
    bytes: total(parts, 'bytes'),
    packetsPerSecond: total(parts, 'packetsPerSecond'),
    bitsPerSecond: total(parts, 'bitsPerSecond'),
    inFlight: total(parts, 'inFlight'),
    dry: total(parts, 'dry'),
    rateError: rates.length === 0 ? null : rates.reduce((a, b) => a + b) / rates.length,
  };
}

/** The report of a worker that ended without one, from its last progress. */
export function reportOf({ seconds, packets, bytes, inFlight, dry }: Progress): GenerateReport {
  return {
    ended: 'error',
    packets,
    bytes,
    seconds,
    ...meanRates(packets, bytes, seconds),
    sends: packets,
    failed: 0,
    unfinished: inFlight,
    dry,
    interfaceDropped: 0, // only a socket that is there can tell
    pacing: null,
  };
}

/** The reports of all workers as one. It ends as the first worker did that ended early. */
export function sumReports(reports: GenerateReport[]): WorkersReport {
  const seconds = Math.max(...reports.map((report) => report.seconds));
  const packets = total(reports, 'packets');
  const bytes = total(reports, 'bytes');
  const early =
    reports.find(({ ended }) => ended === 'error') ??
    reports.find(({ ended }) => ended !== 'count');
  return {
    ended: early?.ended ?? 'count',
    packets,
    bytes,
    seconds,
    ...meanRates(packets, bytes, seconds),
    sends: total(reports, 'sends'),
    failed: total(reports, 'failed'),
    unfinished: total(reports, 'unfinished'),
    dry: total(reports, 'dry'),
    // Each has counted all that the interface has dropped.
    interfaceDropped: Math.max(...reports.map((report) => report.interfaceDropped)),
    workers: reports,
  };
}
