// @ts-check
// node scripts/changelog.mjs VERSION           what is Unreleased becomes this version, of today, and documents
//                                              name the packed file by it
// node scripts/changelog.mjs --check VERSION   whether the changelog has it, with its date
//
// `npm version` runs the first one; the workflow that publishes, the second.
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { root } from './support/files.mjs';

const path = join(root, 'CHANGELOG.md');
/** In which somebody is told to install the packed file. */
export const NAMING = ['README.md', 'docs/guides/getting-started.md'];

/**
 * @param {string} text
 * @param {string} version
 * @returns {string} with the packed file of this version
 */
export const named = (text, version) =>
  text.replaceAll(/\bzerosend-\d+\.\d+\.\d+[\w.-]*?\.tgz\b/g, `zerosend-${version}.tgz`);

/**
 * @param {string} text
 * @param {string} version
 * @param {string} date
 * @returns {string} with an empty section for what comes next
 */
export function released(text, version, date) {
  if (isDated(text, version)) throw new Error(`CHANGELOG.md has ${version} already`);
  const heading = '## [Unreleased]\n';
  if (!text.includes(heading)) throw new Error('CHANGELOG.md has no section Unreleased');
  return text.replace(heading, `${heading}\n## [${version}] - ${date}\n`);
}

/**
 * @param {string} text
 * @param {string} version
 */
export function isDated(text, version) {
  const [, date] =
    text
      .split('\n')
      .map((line) => line.split(`## [${version}] - `))
      .find((parts) => parts.length === 2) ?? [];
  return date !== undefined && /^\d{4}-\d\d-\d\d$/.test(date);
}

function main(/** @type {string[]} */ args) {
  const check = args[0] === '--check';
  const version = args.at(-1) ?? '';
  const text = readFileSync(path, 'utf8');
  if (!/^\d+\.\d+\.\d+/.test(version)) throw new Error(`not a version: '${version}'`);
  if (check) {
    if (!isDated(text, version)) throw new Error(`CHANGELOG.md has no dated section ${version}`);
  } else {
    writeFileSync(path, released(text, version, new Date().toISOString().slice(0, 10)));
    for (const name of NAMING) {
      const document = join(root, name);
      writeFileSync(document, named(readFileSync(document, 'utf8'), version));
    }
  }
}

if (process.argv[1] === import.meta.filename) {
  try {
    main(process.argv.slice(2));
  } catch (error) {
    process.stderr.write(`zerosend: ${/** @type {Error} */ (error).message}\n`);
    process.exitCode = 1;
  }
}
