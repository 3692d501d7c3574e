// @ts-check
// npm test                   format, lint, types, the C++ tests, the vitest tests
// npm test -- pattern ...    only vitest, with these arguments
//
// The last line is "N passed, N failed, N skipped". A check that does not pass counts as a failure.
// With ZEROSEND_REQUIRE_ALL=1 a skipped test is a failure of the run.
import { biome, clangFormat, types } from './support/checks.mjs';
import { coreTests } from './support/core-tests.mjs';
import { vitestTests } from './support/vitest-tests.mjs';

const forwarded = process.argv.slice(2);
const total = { passed: 0, failed: 0, skipped: /** @type {string[]} */ ([]) };
/** @type {string[]} */
const problems = [];

async function check(
  /** @type {string} */ name,
  /** @type {() => Promise<{ ok: boolean }>} */ task,
) {
  heading(name);
  if ((await task()).ok) return;
  total.failed++;
  problems.push(name);
}

async function tests(
  /** @type {string} */ name,
  /** @type {() => Promise<{ passed: number, failed: number, skipped: string[] }>} */ task,
) {
  heading(name);
  const { passed, failed, skipped } = await task();
  total.passed += passed;
  total.failed += failed;
  total.skipped.push(...skipped);
  if (failed > 0) problems.push(name);
}

function heading(/** @type {string} */ text) {
  process.stdout.write(`\n--- ${text}\n`);
}

if (forwarded.length === 0) {
  await check('format and lint', () => biome('lint'));
  await check('clang-format', () => clangFormat('check'));
  await check('types', types);
  await tests('C++ core', coreTests);
}
await tests('vitest', () => vitestTests(forwarded));

heading('summary');
for (const skip of total.skipped) console.log(`skipped: ${skip}`);
const noSkips = process.env.ZEROSEND_REQUIRE_ALL === '1';
if (noSkips && total.skipped.length > 0) problems.push('skipped tests with ZEROSEND_REQUIRE_ALL=1');
if (total.passed + total.failed === 0) problems.push('no test was run');
if (problems.length > 0) console.log(`not passed: ${problems.join('; ')}`);
console.log(`${total.passed} passed, ${total.failed} failed, ${total.skipped.length} skipped`);
process.exitCode = problems.length > 0 ? 1 : 0;
