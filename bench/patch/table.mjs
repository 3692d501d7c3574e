// @ts-check
import { align, moved, spread } from '../report.mjs';
import { MECHANISMS } from './programs.mjs';
import { CYCLES, PUBLISHED, WAYS } from './published.mjs';

const HEAD = ['bytes, socket', 'copying', 'each', 'batches', 'each/copying', 'batches/copying', ''];

const REMARK =
  'Thousand exchanges a second: without zero copy, a notification read for each send, read in batches.\n' +
  "The first line of each size is the patch's own. Today packet sockets refuse SO_ZEROCOPY, and loopback\n" +
  'copies whatever is asked: docs/performance.md says what takes whose place. The patch took\n' +
  `${(CYCLES.copying / CYCLES.zerocopy).toFixed(2)} times fewer cycles for full-size TCP frames: contest ring-tso is about those.`;

/** @param {{ rows: import('./contest.mjs').PatchRow[] }} outcome */
export function patchTable({ rows }) {
  const lines = [...new Set(rows.map(({ size }) => size))].flatMap((size) => {
    const theirs = PUBLISHED.find((row) => row.size === size);
    const first = [`${size} B, the patch`, ...WAYS.map((way) => String(theirs?.[way] ?? ''))];
    if (theirs) {
      first.push((theirs.each / theirs.copying).toFixed(2));
      first.push((theirs.batches / theirs.copying).toFixed(2));
    }
    return [first, ...Object.keys(MECHANISMS).map((mechanism) => rowOf(rows, size, mechanism))];
  });
  return [...align([HEAD, ...lines]), moved(REMARK)].join('\n');
}

/** @param {import('./contest.mjs').PatchRow[]} rows @param {number} size @param {string} mechanism */
function rowOf(rows, size, mechanism) {
  const own = rows.filter((row) => row.size === size && row.mechanism === mechanism);
  const of = (/** @type {string} */ way) => own.find((row) => row.way === way);
  const ratio = (/** @type {string} */ way) => {
    const interval = of(way)?.ratio;
    return interval ? `${interval.ratio.toFixed(2)} (${spread(interval, 2)})` : '';
  };
  const worst = Math.min(...own.map(({ receivedShare }) => receivedShare));
  return [
    `  ${MECHANISMS[/** @type {keyof typeof MECHANISMS} */ (mechanism)]}`,
    ...WAYS.map((way) => ((of(way)?.exchangesPerSecond.median ?? 0) / 1000).toFixed(0)),
    ...[ratio('each'), ratio('batches')],
    worst < 0.999 ? `${(100 * worst).toFixed(0)} % received, or more` : '',
  ];
}
