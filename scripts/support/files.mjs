// @ts-check
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The root folder of the checkout. */
export const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))));

/** A name of the checkout for locks: others may be worked on at the same time. */
export const checkout = createHash('sha256').update(root).digest('hex').slice(0, 16);

/**
 * The files under some files and folders of the checkout, as sorted paths relative to its root.
 *
 * @param {readonly string[]} paths those that do not exist are passed over
 * @param {(path: string) => boolean} [accept]
 */
export function listFiles(paths, accept = () => true) {
  const found = paths.flatMap((path) => {
    const absolute = join(root, path);
    if (!existsSync(absolute)) return [];
    if (!statSync(absolute).isDirectory()) return [path];
    return readdirSync(absolute, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath, entry.name).slice(root.length + 1));
  });
  return found.filter(accept).sort();
}

/**
 * A digest of the names and contents of files.
 *
 * @param {readonly string[]} files relative to the root of the checkout
 * @param {readonly string[]} [more] further strings that count
 */
export function digest(files, more = []) {
  const hash = createHash('sha256').update(JSON.stringify(more));
  for (const file of files) {
    const content = readFileSync(join(root, file));
    hash.update(`\n${file} ${content.length}\n`).update(content);
  }
  return hash.digest('hex');
}

/**
 * A JSON file's value, or undefined where there is no readable one.
 *
 * @param {string} path relative to the root of the checkout
 * @returns {any}
 */
export function readJson(path) {
  try {
    return JSON.parse(readFileSync(join(root, path), 'utf8'));
  } catch {
    return undefined;
  }
}
