// @ts-check
// npm run prebuild                                     the binaries of all targets, in prebuilds/
// npm run prebuild -- --target linux-x64-musl          of this one only; may be given several times
//
// Built by a pinned cross compiler, which npm brings into build/tools the first time (some 400 MB).
// Exits with 3 where that is not possible. What is up to date is left alone. Each binary is checked: for what it exports, and needs.
import { availableParallelism } from 'node:os';
import { parseArgs } from 'node:util';
import { problemsOf } from './prebuild/check.mjs';
import { CompileError, compile, TARGETS } from './prebuild/compile.mjs';
import { isHookOf } from './prebuild/hook.mjs';
import { writeLicences } from './prebuild/licences.mjs';
import { ensureZig, NoZig } from './prebuild/zig.mjs';
import { checkout } from './support/files.mjs';
import { withLock } from './support/lock.mjs';

const all = /** @type {(keyof typeof TARGETS)[]} */ (Object.keys(TARGETS));
const { values } = parseArgs({ options: { target: { type: 'string', multiple: true } } });
const chosen = all.filter((target) => values.target?.includes(target) ?? true);
const unknown = values.target?.find((name) => !Object.hasOwn(TARGETS, name));

/** Runs as many tasks at once as there are cores, in the order in which they come. */
function limiter(/** @type {number} */ most) {
  let running = 0;
  /** @type {(() => void)[]} */
  const waiting = [];
  return async (/** @type {() => Promise<any>} */ task) => {
    if (running >= most) await new Promise((go) => waiting.push(() => go(undefined)));
    running++;
    try {
      return await task();
    } finally {
      running--;
      waiting.shift()?.();
    }
  };
}

async function prebuild() {
  await ensureZig();
  const limit = limiter(availableParallelism());
  for (const target of chosen) {
    const start = performance.now();
    if (!(await compile(target, limit))) continue;
    const seconds = ((performance.now() - start) / 1000).toFixed(0);
    process.stderr.write(`zerosend: built prebuilds/${target}/zerosend.node in ${seconds} s\n`);
  }
  writeLicences();
  for (const target of chosen) {
    for (const problem of problemsOf(target)) {
      process.stderr.write(`zerosend: prebuilds/${target}/zerosend.node: ${problem}\n`);
      process.exitCode = 1;
    }
  }
}

if (isHookOf('build')) {
  // Nobody has asked for it.
} else if (unknown !== undefined) {
  process.stderr.write(`zerosend: --target takes ${all.join(', ')}; it was '${unknown}'\n`);
  process.exitCode = 2;
} else {
  try {
    await withLock(`zerosend-prebuild-${checkout}`, prebuild);
  } catch (error) {
    if (!(error instanceof NoZig) && !(error instanceof CompileError)) throw error;
    process.stderr.write(`zerosend: ${error.message}\n`);
    process.exitCode = error instanceof NoZig ? 3 : 1;
  }
}
