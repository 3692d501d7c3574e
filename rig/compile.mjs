// @ts-check
// Compiles the rigs' C programs on demand into build/rig/, once for each change of their sources.
import { execFile } from 'node:child_process';
import { constants } from 'node:fs';
import { access, mkdir, readdir, rename, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const execute = promisify(execFile);
const SOURCES = fileURLToPath(new URL('.', import.meta.url));
const BUILD = fileURLToPath(new URL('../build/rig/', import.meta.url));
const FLAGS = ['-std=gnu11', '-O3', '-Wall', '-Wextra'];
/** Further translation units of a program; every header counts as a source of all. */
const PARTS = {
  receiver: ['receiver_options', 'receiver_report', 'receiver_tcp', 'receiver_udp'],
  frame_receiver: [],
  probe: [],
  header_reader: [],
  bpf_load: [],
};

/** @type {Map<string, Promise<string>>} */
const compiled = new Map();

/**
 * The folder for compiled programs: build/rig, or one of the user's own where that is not writable.
 * @returns {Promise<string>}
 */
export async function buildFolder() {
  try {
    await mkdir(BUILD, { recursive: true });
    await access(BUILD, constants.W_OK);
    return BUILD;
  } catch {
    const own = join(tmpdir(), `zerosend-rig-${process.getuid?.()}`);
    await mkdir(own, { recursive: true, mode: 0o700 });
    const { uid, mode } = await stat(own);
    if (uid !== process.getuid?.() || mode & 0o022) {
      throw new Error(`${own} belongs to another user, and ${BUILD} is not writable`);
    }
    return own;
  }
}

/** @param {string} path */
async function changedAt(path) {
  try {
    return (await stat(path)).mtimeMs;
  } catch {
    return 0;
  }
}

/** @param {keyof typeof PARTS} program */
async function compileNow(program) {
  const units = [program, ...PARTS[program]].map((unit) => join(SOURCES, `${unit}.c`));
  const headers = (await readdir(SOURCES)).filter((name) => name.endsWith('.h'));
  const sources = [...units, ...headers.map((name) => join(SOURCES, name))];
  const newest = Math.max(...(await Promise.all(sources.map(changedAt))));
  const shared = join(BUILD, program);
  if ((await changedAt(shared)) >= newest) return shared;
  const target = join(await buildFolder(), program);
  if ((await changedAt(target)) >= newest) return target;
  // Another process may be compiling the same program: the rename makes either result whole.
  const scratch = `${target}.${process.pid}.${Date.now()}`;
  const compiler = process.env.CC ?? 'cc';
  try {
    await execute(compiler, [...FLAGS, '-march=native', '-o', scratch, ...units]).catch(() =>
      execute(compiler, [...FLAGS, '-o', scratch, ...units]),
    );
    await rename(scratch, target);
  } catch (error) {
    await rm(scratch, { force: true });
    const { stderr, message } = /** @type {Error & { stderr?: string }} */ (error);
    throw new Error(`cannot compile ${program}.c: ${stderr || message}`);
  }
  return target;
}

/** @type {typeof import('./index.mjs').compileProgram} */
export function compileProgram(program) {
  let path = compiled.get(program);
  if (path === undefined) {
    path = compileNow(program);
    compiled.set(program, path);
    path.catch(() => compiled.delete(program));
  }
  return path;
}
