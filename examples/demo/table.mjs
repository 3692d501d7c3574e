// @ts-check
// The table at the end: a column for each transport, a line for each measure.
import { bits, bytes, count, share, time } from './format.mjs';

/** @typedef {import('./result.mjs').Result} Result */

/** @type {[string, (result: Result) => string][]} */
const LINES = [
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

/** @param {number | undefined} value */
const optional = (value) => (value === undefined ? '-' : count(value));

/** @param {Result[]} results */
export function table(results) {
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

export const WHY_COPIED =
  'Loopback answers "copied" by design: a local receiver that does not read would hold the\n' +
  "sender's pages for ever, so the kernel copies whatever it loops back to its own machine, and\n" +
  'says so in the completion.';
