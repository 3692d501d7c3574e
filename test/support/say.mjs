// @ts-check
// For programs that a test runs in a process of their own; see program.ts.
import { writeSync } from 'node:fs';

/**
 * Sends the test a message, at once: it arrives even if the process ends in the next line.
 * @param {string} type @param {object} [content]
 */
export function say(type, content = {}) {
  writeSync(1, `${JSON.stringify({ type, ...content })}\n`);
}

/** What the test has passed to the program, or to a worker of it. */
export const given = JSON.parse(process.argv[2] ?? '{}');
