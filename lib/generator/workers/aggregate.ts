import type { LatencySummary } from '../../index.js';
import type { GenerateReport } from '../runs/generate-report.js';
import {
  meanRates,
  NO_PROGRESS,
  type Outcomes,
  type PoolProgress,
  type Progress,
} from '../runs/meter.js';
import type { TemplateCount } from '../runs/mix.js';

/** What all workers of a run have sent together, and each of them. */
export interface WorkersReport extends Omit<GenerateReport, 'pacing'> {
  /** The report of each worker, in their order. */
  workers: GenerateReport[];
}

function total<K extends string>(parts: readonly Record<K, number>[], key: K): number {
  return parts.reduce((sum, part) => sum + part[key], 0);
}

/** Each template of all workers; of those that have told of none yet, nothing. */
function sumTemplates(all: readonly { templates?: readonly TemplateCount[] }[]): TemplateCount[] {
  const lists = all.flatMap(({ templates }) => (templates === undefined ? [] : [templates]));
  return (lists[0] ?? []).map((_, i) => {
    const parts = lists.map((list) => list[i] ?? { packets: 0, bytes: 0 });
    return { packets: total(parts, 'packets'), bytes: total(parts, 'bytes') };
  });
}

function sumOutcomes(all: readonly { outcomes: Outcomes }[]): Outcomes {
  const parts = all.map(({ outcomes }) => outcomes);
  return {
    zerocopy: total(parts, 'zerocopy'),
    copied: total(parts, 'copied'),
    inline: total(parts, 'inline'),
    revoked: total(parts, 'revoked'),
    failed: total(parts, 'failed'),
  };
}

function sumPools(all: readonly { pool: PoolProgress }[]): PoolProgress {
  const parts = all.map(({ pool }) => pool);
  return {
    count: total(parts, 'count'),
    free: total(parts, 'free'),
    acquired: total(parts, 'acquired'),
    inFlight: total(parts, 'inFlight'),
    waiting: total(parts, 'waiting'),
  };
}

/** Percentiles of all together cannot be had of those of each: the largest is what none exceeds. */
function sumLatencies(all: readonly { latency: LatencySummary | null }[]): LatencySummary | null {
  const parts = all.flatMap(({ latency }) => (latency === null ? [] : [latency]));
  const measured = parts.filter(({ count }) => count > 0);
  if (measured.length === 0) return parts[0] ?? null;
  const count = total(measured, 'count');
  const largest = (key: 'max' | 'p50' | 'p99') => Math.max(...measured.map((part) => part[key]));
  return {
    count,
    min: Math.min(...measured.map(({ min }) => min)),
    mean: measured.reduce((sum, part) => sum + part.mean * (part.count / count), 0),
    max: largest('max'),
    p50: largest('p50'),
    p99: largest('p99'),
  };
}

/** Each worker has counted all that the interface has dropped. */
const dropped = (all: readonly { interfaceDropped: number }[]): number =>
  Math.max(...all.map(({ interfaceDropped }) => interfaceDropped));

/** The progress of all workers together. `seconds` is that of the longest, `rateError` the mean. */
export function sumProgress(parts: readonly Progress[]): Progress {
  const rates = parts.flatMap(({ rateError }) => (rateError === null ? [] : [rateError]));
  return {
    seconds: Math.max(...parts.map(({ seconds }) => seconds)),
    packets: total(parts, 'packets'),
    bytes: total(parts, 'bytes'),
    templates: sumTemplates(parts),
    refused: parts.reduce((sum, { refused = 0 }) => sum + refused, 0),
    packetsPerSecond: total(parts, 'packetsPerSecond'),
    bitsPerSecond: total(parts, 'bitsPerSecond'),
    inFlight: total(parts, 'inFlight'),
    dry: total(parts, 'dry'),
    rateError: rates.length === 0 ? null : rates.reduce((a, b) => a + b) / rates.length,
    sends: total(parts, 'sends'),
    outcomes: sumOutcomes(parts),
    pool: sumPools(parts),
    interfaceDropped: dropped(parts),
    latency: sumLatencies(parts),
  };
}

/** How a worker is doing that has ended: it counts as what it has sent, and sends no more. */
export function progressAtEnd(
  report: Omit<GenerateReport, 'pacing' | 'templates' | 'refused'>,
): Progress {
  const { seconds, packets, bytes, dry, sends, outcomes, interfaceDropped, latency } = report;
  const sent = { seconds, packets, bytes, dry, sends, outcomes, interfaceDropped, latency };
  return { ...NO_PROGRESS, ...sent, inFlight: report.unfinished };
}

/** The report of a worker that ended without one, from its last progress. */
export function reportOf(last: Progress): GenerateReport {
  const { seconds, packets, bytes, inFlight, dry, sends, outcomes, latency } = last;
  return {
    ended: 'error',
    packets,
    bytes,
    templates: last.templates ?? [],
    refused: last.refused ?? 0,
    seconds,
    ...meanRates(packets, bytes, seconds),
    sends,
    failed: outcomes.failed + outcomes.revoked,
    unfinished: inFlight,
    dry,
    interfaceDropped: last.interfaceDropped,
    outcomes,
    latency,
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
    templates: sumTemplates(reports),
    refused: total(reports, 'refused'),
    seconds,
    ...meanRates(packets, bytes, seconds),
    sends: total(reports, 'sends'),
    failed: total(reports, 'failed'),
    unfinished: total(reports, 'unfinished'),
    dry: total(reports, 'dry'),
    interfaceDropped: dropped(reports),
    outcomes: sumOutcomes(reports),
    latency: sumLatencies(reports),
    workers: reports,
  };
}
