// @ts-check
// npm test                   format, lint, types, the C++ tests, the vitest tests
// npm test -- pattern ...    only vitest, with these arguments
//
// The last line is "N passed, N failed, N skipped". A check that does not pass counts as a failure.
// With ZEROSEND_REQUIRE_ALL=1 a skipped test is a failure of the run.
import { biome, clangFormat, types } from './support/checks.mjs';
import { coreTests } from './support/core-tests.mjs';
import { dependencies } from './support/dependencies.mjs';
import { heading, Tally } from './support/tally.mjs';
import { threadSafety } from './support/thread-safety.mjs';
import { vitestTests } from './support/vitest-tests.mjs';

const forwarded = process.argv.slice(2);
const tally = new Tally();

async function check(
  /** @type {string} */ name,
  /** @type {() => Promise<{ ok: boolean; skipped?: string }>} */ task,
) {
  heading(name);
  const { ok, skipped } = await task();
  if (skipped) tally.skipped.push(skipped);
  if (!ok) tally.failed.push(name);
}

if (forwarded.length === 0) {
  await check('format and lint', () => biome('lint'));
  await check('clang-format', () => clangFormat('check'));
  await check('dependencies', dependencies);
  await check('thread safety', threadSafety);
  await check('types', types);
  heading('C++ core');
  tally.add(await coreTests());
}
heading('vitest');
tally.add(await vitestTests(forwarded));
tally.finish();
