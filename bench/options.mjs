// @ts-check
import { parseArgs } from 'node:util';

export const USAGE = `usage: npm run bench -- [options]

Compares the library with C programs that do the same, and with node:dgram and node:net.
docs/performance.md says what each contest is about. All of them take a quarter of an hour.

  --only PATTERN   only contests whose name contains PATTERN (a regular expression)
  --rounds N       turns of each program; default 12
  --seconds S      length of a turn; default 0.35
  --quick          3 rounds of 0.08 s and fewer sizes: about a minute, and less exact
  --json           the results as JSON on stdout, in place of the tables
  --help`;

/**
 * @typedef {object} BenchOptions
 * @property {RegExp} only
 * @property {number} rounds
 * @property {number} seconds
 * @property {boolean} quick
 * @property {boolean} json
 */

/** @param {string} name @param {string} text @param {number} min @param {number} max */
function number(name, text, min, max) {
  const value = Number(text);
  if (text.trim() !== '' && value >= min && value <= max) return value;
  throw new RangeError(`--${name} has to be from ${min} to ${max}, received '${text}'`);
}

/** @param {string} name @param {string} text @param {number} min @param {number} max */
export function wholeNumber(name, text, min, max) {
  const value = number(name, text, min, max);
  if (Number.isInteger(value)) return value;
  throw new RangeError(`--${name} has to be a whole number, received '${text}'`);
}

/** @param {string} text */
function pattern(text) {
  try {
    return new RegExp(text, 'i');
  } catch (error) {
    throw new RangeError(`--only: ${/** @type {Error} */ (error).message}`);
  }
}

/**
 * @param {string[]} argv
 * @returns {BenchOptions | null} null: help was asked for
 * @throws {Error} with a message for the user
 */
export function parseOptions(argv) {
  const { values } = parseArgs({
    args: argv,
    options: {
      only: { type: 'string', default: '' },
      rounds: { type: 'string' },
      seconds: { type: 'string' },
      quick: { type: 'boolean', default: false },
      json: { type: 'boolean', default: false },
      help: { type: 'boolean', short: 'h' },
    },
  });
  if (values.help) return null;
  return {
    only: pattern(values.only),
    rounds: wholeNumber('rounds', values.rounds ?? (values.quick ? '3' : '12'), 1, 1000),
    seconds: number('seconds', values.seconds ?? (values.quick ? '0.08' : '0.35'), 0.05, 60),
    quick: values.quick,
    json: values.json,
  };
}
