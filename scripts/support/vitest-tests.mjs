// @ts-check
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { run } from './exec.mjs';
import { root } from './files.mjs';
import { readReport } from './vitest-report.mjs';

/**
 * Runs vitest.
 *
 * @param {readonly string[]} args for vitest
 * @returns {Promise<{ passed: number; failed: string[]; skipped: string[] }>} a run that fails outside
 *   of all tests (an unhandled error) is one failure
 */
export async function vitestTests(args) {
  const report = join(root, 'build/vitest.json');
  rmSync(report, { force: true });
  const { ok, status } = await run(
    join(root, 'node_modules/.bin/vitest'),
    ['run', '--reporter=default', '--reporter=json', `--outputFile.json=${report}`, ...args],
    { cwd: root },
  );
  const counts = readReport(report, root, args.length > 0);
  if (!ok && counts.failed.length === 0) counts.failed.push(`vitest: ${status}`);
  return counts;
}
