import { execFile } from 'node:child_process';
import { cpSync, existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { onTestFinished } from 'vitest';
import { hasTool, isRoot } from '../../support/requirements.js';

export const root = fileURLToPath(new URL('../../../', import.meta.url));

export interface Ended {
  code: number | string | null;
  signal: NodeJS.Signals | null;
  stdout: string;
  stderr: string;
}

export interface ChildOptions {
  /** What the command line begins with. */
  prefix?: readonly string[];
  /** Options of Node.js. */
  node?: readonly string[];
  env?: NodeJS.ProcessEnv;
  cwd?: string;
}

/** Runs Node.js to its end. */
export function runNode(args: readonly string[], options: ChildOptions = {}): Promise<Ended> {
  const { prefix = [], env = {}, cwd } = options;
  const [command = '', ...rest] = [...prefix, process.execPath, ...args];
  return new Promise((resolve) => {
    const settings = { env: { ...process.env, ...env }, cwd, timeout: 25_000 };
    execFile(command, rest, settings, (error, stdout, stderr) => {
      const { code = 0, signal = null } = error ?? {};
      resolve({ code: code ?? null, signal: signal ?? null, stdout, stderr });
    });
  });
}

/** The path of one of the programs beside this file. */
export function program(name: string): string {
  return fileURLToPath(new URL(`programs/${name}.mjs`, import.meta.url));
}

/** Runs a program of this folder with an object; what it prints at its end is JSON. */
// biome-ignore lint/suspicious/noExplicitAny: each program says what it has to say
export async function ask(name: string, given: object, options: ChildOptions = {}): Promise<any> {
  const where = { index: pathToFileURL(join(root, 'dist/index.js')).href, ...given };
  const ended = await runNode(
    [...(options.node ?? []), program(name), JSON.stringify(where)],
    options,
  );
  if (ended.code !== 0 || ended.signal !== null || ended.stdout === '') {
    throw new Error(`${name} ended with ${ended.signal ?? ended.code}:\n${ended.stderr}`);
  }
  return JSON.parse(ended.stdout);
}

/** A copy of the package as it is installed, which every user can read. Removed after the test. */
export function copyOfPackage({ binary = true } = {}): string {
  const folder = mkdtempSync(join(tmpdir(), 'zerosend-package-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const parts = ['package.json', 'dist', 'test/behaviour/input/programs'];
  const modules = readdirSync(join(root, 'node_modules')).filter((name) =>
    ['eventemitter3', 'p-queue', 'p-timeout'].includes(name),
  );
  parts.push(...modules.map((name) => `node_modules/${name}`));
  if (binary) parts.push('build/Release/zerosend.node');
  for (const part of parts) cpSync(join(root, part), join(folder, part), { recursive: true });
  return folder;
}

/** Whether a program can be run by a user without privileges. */
export const hasOrdinaryUser = !isRoot() || hasTool('setpriv');

/** As ask(), by a user without privileges. */
// biome-ignore lint/suspicious/noExplicitAny: see ask()
export function askAsOrdinaryUser(name: string, given: object): Promise<any> {
  if (!isRoot()) return ask(name, given);
  const folder = copyOfPackage();
  const nobody = ['setpriv', '--reuid=65534', '--regid=65534', '--clear-groups', '--'];
  const open = ['sh', '-c', 'chmod 755 "$1" && shift && exec "$@"', 'sh', folder];
  const index = pathToFileURL(join(folder, 'dist/index.js')).href;
  if (!existsSync(join(folder, 'dist/index.js'))) throw new Error('dist/ is missing');
  const copied = join(folder, 'test/behaviour/input/programs', `${name}.mjs`);
  return runNode([copied, JSON.stringify({ index, ...given })], {
    prefix: [...open, ...nobody],
    cwd: '/',
  }).then(({ code, stdout, stderr }) => {
    if (code !== 0) throw new Error(`${name} ended with ${code}: ${stderr}`);
    return JSON.parse(stdout);
  });
}
