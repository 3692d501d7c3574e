// @ts-check
// node scripts/fuzz.mjs [--minutes N] [--target notification|ledger] [--keep]
//
// Runs the fuzz targets of test/native/fuzz under clang's libFuzzer, with AddressSanitizer and UBSan, one
// after the other: N minutes each (default 1). They start from test/native/fuzz/corpus and from what
// earlier runs left in build/fuzz. What makes one fail is kept in build/fuzz/failures: once it is
// mended, put the file into test/native/fuzz/corpus, which `npm test` replays.
//
//   --keep   puts a smallest set of inputs that reaches all the code, as often, into
//            test/native/fuzz/corpus; of a large set only the longest inputs, which do most
import { mkdirSync, readdirSync, renameSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { hasProgram, run } from './support/exec.mjs';
import { root } from './support/files.mjs';
import { fail, readOptions } from './support/options.mjs';

const MOST_KEPT = 48;
const LENGTH = { notification: 512, ledger: 2048 };
const targets = /** @type {(keyof typeof LENGTH)[]} */ (Object.keys(LENGTH));

const USAGE = `usage: npm run fuzz -- [--minutes N] [--target ${targets.join('|')} ...] [--keep]`;
const values = readOptions(USAGE, {
  minutes: { type: 'string', default: '1' },
  target: { type: 'string', multiple: true, default: targets },
  keep: { type: 'boolean', default: false },
});
const minutes = Number(values.minutes);
const chosen = targets.filter((target) => values.target.includes(target));
if (!(minutes > 0)) fail(`--minutes takes a number; it was '${values.minutes}'`, USAGE);
if (chosen.length < values.target.length) {
  fail(`--target takes ${targets.join(', ')}; it was '${values.target.join(' ')}'`, USAGE);
}
if (!hasProgram('clang++')) {
  process.stderr.write('fuzz: needs clang++ with libFuzzer (Debian: clang, libclang-rt-dev)\n');
  process.exit(1);
}

const out = join(root, 'build/fuzz');
const environment = { ...process.env, UBSAN_OPTIONS: 'print_stacktrace=1' };

const built = await run('make', ['-s', '-C', join(root, 'test/native/fuzz'), `OUT=${out}`]);
if (!built.ok) process.exit(1);

for (const target of chosen) {
  const length = LENGTH[target];
  const program = join(out, `${target}_fuzz`);
  const gathered = join(out, 'corpus', target);
  const failures = join(out, 'failures');
  const kept = join(root, 'test/native/fuzz/corpus', target);
  for (const folder of [gathered, failures, kept]) mkdirSync(folder, { recursive: true });

  console.log(`--- ${target}, ${minutes} minutes`);
  const { ok, output } = await run(
    program,
    [
      `-max_total_time=${Math.ceil(minutes * 60)}`,
      `-max_len=${length}`,
      `-artifact_prefix=${failures}/${target}-`,
      '-print_final_stats=1',
      gathered,
      kept,
    ],
    { cwd: out, env: environment, capture: true },
  );
  console.log(ok ? statistics(output) : output);
  if (!ok) process.exitCode = 1;
  else if (values.keep && !(await keep(target, program, gathered, kept))) process.exitCode = 1;
}

/** What libFuzzer says of itself at the end, in one line. */
function statistics(/** @type {string} */ output) {
  const figures = [...output.matchAll(/^stat::(\w+):\s*(\d+)$/gm)];
  const edges = output.match(/Loaded 1 modules\s+\((\d+) inline/)?.[1];
  const [, covered, features] = output.match(/.*\bcov: (\d+) ft: (\d+)/s) ?? [];
  return [
    `${covered} of ${edges} edges`,
    `${features} features`,
    ...figures.map(([, name, value]) => `${name?.replaceAll('_', ' ')} ${value}`),
  ].join(', ');
}

/**
 * @param {keyof typeof LENGTH} target
 * @param {string} program
 * @param {string} gathered
 * @param {string} kept
 */
async function keep(target, program, gathered, kept) {
  const fresh = `${kept}.new`;
  rmSync(fresh, { recursive: true, force: true });
  mkdirSync(fresh);
  const args = ['-set_cover_merge=1', `-max_len=${LENGTH[target]}`];
  const { ok, output } = await run(program, [...args, fresh, kept, gathered], {
    cwd: out,
    env: environment,
    capture: true,
  });
  if (!ok) {
    process.stderr.write(output);
    rmSync(fresh, { recursive: true, force: true });
    return false;
  }
  const inputs = readdirSync(fresh)
    .map((file) => ({ file, size: statSync(join(fresh, file)).size }))
    .sort((a, b) => b.size - a.size);
  for (const { file } of inputs.splice(MOST_KEPT)) rmSync(join(fresh, file));
  rmSync(kept, { recursive: true });
  renameSync(fresh, kept);
  const bytes = inputs.reduce((sum, { size }) => sum + size, 0);
  console.log(
    `kept ${inputs.length} inputs of ${bytes} bytes in test/native/fuzz/corpus/${target}`,
  );
  return true;
}
