// @ts-check
// node bench/compare.mjs <other checkout> [--rows a,b] [--rounds N]
//
// This checkout's build against another's, which is built as well: both send in turns, in the same
// namespace, and each round reverses their order. Prints for each row the ratio new / old of the
// rates, with its 95 % interval. A row is a program of a contest; --rows takes parts of their names.
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { createRig } from '../rig/index.mjs';
import { compileSender } from './compile.mjs';
import { contests } from './contests.mjs';
import { runContest } from './run-contest.mjs';

const SECONDS = 0.5; // of one round

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    rows: { type: 'string', default: '' },
    rounds: { type: 'string', default: '20' },
  },
});
if (positionals[0] === undefined) throw new TypeError('which other checkout?');
const sender = join(resolve(positionals[0]), 'bench/js/sender.mjs');
const wanted = values.rows.split(',');

/** The geometric mean of ratios, and how far its 95 % interval reaches. */
function interval(/** @type {number[]} */ ratios) {
  const logs = ratios.map(Math.log);
  const mean = logs.reduce((sum, log) => sum + log, 0) / logs.length;
  const squares = logs.reduce((sum, log) => sum + (log - mean) ** 2, 0);
  const half = 1.96 * Math.sqrt(squares / (logs.length - 1) / logs.length);
  return [mean, mean - half, mean + half].map((log) => Math.exp(log).toFixed(4));
}

const rig = await createRig('sink');
try {
  const setting = { cSender: await compileSender(), rig, rounds: Number(values.rounds) };
  for (const contest of contests) {
    for (const program of contest.programs) {
      const row = `${contest.name}: ${program.name}`;
      const ours = program.language === 'js' && /zerosend|ring/.test(program.args[0] ?? '');
      if (!ours || !wanted.some((part) => row.includes(part))) continue;
      const programs = [
        { ...program, name: 'old', sender },
        { ...program, name: 'new' },
      ];
      const pair = { ...contest, programs, goals: [] };
      const { results } = await runContest(pair, { ...setting, seconds: SECONDS });
      const [ratio, low, high] = interval(results[1]?.ratios ?? []);
      console.log(`${ratio}  [${low}, ${high}]  ${row}`);
    }
  }
} finally {
  await rig.dispose();
}
