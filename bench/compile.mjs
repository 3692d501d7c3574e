// @ts-check
// Compiles the C reference program into build/bench/, again whenever its sources have changed.
import { accessSync, constants, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { rename } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { run } from '../scripts/support/exec.mjs';
import { digest, listFiles, readJson, root } from '../scripts/support/files.mjs';

const FLAGS = ['-std=gnu11', '-O2', '-Wall', '-Wextra', '-pthread'];
const STAMP = 'build/bench/.stamp.json';

/** Where the program can be written: another user's checkout may be read-only. */
function folder() {
  const shared = join(root, 'build/bench');
  try {
    mkdirSync(shared, { recursive: true });
    accessSync(shared, constants.W_OK);
    return shared;
  } catch {
    const own = mkdtempSync(join(tmpdir(), 'zerosend-bench-'));
    process.once('exit', () => rmSync(own, { recursive: true, force: true }));
    return own;
  }
}

/** @returns {Promise<string>} the path of the sender */
export async function compileSender() {
  const compiler = process.env.CC ?? 'cc';
  const sources = listFiles(['bench/c'], (path) => /\.[ch]$/.test(path));
  const state = digest(sources, [compiler, process.arch, ...FLAGS]);
  const shared = join(root, 'build/bench/sender');
  if (readJson(STAMP)?.digest === state) return shared;
  const target = join(folder(), 'sender');
  const scratch = `${target}.${process.pid}`; // another run may be compiling: the rename is atomic
  const units = sources.filter((path) => path.endsWith('.c'));
  const args = [...FLAGS, '-o', scratch, ...units];
  const { ok, status, output } = await run(compiler, args, { cwd: root, capture: true });
  if (!ok) throw new Error(`${compiler} does not compile bench/c: ${status}\n${output}`);
  await rename(scratch, target);
  if (target === shared) writeFileSync(join(root, STAMP), JSON.stringify({ digest: state }));
  return target;
}
