// @ts-check
// Brings node_modules/, build/ and dist/ up to date with the sources. Says nothing when they are.
//
//   node scripts/ensure.mjs [--debug]
//
// Plain Node.js without dependencies, because it is what installs them. What is up to date is
// decided by content, never by file times, which a fresh clone and a copy do not keep.
import { copyFileSync, existsSync, mkdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { run, runNpm } from './support/exec.mjs';
import { checkout, digest, listFiles, readJson, root } from './support/files.mjs';
import { withLock } from './support/lock.mjs';

const configuration = process.argv.includes('--debug') ? 'Debug' : 'Release';
const verbose = Boolean(process.env.ZEROSEND_VERBOSE);
const options = { cwd: root, capture: !verbose };

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
    await step('npm', runNpm(args, options));
  },
};

const libraryInputs = () => listFiles(['lib', 'tsconfig.json', 'package-lock.json']);
const libraryOutputs = () => listFiles(['dist']);
const libraryStamp = 'build/.stamp-dist.json';

/** @type {Step} */
const library = {
  title: 'compiling lib/',
  due() {
    const stamp = readJson(libraryStamp);
    return stamp?.digest !== digest(libraryInputs()) || stamp.built !== digest(libraryOutputs());
  },
  async build() {
    const inputs = digest(libraryInputs());
    rmSync(join(root, libraryStamp), { force: true });
    const tsc = join(root, 'node_modules/typescript/bin/tsc');
    await step('tsc', run(process.execPath, [tsc, '--pretty', 'false'], options));
    for (const file of libraryOutputs()) {
      const source = file.replace(/^dist/, 'lib').replace(/(\.d\.ts|\.js|\.js\.map)$/, '.ts');
      if (!existsSync(join(root, source))) rmSync(join(root, file));
    }
    // Files that are not TypeScript, those of the page, are copied.
    for (const file of listFiles(['lib'], (path) => !path.endsWith('.ts'))) {
      const target = join(root, file.replace(/^lib/, 'dist'));
      mkdirSync(dirname(target), { recursive: true });
      copyFileSync(join(root, file), target);
    }
    const state = { digest: inputs, built: digest(libraryOutputs()) };
    writeFileSync(join(root, libraryStamp), JSON.stringify(state));
  },
};

const addonInputs = () =>
  listFiles(['native', 'package-lock.json'], (path) => !path.startsWith('native/build/'));
const addonOutputs = () => listFiles([`build/${configuration}`], (path) => path.endsWith('.node'));
const addonStamp = () => `build/.stamp-${configuration}.json`;

/**
 * Whether make builds again all that has changed since the last build. It goes by the times of files: it
 * takes a source that was moved or copied back, with the time it had, for one that was compiled already.
 *
 * @param {Record<string, string>} before the digest of each input, at the last build
 * @param {Record<string, string>} now
 */
function makeSees(before, now) {
  const builtAt = statSync(join(root, addonStamp())).mtimeMs;
  return Object.entries(before).every(
    ([file, sum]) =>
      now[file] === sum ||
      (file.startsWith('native/') && // npm gives all headers of node-addon-api one time, long ago
        now[file] !== undefined && // no object file may depend on a header which is gone
        statSync(join(root, file)).mtimeMs > builtAt),
  );
}

/** @type {Step} */
const addon = {
  title: `building the native addon (${configuration})`,
  due() {
    const stamp = readJson(addonStamp());
    return (
      stamp?.digest !== digest(addonInputs(), [process.arch]) ||
      stamp.built?.join() !== addonOutputs().join()
    );
  },
  async build() {
    const inputs = addonInputs();
    const before = readJson(addonStamp())?.files;
    const files = Object.fromEntries(inputs.map((file) => [file, digest([file])]));
    const state = { digest: digest(inputs, [process.arch]), files };
    const stale = before === undefined || !makeSees(before, files);
    rmSync(join(root, addonStamp()), { force: true });
    if (stale) rmSync(join(root, 'native/build'), { recursive: true, force: true });
    // `zerosend build` keeps one configuration only.
    const other = configuration === 'Release' ? 'Debug' : 'Release';
    rmSync(join(root, `build/.stamp-${other}.json`), { force: true });
    const more = [
      ...(configuration === 'Debug' ? ['--debug'] : []),
      ...(verbose ? ['--verbose'] : []),
    ];
    const args = [join(root, 'dist/cli/main.js'), 'build', '--incremental', ...more];
    await step('zerosend build', run(process.execPath, args, options));
    const built = addonOutputs();
    writeFileSync(join(root, addonStamp()), JSON.stringify({ ...state, built }));
  },
};

/**
 * Waits for one program of a step; what it printed is shown where it failed or warned.
 *
 * @param {string} name
 * @param {ReturnType<typeof run>} running
 */
async function step(name, running) {
  const { ok, status, output } = await running;
  if (!ok || /\bwarning:/.test(output)) process.stderr.write(output);
  if (!ok) throw new StepError(`${name} failed (${status})`);
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

const STEPS = [dependencies, library, addon];

async function bringUpToDate() {
  for (const { title, due, build } of STEPS) {
    try {
      if (!due()) continue;
      process.stderr.write(`zerosend: ${title} ...\n`);
      await build();
    } catch (error) {
      report(error);
      return; // each step needs the earlier ones: the addon is built by the library's command
    }
  }
}

// If nothing is due, nothing is written or locked, so that another user's checkout can be used.
try {
  if (STEPS.some(({ due }) => due())) {
    mkdirSync(join(root, 'build'), { recursive: true });
    await withLock(`zerosend-ensure-${checkout}`, bringUpToDate, {
      onWait: () => process.stderr.write('zerosend: waiting for another build ...\n'),
    });
  }
} catch (error) {
  report(error);
}
