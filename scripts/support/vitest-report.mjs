// @ts-check
import { existsSync, readFileSync } from 'node:fs';
import { relative } from 'node:path';

/**
 * What vitest's JSON report says.
 *
 * @param {string} report
 * @param {string} tree the folder that names of files begin with, which is left out
 * @param {boolean} partly tests that the arguments of the run did not select are no skipped ones
 * @returns {{ passed: number; failed: string[]; skipped: string[] }} what failed and what was skipped,
 *   each with its reason. A file that fails outside of its tests (an import, a hook) is one failure, and
 *   so is a missing report.
 */
export function readReport(report, tree, partly = false) {
  let passed = 0;
  /** @type {string[]} */
  const failed = [];
  /** @type {string[]} */
  const skipped = [];
  if (!existsSync(report)) return { passed, failed: ['vitest wrote no report'], skipped };
  for (const file of JSON.parse(readFileSync(report, 'utf8')).testResults) {
    const before = failed.length;
    const path = relative(tree, file.name);
    for (const test of file.assertionResults) {
      const name = [path, ...test.ancestorTitles, test.title].filter(Boolean).join(' > ');
      const reason = test.meta?.skipReason;
      if (test.status === 'passed') passed++;
      else if (test.status === 'failed')
        failed.push(`${name}: ${firstLine(test.failureMessages[0])}`);
      else if (reason || !partly) skipped.push(`${name}: ${reason ?? 'no reason given'}`);
    }
    if (file.status === 'failed' && failed.length === before) {
      failed.push(`${path}: ${firstLine(file.message)}`);
    }
  }
  return { passed, failed, skipped };
}

function firstLine(/** @type {string | undefined} */ text = '') {
  return text.split('\n', 1)[0] || 'no message';
}
