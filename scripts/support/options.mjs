// @ts-check
import { parseArgs } from 'node:util';

/**
 * The options that a script was started with. Ends the process with the usage where --help is one
 * of them, and with what is wrong where one is unknown or lacks its value.
 *
 * @template {NonNullable<import('node:util').ParseArgsConfig['options']>} T
 * @param {string} usage
 * @param {T} options besides --help
 * @returns {ReturnType<typeof parseArgs<{ options: T }>>['values']}
 */
export function readOptions(usage, options) {
  try {
    const help = /** @type {const} */ ({ help: { type: 'boolean', short: 'h' } });
    const { values } = parseArgs({ options: { ...options, ...help } });
    if (!('help' in values)) return parseArgs({ options }).values;
    console.log(usage);
    process.exit(0);
  } catch (error) {
    fail(/** @type {Error} */ (error).message, usage);
  }
}

/**
 * Ends the process, since an option cannot be understood.
 *
 * @param {string} problem
 * @param {string} usage
 * @returns {never}
 */
export function fail(problem, usage) {
  process.stderr.write(`${problem}\n\n${usage}\n`);
  process.exit(2);
}
