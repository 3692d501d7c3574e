// @ts-check
// Makes all figures in the documents from the JSON of a single run:
//
//   npm run bench -- --json > run.json
//   node bench/figures.mjs run.json [--state TEXT]   keeps it as bench/record*.json, and writes the documents
//   node bench/figures.mjs --again                   writes the documents from the records as they are
//   node bench/figures.mjs --check                   whether the documents have what the records make
//
// A run that has the contests of one record only replaces that one. --state describes the state of
// the machine, where it was not idle.
import { readFileSync, writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { seriesOf } from '../dist/cli/bench/chart.js';
import { svgChart } from '../dist/cli/bench/svg-chart.js';
import { contestOf, patchRows, quotedIn, withFigures } from './markdown.mjs';
import { MECHANISMS } from './patch/programs.mjs';
import { PUBLISHED } from './patch/published.mjs';

/** @typedef {import('./markdown.mjs').Run} Run */
/** @typedef {import('../dist/cli/bench/chart.js').Series} Series */

const inRoot = (/** @type {string} */ path) => new URL(`../${path}`, import.meta.url);
const textOf = (/** @type {string} */ path) => readFileSync(inRoot(path), 'utf8');

/**
 * A run that is kept, and the documents whose figures are made from it.
 * @typedef {object} Record
 * @property {string} path
 * @property {readonly string[]} documents
 * @property {boolean} [charts] charts are made from it, too
 */

/** @type {readonly Record[]} */
const RECORDS = [
  {
    path: 'bench/record.json',
    documents: [
      'docs/performance.md',
      'docs/submission-thread.md',
      'docs/guides/sizes.md',
      'README.md',
    ],
    charts: true,
  },
  { path: 'bench/record-watching.json', documents: ['docs/watching.md'] },
  { path: 'bench/record-packets.json', documents: ['docs/traffic/fields.md'] },
];

/** The contests that a record has to have. @param {Record} record */
const contestsIn = ({ documents }) =>
  new Set(documents.flatMap((path) => [...quotedIn(textOf(path))]));

/**
 * The run without data that no figure uses, with five digits of each fraction and one contest a
 * line. @param {Run} run
 */
function jsonOf(run) {
  const short = (/** @type {string} */ key, /** @type {unknown} */ value) => {
    if (key === 'ratios') return undefined;
    const exact = typeof value !== 'number' || Number.isInteger(value);
    return exact ? value : Number(value.toPrecision(5));
  };
  const { contests, ...rest } = run;
  const lines = contests.map((contest) => `  ${JSON.stringify(contest, short)}`);
  return `{"contests":[\n${lines.join(',\n')}\n],"run":${JSON.stringify(rest, short)}}\n`;
}

/** @param {Record} record @returns {Run} */
function readRecord({ path }) {
  const { contests, run } = JSON.parse(textOf(path));
  return { ...run, contests };
}

/**
 * The series of the two ways with notifications, relative to the one without zero copy. @param
 * {Run} run @returns {Series[]}
 */
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

/** All files that the figures of a record stand in. @param {Record} record @returns {[path: string, text: string][]} */
function filesOf(record) {
  const run = readRecord(record);
  /** @type {[string, string][]} */
  const documents = record.documents.map((path) => [path, withFigures(textOf(path), run)]);
  if (!record.charts) return documents;
  const { cpu, linux } = run.machine;
  const where = `${cpu}, Linux ${linux}${run.state ? `; ${run.state}` : ''}`;
  return [
    ...documents,
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

function check() {
  for (const record of RECORDS) {
    for (const [path, text] of filesOf(record)) {
      if (textOf(path) === text) continue;
      console.error(
        `${path} has other figures than ${record.path}: node bench/figures.mjs --again makes them`,
      );
      process.exitCode = 1;
    }
  }
}

/** @param {readonly Record[]} records */
function write(records) {
  for (const record of records) {
    for (const [path, text] of filesOf(record)) writeFileSync(inRoot(path), text);
  }
}

/** Keeps what the run has all contests of: those that it left out, with the reason, among them. @param {Run} run */
function keep(run) {
  const has = new Set([...run.contests, ...run.leftOut].map(({ name }) => name));
  const kept = RECORDS.filter((record) => {
    const names = contestsIn(record);
    const missing = [...names].filter((name) => !has.has(name));
    if (missing.length > 0) {
      console.error(`${record.path} stays: the run has no ${missing.join(', no ')}`);
      return false;
    }
    const of = (/** @type {string} */ name) => names.has(name);
    const own = {
      ...run,
      contests: run.contests.filter(({ name }) => of(name)),
      leftOut: run.leftOut.filter(({ name }) => of(name)),
      undecided: run.undecided.filter((what) => of(what.replace(/:.*/, ''))),
    };
    writeFileSync(inRoot(record.path), jsonOf(own));
    return true;
  });
  if (kept.length === 0) process.exitCode = 1;
  write(kept);
}

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    check: { type: 'boolean', default: false },
    again: { type: 'boolean', default: false },
    state: { type: 'string' },
  },
});
const [file] = positionals;
if ([values.check, values.again, file !== undefined].filter(Boolean).length !== 1) {
  console.error('usage: node bench/figures.mjs RUN.json [--state TEXT] | --again | --check');
  process.exitCode = 2;
} else if (file !== undefined) {
  keep({ ...JSON.parse(readFileSync(file, 'utf8')), state: values.state });
} else if (values.again) {
  write(RECORDS);
} else {
  check();
}
