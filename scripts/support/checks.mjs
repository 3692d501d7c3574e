// @ts-check
import { join } from 'node:path';
import { run } from './exec.mjs';
import { listFiles, root } from './files.mjs';

const bin = (/** @type {string} */ name) => join(root, 'node_modules/.bin', name);
const local = (/** @type {string} */ name, /** @type {string[]} */ args) =>
  run(bin(name), args, { cwd: root });

const cSources = () =>
  listFiles(['native', 'rig', 'test', 'bench', 'examples'], (path) => /\.(h|c|cc)$/.test(path));

/**
 * biome over TypeScript, .mjs and JSON files.
 *
 * @param {'lint' | 'format' | 'write'} what `lint` includes the format and the order of imports
 */
export function biome(what) {
  const args = {
    lint: ['check', '--error-on-warnings'],
    format: ['format'],
    write: ['check', '--write'],
  };
  return local('biome', [...args[what], '--no-errors-on-unmatched']);
}

/**
 * clang-format over C and C++ files.
 *
 * @param {'check' | 'write'} what
 */
export async function clangFormat(what) {
  const files = cSources();
  if (files.length === 0) return { ok: true, status: 'no files', output: '' };
  return local('clang-format', [
    ...(what === 'write' ? ['-i'] : ['--dry-run', '-Werror']),
    ...files,
  ]);
}

/** The type check of tests, examples, benchmarks and scripts. lib/ is checked by its compilation too. */
export function types() {
  return local('tsc', ['-p', 'tsconfig.check.json']);
}
