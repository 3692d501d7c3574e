// @ts-check
// npm run test:sanitizers [-- [--quick] [--only stress|core|model|node ...]]
//
//   stress   test/native/stress under ThreadSanitizer, and under AddressSanitizer with UBSan
//   core     test/native/core under valgrind's memcheck
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
import { heading, Tally } from './support/tally.mjs';

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
// Object files refer to their headers by absolute paths, so those in a copy of a checkout belong to
// the original.
if (readJson('build/sanitizers/root.json') !== root) rmSync(out, { recursive: true, force: true });
mkdirSync(out, { recursive: true });
writeFileSync(join(out, 'root.json'), JSON.stringify(root));
const tally = new Tally();

function make(/** @type {string} */ folder, /** @type {string} */ name, sanitize = '') {
  const jobs = `-j${availableParallelism()}`;
  const arguments_ = [`OUT=${join(out, name)}`, `SANITIZE=${sanitize}`];
  return run('make', ['-s', jobs, '-C', join(root, 'test/native', folder), ...arguments_]);
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
      tally.failed.push(`${name}: the stress program does not compile`);
      continue;
    }
    const program = join(out, folder, 'stress');
    const seconds = values.quick ? 4 : 10;
    for (const more of [[], ['--signals'], ['--submission']]) {
      const seed = String(randomInt(1_000_000_000));
      const args = ['--seconds', String(seconds), '--seed', seed, ...more];
      const { ok, status, output } = await runWithLittleRandomness(program, args, env);
      const what = `${name}: stress ${args.join(' ')}: ${status}`;
      const why = output.match(/.*(?:FAILED|ERROR|WARNING|runtime error).*/)?.[0] ?? '';
      if (ok) tally.passed++;
      else tally.failed.push(`${what}: ${why}`);
    }
    if (name === 'ThreadSanitizer') await weakened(program, env);
  }
}

/** What keeps one side of the submission thread's rings from what the other still reads or writes. */
const ORDERS = ['lines', 'room for lines', 'records', 'room for records'];

/**
 * Without one of its orders, the protocol has a data race that is seen sooner or later.
 *
 * @param {string} program
 * @param {NodeJS.ProcessEnv} env
 */
async function weakened(program, env) {
  for (const [order, name] of ORDERS.entries()) {
    let seen = false;
    for (let tries = 0; !seen && tries < 8; tries++) {
      const seed = String(randomInt(1_000_000_000));
      const args = ['--submission', '--seconds', '2', '--seed', seed, '--weaken', String(order)];
      const { ok, output } = await runWithLittleRandomness(program, args, env);
      seen = !ok && output.includes('data race');
    }
    if (seen) tally.passed++;
    else
      tally.failed.push(`ThreadSanitizer: the order of ${name} is taken away, and nothing is seen`);
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
  const options = { env: { ...process.env, ...env }, complaints: true };
  return hasProgram('setarch')
    ? run('setarch', ['-R', program, ...args], options)
    : run(program, args, options);
}

// ---- the core under valgrind ------------------------------------------------------------------------

// Tests that fail because valgrind differs from the kernel.
const NOT_UNDER_VALGRIND = new Set([
  'slab_refuses_what_it_cannot_map', // its mmap answers EINVAL, not ENOMEM, to a size beyond reason
  'part_spans_leaves_its_child_no_descriptor_but_one', // it has descriptors of its own, which stay
]);

async function core() {
  heading('C++ tests under valgrind');
  if (!hasProgram('valgrind')) {
    tally.skipped.push('C++ tests under valgrind: needs valgrind');
    return;
  }
  if (!(await make('core', 'core')).ok) {
    tally.failed.push('the C++ tests do not compile for valgrind');
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
    const what = counts ? wrong.join(', ') || 'memory errors' : status;
    tally.failed.push(`C++ tests under valgrind: ${what}`);
  } else {
    tally.passed += Number(counts[1]);
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
  if (ok && count) tally.passed += Number(count);
  else tally.failed.push(`model: ${status}`);
}

async function node() {
  heading('tests of the library on an addon with AddressSanitizer and UBSan');
  tally.add(await sanitizedNodeTests(join(out, 'node')));
}

// -----------------------------------------------------------------------------------------------------

if (chosen.includes('stress')) await stress();
// Neither waits for anything, and each uses one core, so both run at the same time.
await Promise.all([chosen.includes('core') && core(), chosen.includes('model') && model()]);
if (chosen.includes('node')) await node();

tally.finish();
