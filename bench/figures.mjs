// @ts-check
// The figures in the documents are made from the JSON of a run, and of no other:
//
//   npm run bench -- --json > run.json
//   node bench/figures.mjs run.json [--state TEXT]   keeps it as bench/record.json, and writes docs/
//   node bench/figures.mjs --check                   whether docs/ has what bench/record.json makes
//
// --state is said beside the machine, where it was not at rest.
import { readFileSync, writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { seriesOf } from '../dist/cli/bench/chart.js';
import { svgChart } from '../dist/cli/bench/svg-chart.js';
import { contestOf, patchRows, withFigures } from './markdown.mjs';
import { MECHANISMS } from './patch/programs.mjs';
import { PUBLISHED } from './patch/published.mjs';

/** @typedef {import('./markdown.mjs').Run} Run */
/** @typedef {import('../dist/cli/bench/chart.js').Series} Series */

const inRoot = (/** @type {string} */ path) => new URL(`../${path}`, import.meta.url);
const RECORD = inRoot('bench/record.json');

/** Without what no figure is made from, five digits of each fraction, a contest a line. @param {Run} run */
function recordOf(run) {
  const short = (/** @type {string} */ key, /** @type {unknown} */ value) => {
    if (key === 'ratios') return undefined;
    const exact = typeof value !== 'number' || Number.isInteger(value);
    return exact ? value : Number(value.toPrecision(5));
  };
  const { contests, ...rest } = run;
  const lines = contests.map((contest) => `  ${JSON.stringify(contest, short)}`);
  return `{"contests":[\n${lines.join(',\n')}\n],"run":${JSON.stringify(rest, short)}}\n`;
}

/** @returns {Run} */
function readRecord() {
  const { contests, run } = JSON.parse(readFileSync(RECORD, 'utf8'));
  return { ...run, contests };
}

/** The two ways with notifications against that without zero copy. @param {Run} run @returns {Series[]} */
function patchSeries(run) {
  const rows = patchRows(run);
  const ways = /** @type {const} */ ([
    ['batches', 'hot'],
    ['each', 'cold'],
  ]);
  const published = ways.map(([way, memory]) => ({
    ...{ mechanism: /** @type {const} */ ('tcp'), memory, label: `the patch, ${way}` },
    points: PUBLISHED.map((row) => {
      const median = row[way] / row.copying;
      return { size: row.size, gain: { median, low: median, high: median } };
    }),
  }));
  const ours = /** @type {const} */ (['ring', 'udp']).flatMap((mechanism) =>
    ways.map(([way, memory]) => ({
      ...{ mechanism, memory, label: `${MECHANISMS[mechanism]}, ${way}` },
      points: rows
        .filter((row) => row.mechanism === mechanism && row.way === way)
        .map(({ size, ratio: { ratio, low, high } }) => ({
          ...{ size, gain: { median: ratio, low, high } },
        })),
    })),
  );
  return [...published, ...ours];
}

/** All files that figures stand in. @param {Run} run @returns {[path: string, text: string][]} */
function filesOf(run) {
  const { cpu, linux } = run.machine;
  const where = `${cpu}, Linux ${linux}${run.state ? `; ${run.state}` : ''}`;
  const document = 'docs/performance.md';
  return [
    [document, withFigures(readFileSync(inRoot(document), 'utf8'), run)],
    [
      'docs/figures/break-even.svg',
      svgChart(seriesOf(contestOf(run, 'break-even').results), where),
    ],
    [
      'docs/figures/patch.svg',
      svgChart(
        patchSeries(run),
        `notifications read in batches, and each (dashed); ${where}`,
        'Exchanges over loopback, against those without zero copy',
      ),
    ],
  ];
}

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { check: { type: 'boolean', default: false }, state: { type: 'string' } },
});
const [file] = positionals;
if (values.check === (file !== undefined)) {
  console.error('usage: node bench/figures.mjs RUN.json [--state TEXT] | --check');
  process.exitCode = 2;
} else if (file === undefined) {
  for (const [path, text] of filesOf(readRecord())) {
    if (readFileSync(inRoot(path), 'utf8') === text) continue;
    console.error(
      `${path} has other figures than bench/record.json: node bench/figures.mjs makes them`,
    );
    process.exitCode = 1;
  }
} else {
  const run = { ...JSON.parse(readFileSync(file, 'utf8')), state: values.state };
  writeFileSync(RECORD, recordOf(run));
  for (const [path, text] of filesOf(readRecord())) writeFileSync(inRoot(path), text);
}
