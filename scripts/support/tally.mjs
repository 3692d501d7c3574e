// @ts-check

/** Counts what a run of several parts has passed, failed and skipped, and prints it at the end. */
export class Tally {
  passed = 0;
  /** @type {string[]} */
  failed = [];
  /** @type {string[]} */
  skipped = [];

  /** @param {{ passed: number; failed: readonly string[]; skipped: readonly string[] }} part */
  add({ passed, failed, skipped }) {
    this.passed += passed;
    this.failed.push(...failed);
    this.skipped.push(...skipped);
  }

  /**
   * Names each skip and each failure; the last line is "N passed, N failed, N skipped". Sets the exit
   * code: of a failure, of a skip where ZEROSEND_REQUIRE_ALL=1 forbids it, and of no test at all.
   */
  finish() {
    heading('summary');
    for (const skip of this.skipped) console.log(`skipped: ${skip}`);
    for (const failure of this.failed) console.log(`failed: ${failure}`);
    const { passed, failed, skipped } = this;
    const mustNotSkip = process.env.ZEROSEND_REQUIRE_ALL === '1' && skipped.length > 0;
    if (mustNotSkip) console.log('failed: tests were skipped with ZEROSEND_REQUIRE_ALL=1');
    if (passed + failed.length === 0) console.log('failed: no test was run');
    console.log(`${passed} passed, ${failed.length} failed, ${skipped.length} skipped`);
    process.exitCode = failed.length > 0 || mustNotSkip || passed === 0 ? 1 : 0;
  }
}

/** @param {string} text */
export function heading(text) {
  process.stdout.write(`\n--- ${text}\n`);
}
