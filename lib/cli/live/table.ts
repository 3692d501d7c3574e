import { bits, bytes, count, share, time } from '../base/format.js';
import type { Progress, Terminal } from '../base/terminal.js';
import type { Monitor } from './monitor.js';
import { partRows } from './parts.js';
import type { PoolState, Snapshot } from './snapshot.js';

const BAR = 20;
/** The most characters that are shown of names that users give. */
const WIDEST = 24;

/** Shows a run until it ends: on a terminal as a table in place, elsewhere as a line a second. */
export function showRun(monitor: Monitor, terminal: Terminal, progress: Progress): void {
  monitor.subscribe((snapshot) => {
    if (snapshot.state === 'ended') progress.clear();
    else progress.show(tableOf(snapshot, terminal.colour), lineOf(snapshot));
  });
}

/** The lines of the table. */
export function tableOf(snapshot: Snapshot, colour: Terminal['colour']): string[] {
  const { target, latency, pool, late, interfaceDropped } = snapshot;
  const rows: [string, string][] = [
    ['sent', `${count(snapshot.packets)} packets, ${bytes(snapshot.bytes)}`],
    ['rate', `${count(snapshot.packetsPerSecond)} packets/s, ${bits(snapshot.bitsPerSecond)}`],
  ];
  if (snapshot.rateError !== null) rows.push(['off the rate', percent(snapshot.rateError)]);
  rows.push(['in flight', `${count(snapshot.inFlight)} ids`]);
  const warn = (text: string, bad: boolean) => (bad ? colour.yellow(text) : text);
  rows.push(['late', warn(`${count(late)} ids (sent more than 1 s ago)`, late > 0)]);
  if (snapshot.outcomes !== null) rows.push(['completed', outcomesOf(snapshot, warn)]);
  if (latency !== null) {
    const { p50, p99, max } = latency;
    rows.push(['latency', `p50 ${time(p50)}, p99 ${time(p99)}, max ${time(max)}`]);
  }
  if (pool !== null) rows.push(['pool', poolOf(pool)]);
  if (interfaceDropped) {
    rows.push(['dropped', warn(`${count(interfaceDropped)} packets by the interface`, true)]);
  }
  if (snapshot.parts !== null) rows.push(...partRows(snapshot.parts, snapshot.packets));
  const width = Math.min(WIDEST, Math.max(13, ...rows.map(([name]) => name.length)));
  const lines = rows.map(([name, value]) => {
    const shown = name.length > width ? `${name.slice(0, width - 1)}…` : name.padEnd(width);
    return `  ${colour.dim(shown)} ${value}`;
  });
  return [colour.bold(target.title), `  ${progressOf(snapshot)}`, ...lines];
}

/** The same in one line, for a log. */
export function lineOf(snapshot: Snapshot): string {
  const { seconds, packets, inFlight, copiedShare, latency, pool, late } = snapshot;
  return [
    `${seconds.toFixed(1)} s`,
    `${count(packets)} packets`,
    `${count(snapshot.packetsPerSecond)} packets/s`,
    bits(snapshot.bitsPerSecond),
    `${count(inFlight)} in flight`,
    ...(copiedShare === null ? [] : [`${share(copiedShare)} copied`]),
    ...(latency === null ? [] : [`p99 ${time(latency.p99)}`]),
    ...(pool === null ? [] : [`pool ${pool.free}/${pool.total}`]),
    ...(late > 0 ? [`${count(late)} late`] : []),
  ].join('  ');
}

function outcomesOf(
  { zerocopyShare, copiedShare, inlineShare, outcomes }: Snapshot,
  warn: (text: string, bad: boolean) => string,
): string {
  const lost = (outcomes?.failed ?? 0) + (outcomes?.revoked ?? 0);
  const parts = [
    `${share(zerocopyShare ?? 0)} without a copy`,
    warn(`${share(copiedShare ?? 0)} copied`, (copiedShare ?? 0) > 0),
    `${share(inlineShare ?? 0)} inline`,
    ...(lost > 0 ? [warn(`${count(lost)} failed`, true)] : []),
  ];
  return parts.join(', ');
}

function poolOf({ free, total, waiting, dry }: PoolState): string {
  return `${bar(1 - free / total)} ${count(free)} of ${count(total)} free, ${waiting} wait, dry ${count(dry)} times`;
}

function progressOf({ target, seconds, packets }: Snapshot): string {
  const parts = [
    ...(target.seconds === null ? [] : [seconds / target.seconds]),
    ...(target.packets === null ? [] : [packets / target.packets]),
  ];
  const passed = `${seconds.toFixed(1)} s`;
  if (parts.length === 0) return `${passed} (Ctrl-C ends it with the report)`;
  const of = target.seconds === null ? '' : ` of ${target.seconds} s`;
  return `${bar(Math.max(...parts))} ${passed}${of}`;
}

function bar(part: number): string {
  const full = Math.round(Math.min(1, Math.max(0, part)) * BAR);
  return '█'.repeat(full) + '░'.repeat(BAR - full);
}

/** A percentage with its sign, since a rate can be too high or too low. */
export const percent = (part: number): string =>
  `${part > 0 ? '+' : ''}${(part * 100).toFixed(2)}%`;
