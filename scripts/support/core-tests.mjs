// @ts-check
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { run } from './exec.mjs';
import { root } from './files.mjs';

/**
 * Builds the C++ core tests with the sanitizers in build/test-core and runs them.
 *
 * @returns {Promise<{ passed: number; failed: string[]; skipped: string[] }>} a build that fails or a
 *   program that does not reach its last line counts as one failure
 */
export async function coreTests() {
  const out = join(root, 'build/test-core');
  const make = [
    '-s',
    '-C',
    join(root, 'test/native/core'),
    `-j${availableParallelism()}`,
    `OUT=${out}`,
  ];
  if (!(await run('make', make)).ok)
    return { passed: 0, failed: ['C++ core: does not compile'], skipped: [] };

  const { ok, status, output } = await run(join(out, 'core_tests'), [], {
    cwd: root,
    capture: true,
    env: { UBSAN_OPTIONS: 'print_stacktrace=1', ...process.env },
  });
  process.stdout.write(output);
  const counts = output.match(/^(\d+) passed, \d+ failed\s*$/m);
  const failed = [...output.matchAll(/^FAILED (\w+: .*)/gm)].map(([, test]) => `C++ core: ${test}`);
  // A leak is reported after the last line, and shows in the exit code alone.
  if ((!counts || !ok) && failed.length === 0) failed.push(`C++ core: ${status}`);
  return { passed: Number(counts?.[1] ?? 0), failed, skipped: [] };
}
