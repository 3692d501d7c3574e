// @ts-check
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { run } from './exec.mjs';
import { root } from './files.mjs';

/**
 * Builds the C++ core tests with the sanitizers in build/test-core and runs them.
 *
 * @returns {Promise<{ passed: number; failed: number; skipped: string[] }>} a build that fails or a
 *   program that does not reach its last line counts as one failure
 */
export async function coreTests() {
  const out = join(root, 'build/test-core');
  const make = ['-s', '-C', join(root, 'test/core'), `-j${availableParallelism()}`, `OUT=${out}`];
  if (!(await run('make', make)).ok) return { passed: 0, failed: 1, skipped: [] };

  const { ok, status, output } = await run(join(out, 'core_tests'), [], {
    cwd: root,
    capture: true,
    env: { UBSAN_OPTIONS: 'print_stacktrace=1', ...process.env },
  });
  process.stdout.write(output);
  const counts = output.match(/^(\d+) passed, (\d+) failed\s*$/m);
  if (!counts) console.log(`the C++ tests did not finish: ${status}`);
  const failed = Number(counts?.[2] ?? 0);
  // A leak is reported after the last line, and shows in the exit code alone.
  return {
    passed: Number(counts?.[1] ?? 0),
    failed: ok ? failed : Math.max(failed, 1),
    skipped: [],
  };
}
