// @ts-check
// Brings node_modules/, build/ and dist/ up to date with the sources. Says nothing when they are.
//
//   node scripts/ensure.mjs [--debug]
//
// Plain Node.js without dependencies, because it is what installs them. What is up to date is
// decided by content, never by file times, which a fresh clone and a copy do not keep.
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { hasProgram, run } from './support/exec.mjs';
import { digest, listFiles, readJson, root } from './support/files.mjs';
import { withLock } from './support/lock.mjs';

const configuration = process.argv.includes('--debug') ? 'Debug' : 'Release';
const verbose = Boolean(process.env.ZEROSEND_VERBOSE);

/** @typedef {{ title: string; hint?: string; due: () => boolean; build: () => Promise<void> }} Step */

class StepError extends Error {}

/** @type {Step} */
const dependencies = {
  title: 'installing dependencies',
  due() {
    const wanted = readJson('package-lock.json')?.packages;
    const installed = readJson('node_modules/.package-lock.json')?.packages;
    if (!wanted) throw new StepError('package-lock.json cannot be read');
    if (!installed) return true;
    return Object.entries(wanted).some(([path, { version, integrity, optional }]) => {
      if (path === '') return false;
      const present = installed[path];
      if (!present) return !optional; // for another platform
      return present.version !== version || present.integrity !== integrity;
    });
  },
  async build() {
    const args = ['ci', '--ignore-scripts', '--include=dev', '--no-audit', '--no-fund'];
    const cli = process.env.npm_execpath;
    // The npm that started this script, where there is one: it may not be the first in PATH.
    await (cli && basename(cli) === 'npm-cli.js'
      ? step(process.execPath, [cli, ...args])
      : step('npm', args));
  },
};

const addonInputs = () => listFiles(['native', 'binding.gyp', 'package-lock.json']);
const addonStamp = () => `build/.stamp-${configuration}.json`;

/** @type {Step} */
const addon = {
  title: `building the native addon (${configuration})`,
  due: () =>
    !existsSync(join(root, 'build', configuration, 'zerosend.node')) ||
    readJson(addonStamp())?.digest !== digest(addonInputs(), [process.arch]),
  async build() {
    requireTools();
    const files = addonInputs();
    const before = readJson(addonStamp());
    const state = { digest: digest(files, [process.arch]), files };
    rmSync(join(root, addonStamp()), { force: true });
    // make cannot go on from object files whose headers are gone.
    const stale = !before || before.files.some((/** @type {string} */ f) => !files.includes(f));
    const other = configuration === 'Release' ? 'Debug' : 'Release';
    // Only one configuration is kept: node-gyp-build would always prefer Release.
    for (const folder of stale ? [configuration, other] : [other]) {
      rmSync(join(root, 'build', folder), { recursive: true, force: true });
      rmSync(join(root, `build/.stamp-${folder}.json`), { force: true });
    }
    const prefix = dirname(dirname(process.execPath));
    const headers = existsSync(join(prefix, 'include/node/node_api.h'));
    await step(process.execPath, [
      join(root, 'node_modules/node-gyp/bin/node-gyp.js'),
      'configure',
      'build',
      `--jobs=${availableParallelism()}`,
      configuration === 'Debug' ? '--debug' : '--no-debug',
      ...(headers ? [`--nodedir=${prefix}`] : []), // nothing to download
      ...(verbose ? [] : ['--loglevel=error']),
    ]);
    writeFileSync(join(root, addonStamp()), JSON.stringify(state));
  },
};

const libraryInputs = () => listFiles(['lib', 'tsconfig.json', 'package-lock.json']);
const libraryStamp = 'build/.stamp-dist.json';

/** @type {Step} */
const library = {
  title: 'compiling lib/',
  due: () =>
    !existsSync(join(root, 'dist/index.js')) ||
    readJson(libraryStamp)?.digest !== digest(libraryInputs()),
  async build() {
    const state = { digest: digest(libraryInputs()) };
    rmSync(join(root, libraryStamp), { force: true });
    await step(process.execPath, [
      join(root, 'node_modules/typescript/bin/tsc'),
      '--pretty',
      'false',
    ]);
    for (const file of listFiles(['dist'])) {
      const source = file.replace(/^dist/, 'lib').replace(/(\.d\.ts|\.js|\.js\.map)$/, '.ts');
      if (!existsSync(join(root, source))) rmSync(join(root, file));
    }
    writeFileSync(join(root, libraryStamp), JSON.stringify(state));
  },
};

/** Runs one program of a step; what it printed is shown where it failed or warned. */
async function step(/** @type {string} */ command, /** @type {string[]} */ args) {
  const { ok, status, output } = await run(command, args, { cwd: root, capture: !verbose });
  if (!ok || /\bwarning:/.test(output)) process.stderr.write(output);
  if (!ok) throw new StepError(`${basename(args[0] ?? command)} failed (${status})`);
}

function requireTools() {
  const missing = ['python3', 'make', process.env.CXX ?? 'g++'].filter(
    (program) => !hasProgram(program.split(' ')[0] ?? program),
  );
  if (missing.length === 0) return;
  throw new StepError(
    `the native addon is built from source, which needs ${missing.join(', ')}: not found.\n` +
      '  Debian, Ubuntu:  apt-get install g++ make python3\n' +
      '  Fedora:          dnf install gcc-c++ make python3\n' +
      '  Alpine:          apk add g++ make python3 linux-headers',
  );
}

function report(/** @type {unknown} */ error) {
  process.exitCode = 1;
  const { code, path } = /** @type {NodeJS.ErrnoException} */ (error);
  if (error instanceof StepError) {
    process.stderr.write(`zerosend: ${error.message}\n`);
  } else if (code === 'EACCES' || code === 'EPERM' || code === 'EROFS') {
    process.stderr.write(
      `zerosend: ${path} cannot be written (${code}): run as the owner of the checkout, or clone it\n`,
    );
  } else {
    throw error;
  }
}

async function bringUpToDate() {
  for (const { title, due, build } of [dependencies, addon, library]) {
    try {
      if (!due()) continue;
      process.stderr.write(`zerosend: ${title} ...\n`);
      await build();
    } catch (error) {
      report(error);
      if (title === dependencies.title) return; // nothing else can be built without
    }
  }
}

// Without anything to do, nothing is written or locked: another user's checkout can be used.
try {
  if ([dependencies, addon, library].some(({ due }) => due())) {
    mkdirSync(join(root, 'build'), { recursive: true });
    const checkout = createHash('sha256').update(root).digest('hex').slice(0, 16);
    await withLock(`zerosend-ensure-${checkout}`, bringUpToDate, {
      onWait: () => process.stderr.write('zerosend: waiting for another build ...\n'),
    });
  }
} catch (error) {
  report(error);
}
