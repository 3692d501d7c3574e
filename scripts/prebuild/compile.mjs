// @ts-check
// Builds the addon for one target with the pinned compiler: file by file, and only what has changed.
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { run } from '../support/exec.mjs';
import { digest, listFiles, readJson, root } from '../support/files.mjs';
import { zig } from './zig.mjs';

/** What the binaries are built for, by the names under which lib/addon looks for them. */
export const TARGETS = /** @type {const} */ ({
  'linux-x64-glibc': 'x86_64-linux-gnu.2.28',
  'linux-x64-musl': 'x86_64-linux-musl',
  'linux-arm64-glibc': 'aarch64-linux-gnu.2.28',
  'linux-arm64-musl': 'aarch64-linux-musl',
});

/** @typedef {keyof typeof TARGETS} Target */

// As in native/binding.gyp, but that the C++ library is inside, and nothing of it is to be seen.
const DEFINES = [
  'NAPI_VERSION=9',
  'NODE_ADDON_API_DISABLE_CPP_EXCEPTIONS',
  'NODE_API_SWALLOW_UNTHROWABLE_EXCEPTIONS',
  'NODE_GYP_MODULE_NAME=zerosend',
  'BUILDING_NODE_EXTENSION',
];
const FLAGS = [
  ...['-std=c++17', '-O2', '-fPIC', '-pthread', '-fno-exceptions', '-fno-rtti'],
  ...['-fvisibility=hidden', '-fno-sanitize=undefined', '-Wall', '-Wextra'],
  '-Wno-nullability-completeness', // of the headers of glibc that zig brings
  `-ffile-prefix-map=${root}=.`, // keeps paths of the building machine out of the binary
  ...DEFINES.map((define) => `-D${define}`),
  '-Inative',
  '-Inode_modules/node-addon-api',
];

/** The symbols by which Node.js finds the addon; without a list, operator new would be one, too. */
export const EXPORTED = ['napi_register_module_v1', 'node_api_module_get_api_version_v1'];

export class CompileError extends Error {}

/** What the shipped addon is made of. */
const inputs = () =>
  listFiles(['native'], (path) => /^native\/(?!build\/|testing\/).*\.(cc|h)$/.test(path));

/**
 * Brings the binary of one target up to date.
 *
 * @param {Target} target
 * @param {<T>(task: () => Promise<T>) => Promise<T>} limit runs as many tasks at once as there are cores
 * @returns {Promise<boolean>} whether anything had to be built
 */
export async function compile(target, limit) {
  const out = join('build/prebuild', target);
  const files = inputs();
  const sources = files.filter((file) => file.endsWith('.cc'));
  const objects = await Promise.all(
    sources.map((source) => limit(() => compileFile(target, out, source))),
  );
  const binary = join('prebuilds', target, 'zerosend.node');
  const key = digestOf([zig.versions, objects.map(({ key }) => key), EXPORTED, TARGETS[target]]);
  const stamp = join(out, 'binary.json');
  const state = { key, inputs: digest(files) };
  const before = readJson(stamp);
  if (before?.key === key && before.sha256 === sha256(binary)) {
    writeFileSync(join(root, stamp), JSON.stringify({ ...before, ...state }));
    return false;
  }

  const script = join(root, out, 'exports.map');
  writeFileSync(script, `{ global: ${EXPORTED.join('; ')}; local: *; };\n`);
  mkdirSync(join(root, dirname(binary)), { recursive: true });
  const made = `${binary}.new`;
  // What it says here is about the C++ library, which it compiles the first time.
  await limit(() =>
    zigRun(`linking ${target}`, [
      ...['c++', '-target', TARGETS[target], '-shared', '-fPIC', '-O2', '-s', '-pthread'],
      `-Wl,--version-script=${script}`,
      ...['-o', made],
      ...objects.map(({ path }) => path),
    ]),
  );
  // Replaced by renaming, since a process may have loaded the old one.
  renameSync(join(root, made), join(root, binary));
  writeFileSync(join(root, stamp), JSON.stringify({ ...state, sha256: sha256(binary) }));
  return true;
}

/** Whether a target's binary is the one that this script has made of the present sources. */
export function isPrebuilt(/** @type {string} */ target) {
  const stamp = readJson(join('build/prebuild', target, 'binary.json'));
  const binary = join('prebuilds', target, 'zerosend.node');
  return stamp?.inputs === digest(inputs()) && stamp.sha256 === sha256(binary);
}

/**
 * @param {Target} target
 * @param {string} out
 * @param {string} source
 * @returns {Promise<{ path: string; key: string }>} the key is of all that the object was made from
 */
async function compileFile(target, out, source) {
  const path = join(out, source.replace(/\.cc$/, '.o'));
  const stamp = `${path}.json`;
  const before = readJson(stamp);
  if (before && existsSync(join(root, path)) && keyOf(target, before.files) === before.key) {
    return { path, key: before.key };
  }
  rmSync(join(root, stamp), { force: true });
  mkdirSync(join(root, dirname(path)), { recursive: true });
  const list = `${path}.d`;
  const warnings = await zigRun(`compiling ${source} for ${target}`, [
    ...['c++', '-target', TARGETS[target], ...FLAGS, `-I${zig.headers}`],
    ...['-MMD', '-MF', list, '-c', source, '-o', path],
  ]);
  process.stderr.write(warnings);
  const files = readFileSync(join(root, list), 'utf8')
    .replace(/^[^:]*:/, '')
    .split(/\\?\s+/)
    .filter((file) => file !== '')
    .sort();
  const key = keyOf(target, files);
  writeFileSync(join(root, stamp), JSON.stringify({ key, files }));
  return { path, key };
}

function keyOf(/** @type {Target} */ target, /** @type {readonly string[]} */ files) {
  const contents = files.map((file) => [file, sha256(file)]);
  return digestOf([zig.versions, TARGETS[target], FLAGS, contents]);
}

/** @type {Map<string, string>} */
const known = new Map();

/** The digest of a file. That of a source is computed once; binaries may change meanwhile. */
function sha256(/** @type {string} */ file) {
  const binary = file.endsWith('.node');
  const seen = binary ? undefined : known.get(file);
  if (seen !== undefined) return seen;
  const path = file.startsWith('/') ? file : join(root, file);
  const sum = existsSync(path)
    ? createHash('sha256').update(readFileSync(path)).digest('hex')
    : 'none';
  known.set(file, sum);
  return sum;
}

function digestOf(/** @type {unknown} */ value) {
  return createHash('sha256').update(JSON.stringify(value)).digest('hex');
}

/** @returns {Promise<string>} the output of the compiler */
async function zigRun(/** @type {string} */ what, /** @type {string[]} */ args) {
  const options = { cwd: root, env: zig.env, capture: true };
  const { ok, status, output } = await run(zig.program, args, options);
  if (!ok) throw new CompileError(`${what}: ${status}\n${output}`);
  return output;
}
