// @ts-check
// Tables for people.

/**
 * @typedef {import('./contests.mjs').Contest} Contest
 * @typedef {import('./run-contest.mjs').Result} Result
 * @typedef {import('./run-contest.mjs').GoalResult} GoalResult
 * @typedef {import('./statistics.mjs').Summary} Summary
 */

const COLUMNS = [
  '',
  'GB/s',
  'quartiles',
  'sends/s',
  'CPU s/GB',
  'zero-copied',
  'by CPU',
  'ratio',
  'quartiles',
];

/** @param {Summary} summary @param {number} scale @param {number} digits */
const middle = ({ median }, scale, digits) => (median / scale).toFixed(digits);

/** @param {Summary} summary @param {number} scale @param {number} digits */
const spread = ({ low, high }, scale, digits) =>
  `${(low / scale).toFixed(digits)}-${(high / scale).toFixed(digits)}`;

/** @param {Result} result @param {number} index */
function row(result, index) {
  const { name, bytesPerSecond, sendsPerSecond, cpuSecondsPerGigabyte, cpuRatio, ratio, target } =
    result;
  const goal = target === null ? '' : `  target ${target.toFixed(2)} ${verdict(ratio, target)}`;
  return [
    name,
    middle(bytesPerSecond, 1e9, 2),
    spread(bytesPerSecond, 1e9, 2),
    `${middle(sendsPerSecond, 1e3, 1)} k`,
    middle(cpuSecondsPerGigabyte, 1, 4),
    `${(100 * result.zerocopiedShare).toFixed(result.zerocopiedShare % 1 ? 1 : 0)} %`,
    index === 0 ? '1' : middle(cpuRatio, 1, 3),
    index === 0 ? '1' : middle(ratio, 1, 3),
    index === 0 ? '' : `${spread(ratio, 1, 3)}${goal}`,
  ];
}

/** @param {Summary} ratio @param {number} target */
const verdict = ({ median }, target) => (median >= target ? 'met' : 'missed');

/** The first and the last column begin at the left, figures end at the right. @param {string[][]} rows */
function align(rows) {
  const widths = COLUMNS.map((_, i) => Math.max(...rows.map((cells) => cells[i]?.length ?? 0)));
  const last = COLUMNS.length - 1;
  return rows.map((cells) =>
    cells
      .map((cell, i) =>
        i === 0 || i === last ? cell.padEnd(widths[i] ?? 0) : cell.padStart(widths[i] ?? 0),
      )
      .join('  ')
      .trimEnd(),
  );
}

/** @param {GoalResult} goal */
function goalLine({ program, against, by, ratio, target }) {
  const what = `${program} / ${against}${by === 'cpu' ? ', by CPU' : ''}`;
  const figures = `${middle(ratio, 1, 2)}  ${spread(ratio, 1, 2)}`;
  const goal =
    target === undefined ? '' : `  target ${target.toFixed(2)} ${verdict(ratio, target)}`;
  return `  ${what}: ${figures}${goal}`;
}

/** @param {Contest} contest @param {Result[]} results @param {GoalResult[]} goals */
export function contestTable({ name, title, remark }, results, goals) {
  const rows = align([COLUMNS, ...results.map(row)]).map((line) => `  ${line}`);
  return [`${name}: ${title}`, ...rows, ...goals.map(goalLine), remark ?? '']
    .filter(Boolean)
    .map((text, i) => (i === 0 ? text : text.replaceAll(/^(?! {2})/gm, '  ')))
    .join('\n');
}

/** @param {import('./small.mjs').SmallResult[]} results */
export function smallTable(results) {
  const width = Math.max(...results.map(({ name }) => name.length));
  return [
    'small: nanoseconds a call, in a process of its own',
    ...results.map(({ name, nanoseconds: { median, low, high } }) => {
      const figures = `${median.toFixed(0).padStart(6)}  ${low.toFixed(0)}-${high.toFixed(0)}`;
      return `  ${name.padEnd(width)} ${figures}`;
    }),
  ].join('\n');
}
