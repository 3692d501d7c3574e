// @ts-check
// For the programs of this folder: they load the package from where they are told, since some of
// them run in a copy of it, and print one JSON object at their end.
import { readdirSync } from 'node:fs';

export const given = JSON.parse(process.argv[2] ?? '{}');

/** @type {typeof import('../../../../dist/index.js')} */
export const zerosend = await import(given.index);

/**
 * The outcome of something that may fail, as plain data.
 * @param {() => unknown} action
 */
export async function outcome(action) {
  try {
    return { value: await action() };
  } catch (error) {
    const { name, message, code, syscall } = /** @type {NodeJS.ErrnoException} */ (error);
    return { name, message, code, syscall };
  }
}

/** How many descriptors are open; the one that reads the folder is not counted. */
export const countDescriptors = () => readdirSync('/proc/self/fd').length - 1;

/** @param {object} content */
export const report = (content) => process.stdout.write(JSON.stringify(content));
