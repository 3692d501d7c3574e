// The results of one sender: what it sent, how its ids completed, and what is wrong. They make a
// column of the table that is printed at the end.
import { release } from 'node:os';
import type { BufferPool, CloseReport, SocketStats, ZeroCopySocket } from '../../index.js';
import { bits, bytes, count, share, time } from '../base/format.js';
import { type DemoOptions, UNLIMITED } from './options.js';
import type { ReceiverReport } from './receiver-process.js';
import type { Meter, Run } from './sending.js';

export interface Result {
  readonly name: string;
  /** ids given out */
  readonly sends: number;
  readonly bytes: number;
  /** from the first send until everything had completed */
  readonly seconds: number;
  readonly bitsPerSecond: number;
  /** different ids completed */
  readonly completed: number;
  /** `complete` events */
  readonly ranges: number;
  readonly idsPerRange: number;
  /** messages read from the kernel's error queue */
  readonly notifications: number;
  /** of the ids completed, 0 to 1 */
  readonly zerocopyShare: number;
  readonly copiedShare: number;
  readonly inlineShare: number;
  /** at the end */
  readonly pool: { readonly free: number; readonly total: number };
  /** from send to completion, in µs */
  readonly latency: { readonly p50: number; readonly p99: number } | null;
  /** null where nothing receives */
  readonly received: ReceiverReport | null;
  /** empty: every id completed once and every byte was right */
  readonly problems: readonly string[];
}

export interface Measured {
  readonly name: string;
  readonly meter: Meter;
  readonly run: Run;
  readonly socket: ZeroCopySocket;
  readonly pool: BufferPool;
  readonly closed: CloseReport;
  readonly received: ReceiverReport | null;
}

export function resultOf({ name, meter, run, socket, pool, closed, received }: Measured): Result {
  const stats = socket.stats();
  const { ids, bytes, ranges, how } = meter;
  const share = (part: number) => (ids.completed === 0 ? 0 : part / ids.completed);
  return {
    name,
    sends: ids.sent,
    bytes,
    seconds: run.seconds,
    bitsPerSecond: run.seconds === 0 ? 0 : (bytes * 8) / run.seconds,
    completed: ids.completed,
    ranges,
    idsPerRange: ranges === 0 ? 0 : ids.completed / ranges,
    notifications: stats.notifications,
    zerocopyShare: share(how.zerocopy),
    copiedShare: share(how.copied),
    inlineShare: share(how.inline),
    pool: { free: pool.free, total: pool.count },
    latency: meter.latency(),
    received,
    problems: [
      ...ids.problems(),
      ...sendingProblems(meter, stats, pool, closed),
      ...(received === null ? [] : receivingProblems(meter, received)),
    ],
  };
}

function sendingProblems(
  { ids, bytes, how }: Meter,
  stats: SocketStats,
  pool: BufferPool,
  closed: CloseReport,
): string[] {
  const problems = [];
  if (how.revoked + how.failed > 0) {
    problems.push(`${how.revoked} ids were revoked and ${how.failed} failed`);
  }
  if (stats.sends !== ids.sent || stats.bytes !== bytes || stats.completed !== ids.completed) {
    const counts = `${stats.sends} sends, ${stats.bytes} bytes, ${stats.completed} completed`;
    problems.push(`the socket counts differently: ${counts}`);
  }
  if (closed.outcome !== 'drained' || closed.ids !== ids.sent) {
    problems.push(`closing: ${closed.outcome}, ${closed.ids} ids, ${closed.unfinished} unfinished`);
  }
  if (pool.free !== pool.count) {
    problems.push(`only ${pool.free} of ${pool.count} buffers are back in the pool`);
  }
  return problems;
}

/**
 * UDP may lose and reorder datagrams, which is no problem. Loopback never duplicates one, so a
 * duplicate is.
 */
function receivingProblems(meter: Meter, received: ReceiverReport): string[] {
  const problems = [];
  if (received.wrongBytes > 0) problems.push(`${received.wrongBytes} bytes were wrong`);
  if (received.duplicates) problems.push(`${received.duplicates} datagrams came twice`);
  const complete = received.lost === undefined || received.lost === 0;
  if (complete && received.bytes !== meter.bytes) {
    problems.push(`${meter.bytes} bytes were sent, and ${received.bytes} received`);
  }
  return problems;
}

/** A column for a sender that did not get to its end. */
export function failedResult(name: string, problem: string): Result {
  return {
    name,
    sends: 0,
    bytes: 0,
    seconds: 0,
    bitsPerSecond: 0,
    completed: 0,
    ranges: 0,
    idsPerRange: 0,
    notifications: 0,
    zerocopyShare: 0,
    copiedShare: 0,
    inlineShare: 0,
    pool: { free: 0, total: 0 },
    latency: null,
    received: null,
    problems: [problem],
  };
}

/** The values of the progress line. */
export interface DemoSnapshot {
  readonly seconds: number;
  readonly sends: number;
  readonly bytes: number;
  /** ids */
  readonly inFlight: number;
  readonly pool: { readonly free: number; readonly total: number };
}

export function snapshotOf(run: Run, { ids, bytes }: Meter, pool: BufferPool): DemoSnapshot {
  return {
    seconds: run.seconds,
    sends: ids.sent,
    bytes,
    inFlight: ids.sent - ids.completed,
    pool: { free: pool.free, total: pool.count },
  };
}

/** What a transport gets when it runs. */
export interface Watcher {
  /** Aborted when the transport has to end. */
  readonly signal: AbortSignal;
  /** Sets the function that makes snapshots, and the name that is shown. */
  watch(snapshot: () => DemoSnapshot, name?: string): void;
}

/** @param seconds in all */
export function progressLine(name: string, seconds: number, snapshot: DemoSnapshot): string {
  const { seconds: passed, sends, bytes: sent, inFlight, pool } = snapshot;
  return [
    `${name.padEnd(9)} ${passed.toFixed(1)}/${seconds} s`,
    `${count(sends)} sends`,
    bytes(sent),
    bits(passed === 0 ? 0 : (sent * 8) / passed),
    `${count(inFlight)} in flight`,
    `pool ${pool.free}/${pool.total}`,
  ].join('  ');
}

const LINES: readonly (readonly [string, (result: Result) => string])[] = [
  ['sends', (r) => count(r.sends)],
  ['bytes', (r) => bytes(r.bytes)],
  ['throughput', (r) => bits(r.bitsPerSecond)],
  ['ids completed', (r) => count(r.completed)],
  ['ranges', (r) => count(r.ranges)],
  ['ids a range', (r) => r.idsPerRange.toFixed(1)],
  ['notifications', (r) => count(r.notifications)],
  ['copied share', (r) => share(r.copiedShare)],
  ['inline share', (r) => share(r.inlineShare)],
  ['zero copy share', (r) => share(r.zerocopyShare)],
  ['pool free/total', (r) => `${r.pool.free}/${r.pool.total}`],
  ['p50 completion', (r) => (r.latency ? time(r.latency.p50) : '-')],
  ['p99 completion', (r) => (r.latency ? time(r.latency.p99) : '-')],
  ['received', (r) => (r.received ? bytes(r.received.bytes) : '-')],
  ['wrong bytes', (r) => (r.received ? count(r.received.wrongBytes) : '-')],
  ['datagrams lost', (r) => optional(r.received?.lost)],
  ['    out of order', (r) => optional(r.received?.reordered)],
  ['    twice', (r) => optional(r.received?.duplicates)],
];

const optional = (value: number | undefined) => (value === undefined ? '-' : count(value));

/** A column for each sender, a line for each measure. */
function table(results: readonly Result[]): string {
  const columns = [
    ['', ...LINES.map(([title]) => title)],
    ...results.map((result) => [result.name, ...LINES.map(([, cell]) => cell(result))]),
  ];
  const widths = columns.map((cells) => Math.max(...cells.map((cell) => cell.length)));
  const lines = (columns[0] ?? []).map((_, row) =>
    columns
      .map((cells, column) => {
        const cell = cells[row] ?? '';
        const width = widths[column] ?? 0;
        return column === 0 ? cell.padEnd(width) : cell.padStart(width);
      })
      .join('  ')
      .trimEnd(),
  );
  lines.splice(1, 0, '-'.repeat(widths.reduce((sum, width) => sum + width + 2, -2)));
  return lines.join('\n');
}

const WHY_COPIED =
  'Loopback answers "copied" by design: a local receiver that does not read would hold the\n' +
  "sender's pages for ever, so the kernel copies whatever it loops back to its own machine, and\n" +
  'says so in the completion.';

export interface Finished {
  readonly results: readonly Result[];
  /** Why no sink could be made; null where there was one. */
  readonly sinkUnavailable: string | null;
  readonly options: DemoOptions;
  readonly interrupted: boolean;
}

/** The summary that is printed at the end, for people and as JSON. */
export function summaryOf({ results, sinkUnavailable, options, interrupted }: Finished) {
  const problems = results.flatMap(({ name, problems: some }) =>
    some.map((problem) => `${name}: ${problem}`),
  );
  const ratio = ratioOf(results);
  const json = {
    ok: problems.length === 0 && (results.length > 0 || interrupted),
    interrupted,
    problems,
    node: process.version,
    kernel: release(),
    options: { ...options, count: options.count === UNLIMITED ? null : options.count },
    results,
    sink: { unavailable: sinkUnavailable, zeroCopyToCopy: ratio },
  };
  const lines = [];
  if (results.length > 0) lines.push(table(results), '');
  if (results.some(({ copiedShare }) => copiedShare > 0)) lines.push(WHY_COPIED, '');
  if (ratio !== null) {
    lines.push(
      `Into the sink, zero copy carries ${ratio.toFixed(2)} times as much as copying ` +
        `(${count(options.udpSize)} bytes a send, in turns).`,
      '',
    );
  }
  if (sinkUnavailable !== null) {
    lines.push(`No sink here, where the kernel would not copy: ${sinkUnavailable}`, '');
  }
  if (interrupted) lines.push('Ended early, by a signal.');
  lines.push(...verdict(results, problems, options.seed));
  return { json, text: lines.join('\n') };
}

/** Throughput with zero copy to that without. */
function ratioOf(results: readonly Result[]): number | null {
  const [zeroCopy, copy] = ['sink', 'sink-copy'].map((wanted) =>
    results.find(({ name, completed }) => name === wanted && completed > 0),
  );
  if (zeroCopy === undefined || copy === undefined) return null;
  return zeroCopy.bitsPerSecond / copy.bitsPerSecond;
}

function verdict(results: readonly Result[], problems: readonly string[], seed: number): string[] {
  if (problems.length > 0) {
    return ['NOT RIGHT:', ...problems.map((problem) => `  ${problem}`), `  (--seed ${seed})`];
  }
  if (results.length === 0) return ['Nothing was sent.'];
  const checked = results.some(({ received }) => received !== null);
  return [`Every id completed exactly once${checked ? ', and every byte was right' : ''}.`];
}
