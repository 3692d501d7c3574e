// @ts-check
// Tables for people.
import { sideOf } from './statistics.mjs';

/**
 * @typedef {import('./run-contest.mjs').Result} Result
 * @typedef {import('./run-contest.mjs').GoalResult} GoalResult
 * @typedef {import('./statistics.mjs').Summary} Summary
 * @typedef {import('./statistics.mjs').Interval} Interval
 */

const COLUMNS = [
  '',
  'GB/s',
  'quartiles',
  'sends/s',
  'CPU s/GB',
  'thread µs/send',
  's/GB',
  'zero-copied',
  'by CPU',
  'ratio',
  '95 %',
];

/** @param {Summary} summary @param {number} scale @param {number} digits */
const middle = ({ median }, scale, digits) => (median / scale).toFixed(digits);

/** @param {{ low: number, high: number }} spread @param {number} digits @param {number} [scale] */
export const spread = ({ low, high }, digits, scale = 1) =>
  `${(low / scale).toFixed(digits)}-${(high / scale).toFixed(digits)}`;

/** @param {Result} result @param {number} index */
function row(result, index) {
  const { name, bytesPerSecond, sendsPerSecond, cpuSecondsPerGigabyte, cpuRatio, ratio, target } =
    result;
  const { threadSecondsPerSend, threadSecondsPerGigabyte } = result;
  return [
    name,
    middle(bytesPerSecond, 1e9, 2),
    spread(bytesPerSecond, 2, 1e9),
    `${middle(sendsPerSecond, 1e3, 1)} k`,
    middle(cpuSecondsPerGigabyte, 1, 4),
    threadSecondsPerSend === null ? '' : middle(threadSecondsPerSend, 1e-6, 2),
    threadSecondsPerGigabyte === null ? '' : middle(threadSecondsPerGigabyte, 1, 4),
    shares(result),
    index === 0 ? '1' : cpuRatio.ratio.toFixed(3),
    index === 0 ? '1' : ratio.ratio.toFixed(3),
    index === 0 ? '' : `${spread(ratio, 3)}${verdict(ratio, target)}`,
  ];
}

/** How sends completed, but for those that asked for nothing. @param {Result} result */
export function shares({ zerocopiedShare, copiedShare }) {
  const percent = (/** @type {number} */ share) => `${(100 * share).toFixed(share % 1 ? 1 : 0)} %`;
  const vain = copiedShare > 0 ? `, ${percent(copiedShare)} in vain` : '';
  return `${percent(zerocopiedShare)}${vain}`;
}

const VERDICTS = { above: 'met', below: 'missed', undecided: 'undecided' };

/** @param {Interval} ratio @param {number | null} target @param {string} [source] */
function verdict(ratio, target, source = 'target') {
  return target === null
    ? ''
    : `  ${source} ${target.toFixed(2)} ${VERDICTS[sideOf(ratio, target)]}`;
}

/**
 * Aligns figures at the right, and the first and the last column at the left.
 * @param {string[][]} rows @returns {string[]} each behind two spaces
 */
export function align(rows) {
  const widths = (rows[0] ?? []).map((_, i) => Math.max(...rows.map((row) => row[i]?.length ?? 0)));
  const last = widths.length - 1;
  return rows.map((cells) =>
    `  ${cells
      .map((cell, i) =>
        i === 0 || i === last ? cell.padEnd(widths[i] ?? 0) : cell.padStart(widths[i] ?? 0),
      )
      .join('  ')}`.trimEnd(),
  );
}

/** @param {GoalResult} goal */
function goalLine({ program, against, by, ratio, target, source }) {
  const what = `${program} / ${against}${by === 'cpu' ? ', by CPU' : ''}`;
  const figures = `${ratio.ratio.toFixed(2)}  ${spread(ratio, 2)}`;
  return `  ${what}: ${figures}${verdict(ratio, target ?? null, source)}`;
}

/** Remarks, indented like a table. @param {string} [text] */
export const moved = (text = '') => text.replaceAll(/^(?=.)/gm, '  ');

/**
 * @param {import('./run-contest.mjs').ProgramContest} contest
 * @param {import('./run-contest.mjs').ProgramOutcome} outcome
 */
export function contestTable({ remark }, { results, goals }) {
  return [...align([COLUMNS, ...results.map(row)]), ...goals.map(goalLine), moved(remark)]
    .filter(Boolean)
    .join('\n');
}
