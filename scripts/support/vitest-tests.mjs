// @ts-check
import { rmSync } from 'node:fs';
import { join, relative } from 'node:path';
import { run } from './exec.mjs';
import { readJson, root } from './files.mjs';

const report = 'build/vitest.json';

/**
 * Runs vitest.
 *
 * @param {readonly string[]} args for vitest
 * @returns {Promise<{ passed: number; failed: number; skipped: string[] }>} a file that fails outside
 *   of its tests (an import, a hook), or a run that does (an unhandled error), counts as one failure
 */
export async function vitestTests(args) {
  rmSync(join(root, report), { force: true });
  const { ok } = await run(
    join(root, 'node_modules/.bin/vitest'),
    ['run', '--reporter=default', '--reporter=json', `--outputFile.json=${report}`, ...args],
    { cwd: root },
  );
  const files = readJson(report)?.testResults ?? [];
  let passed = 0;
  let failed = 0;
  /** @type {string[]} */
  const skipped = [];
  for (const file of files) {
    const before = failed;
    for (const test of file.assertionResults) {
      if (test.status === 'passed') passed++;
      else if (test.status === 'failed') failed++;
      else if (test.meta?.skipReason || args.length === 0)
        skipped.push(describeSkip(file.name, test));
      // The rest was not selected by the arguments.
    }
    if (file.status === 'failed' && failed === before) failed++;
  }
  return { passed, failed: ok ? failed : Math.max(failed, 1), skipped };
}

function describeSkip(/** @type {string} */ file, /** @type {any} */ test) {
  const name = [relative(root, file), ...test.ancestorTitles, test.title].filter(Boolean);
  return `${name.join(' > ')}: ${test.meta?.skipReason ?? 'no reason given'}`;
}
