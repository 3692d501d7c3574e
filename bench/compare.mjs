// @ts-check
// node bench/compare.mjs <other checkout> [--rows a,b] [--rounds N]
//
// This checkout's build against another's, which is built as well: both send in turns, in the same
// namespace, and each round reverses their order. Prints for each row the ratio new / old of the
// rates with its 95 % interval, and goes on until that is within ± 1 %, but for no more than N rounds
// (200). A row is a program of a contest; --rows takes parts of their names.
//
// Exits with 1 when a row is slower beyond doubt: its whole interval lies below 0.99.
import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { createRig } from '../rig/index.mjs';
import { compileSender } from './compile.mjs';
import { programContests } from './contests.mjs';
import { wholeNumber } from './options.mjs';
import { runContest } from './run-contest.mjs';
import { interval } from './statistics.mjs';

const SECONDS = 0.5; // seconds of a turn in one round
const WANTED = 0.01;
// rounds; with fewer, the spread is not known well enough to decide whether to stop
const FEWEST = 10;

/** Reads the command line. */
function readArguments() {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      rows: { type: 'string', default: '' },
      rounds: { type: 'string', default: '200' },
    },
  });
  const [other, ...more] = positionals;
  if (other === undefined || more.length > 0) throw new RangeError('which other checkout?');
  const sender = join(resolve(other), 'bench/js/sender.mjs');
  if (!existsSync(sender)) throw new RangeError(`no checkout, since there is no ${sender}`);
  const wanted = values.rows.split(',');
  const rows = programContests.flatMap((contest) =>
    contest.programs
      .filter(({ language, args }) => language === 'js' && /zerosend|ring/.test(args[0] ?? ''))
      .map((program) => ({ contest, program, row: `${contest.name}: ${program.name}` }))
      .filter(({ row }) => wanted.some((part) => row.includes(part))),
  );
  if (rows.length === 0) throw new RangeError(`--rows: nothing is called '${values.rows}'`);
  return { sender, rows, rounds: wholeNumber('rounds', values.rounds, 2, 10_000) };
}

/** Rounds are taken in pairs, so that each build has been the first equally often. */
function isEnough(/** @type {number[]} */ ratios) {
  const { length } = ratios;
  return length >= FEWEST && length % 2 === 0 && interval(ratios).within <= WANTED;
}

/** @param {ReturnType<typeof readArguments>} setting */
async function compare({ sender, rows, rounds }) {
  const wide = [];
  const slower = [];
  const rig = await createRig('sink');
  try {
    const setting = { cSender: await compileSender(), rig, rounds, seconds: SECONDS };
    for (const { contest, program, row } of rows) {
      const programs = [
        { ...program, name: 'old', sender },
        { ...program, name: 'new' },
      ];
      const pair = { ...contest, programs, goals: [] };
      const { results } = await runContest(pair, { ...setting, enough: isEnough });
      const ratios = results[1]?.ratios ?? [];
      const { ratio, low, high, within } = interval(ratios);
      const [middle, from, to] = [ratio, low, high].map((value) => value.toFixed(4));
      console.log(`${middle}  [${from}, ${to}]  ${ratios.length} rounds  ${row}`);
      if (within > WANTED) wide.push(row);
      if (high < 0.99) slower.push(row);
    }
  } finally {
    await rig.dispose();
  }
  for (const row of wide) console.log(`not within ± 1 % after ${rounds} rounds: ${row}`);
  for (const row of slower) console.log(`slower: ${row}`);
  if (slower.length > 0) process.exitCode = 1;
}

try {
  await compare(readArguments());
} catch (error) {
  const { code, message } = /** @type {NodeJS.ErrnoException} */ (error);
  if (!(error instanceof RangeError) && !code?.startsWith('ERR_PARSE_ARGS')) throw error;
  console.error(message);
  process.exitCode = 2;
}
