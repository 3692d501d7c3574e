// @ts-check
// npm run test:sanitizers [-- [--quick] [--only stress|core|model|node ...]]
//
//   stress   test/stress under ThreadSanitizer, and under AddressSanitizer with UBSan
//   core     test/core under valgrind's memcheck
//   model    test/model with larger bounds
//   node     tests of the library on an addon built with AddressSanitizer and UBSan
//
// --quick: stress and core only, shorter. Everything is built into build/sanitizers. The last line
// is "N passed, N failed, N skipped"; with ZEROSEND_REQUIRE_ALL=1 a skip is a failure of the run.
import { randomInt } from 'node:crypto';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { hasProgram, run } from './support/exec.mjs';
import { readJson, root } from './support/files.mjs';
import { fail, readOptions } from './support/options.mjs';
import { sanitizedNodeTests } from './support/sanitized-node.mjs';

const PARTS = ['stress', 'core', 'model', 'node'];
const USAGE = `usage: npm run test:sanitizers -- [--quick] [--only ${PARTS.join('|')} ...]`;
const values = readOptions(USAGE, {
  quick: { type: 'boolean', default: false },
  only: { type: 'string', multiple: true, default: [] },
});
const unknown = values.only.find((part) => !PARTS.includes(part));
if (unknown !== undefined) fail(`--only takes ${PARTS.join(', ')}; it was '${unknown}'`, USAGE);
const chosen = values.only.length > 0 ? values.only : values.quick ? ['stress', 'core'] : PARTS;

const out = join(root, 'build/sanitizers');
// Objects know their headers by absolute paths: those in the copy of a checkout are of the other one.
if (readJson('build/sanitizers/root.json') !== root) rmSync(out, { recursive: true, force: true });
mkdirSync(out, { recursive: true });
writeFileSync(join(out, 'root.json'), JSON.stringify(root));
const total = { passed: 0, failed: 0, skipped: /** @type {string[]} */ ([]) };
/** @type {string[]} */
const problems = [];

function passed(/** @type {number} */ count = 1) {
  total.passed += count;
}

function failed(/** @type {string} */ what, count = 1) {
  total.failed += count;
  problems.push(what);
}

function heading(/** @type {string} */ text) {
  console.log(`\n--- ${text}`);
}

function make(/** @type {string} */ folder, /** @type {string} */ name, sanitize = '') {
  const jobs = `-j${availableParallelism()}`;
  const arguments_ = [`OUT=${join(out, name)}`, `SANITIZE=${sanitize}`];
  return run('make', ['-s', jobs, '-C', join(root, 'test', folder), ...arguments_]);
}

// ---- the stress program ---------------------------------------------------------------------------

const STRESS = [
  {
    name: 'ThreadSanitizer',
    folder: 'stress-thread',
    flags: '-fsanitize=thread',
    env: { TSAN_OPTIONS: 'halt_on_error=1:second_deadlock_stack=1' },
  },
  {
    name: 'AddressSanitizer and UBSan',
    folder: 'stress-address',
    flags: '-fsanitize=address,undefined -fno-sanitize-recover=undefined',
    env: {
      ASAN_OPTIONS: 'detect_leaks=1:detect_stack_use_after_return=1',
      UBSAN_OPTIONS: 'print_stacktrace=1',
    },
  },
];

async function stress() {
  for (const { name, folder, flags, env } of STRESS) {
    heading(`stress program under ${name}`);
    if (!(await make('stress', folder, flags)).ok) {
      failed(`building the stress program for ${name}`);
      continue;
    }
    const program = join(out, folder, 'stress');
    const seconds = values.quick ? 4 : 10;
    for (const more of [[], ['--signals']]) {
      const seed = String(randomInt(1_000_000_000));
      const args = ['--seconds', String(seconds), '--seed', seed, ...more];
      const { ok, status } = await runWithLittleRandomness(program, args, env);
      if (ok) passed();
      else failed(`${name}: stress ${args.join(' ')}: ${status}`);
    }
  }
}

/**
 * The sanitizers put their tables at fixed addresses, where a kernel that randomises addresses a lot
 * may have put something else already.
 *
 * @param {string} program
 * @param {string[]} args
 * @param {NodeJS.ProcessEnv} env
 */
function runWithLittleRandomness(program, args, env) {
  const options = { env: { ...process.env, ...env } };
  return hasProgram('setarch')
    ? run('setarch', ['-R', program, ...args], options)
    : run(program, args, options);
}

// ---- the core under valgrind ------------------------------------------------------------------------

// What valgrind does otherwise than the kernel.
const NOT_UNDER_VALGRIND = new Set([
  'slab_refuses_what_it_cannot_map', // its mmap answers EINVAL, not ENOMEM, to a size beyond reason
]);

async function core() {
  heading('C++ tests under valgrind');
  if (!hasProgram('valgrind')) {
    total.skipped.push('C++ tests under valgrind: needs valgrind');
    return;
  }
  if (!(await make('core', 'core')).ok) {
    failed('building the C++ tests for valgrind');
    return;
  }
  const ERRORS = 99;
  const { status, output } = await run(
    'valgrind',
    [
      '--quiet',
      '--child-silent-after-fork=yes',
      '--leak-check=full',
      '--errors-for-leak-kinds=definite,indirect',
      '--num-callers=30',
      `--error-exitcode=${ERRORS}`,
      join(out, 'core/core_tests'),
    ],
    { capture: true },
  );
  const counts = output.match(/^(\d+) passed, (\d+) failed\s*$/m);
  const names = [...output.matchAll(/^FAILED (\w+):/gm)].map(([, name]) => name ?? '');
  const wrong = names.filter((name) => !NOT_UNDER_VALGRIND.has(name));
  if (!counts || wrong.length > 0 || status === `exit code ${ERRORS}`) {
    console.log(output);
    failed(`C++ tests under valgrind: ${counts ? wrong.join(', ') || 'memory errors' : status}`);
  } else {
    passed(Number(counts[1]));
    console.log(`${counts[1]} passed; valgrind makes these fail: ${names.join(', ') || 'none'}`);
  }
}

// ---- vitest -----------------------------------------------------------------------------------------

async function model() {
  heading('model of the arm/notify/reap protocol');
  const { ok, status, output } = await run(
    join(root, 'node_modules/.bin/vitest'),
    ['run', '--reporter=default', 'test/model'],
    {
      cwd: root,
      env: { ...process.env, ZEROSEND_MODEL: 'large', NO_COLOR: '1' },
      capture: true,
    },
  );
  console.log(output.trim());
  const count = output.match(/^\s*Tests .*?(\d+) passed/m)?.[1];
  if (ok && count) passed(Number(count));
  else failed(`model: ${status}`);
}

async function node() {
  heading('tests of the library on an addon with AddressSanitizer and UBSan');
  const result = await sanitizedNodeTests(join(out, 'node'));
  passed(result.passed);
  if (result.failed > 0) failed('tests of the library', result.failed);
  for (const report of result.reports) failed(report);
  total.skipped.push(...result.skipped);
}

// -----------------------------------------------------------------------------------------------------

if (!(await run(process.execPath, [join(root, 'scripts/ensure.mjs')])).ok) process.exit(1);
if (chosen.includes('stress')) await stress();
// Neither waits for anything, and each takes one core.
await Promise.all([chosen.includes('core') && core(), chosen.includes('model') && model()]);
if (chosen.includes('node')) await node();

heading('summary');
for (const skip of total.skipped) console.log(`skipped: ${skip}`);
if (process.env.ZEROSEND_REQUIRE_ALL === '1' && total.skipped.length > 0) {
  problems.push('skipped tests with ZEROSEND_REQUIRE_ALL=1');
}
if (problems.length > 0) console.log(`not passed: ${problems.join('; ')}`);
console.log(`${total.passed} passed, ${total.failed} failed, ${total.skipped.length} skipped`);
process.exitCode = problems.length > 0 ? 1 : 0;
