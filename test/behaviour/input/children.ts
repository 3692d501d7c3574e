import { cpSync, existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { folderOfTest } from '../../support/folders.js';
import { hasTool, isRoot } from '../../support/requirements.js';
import { ask as askProgram, type Ended, type RunOptions, run } from '../../support/run.js';

export const root = fileURLToPath(new URL('../../../', import.meta.url));

interface ChildOptions extends RunOptions {
  /** What the command line begins with. */
  prefix?: readonly string[];
}

/** Runs Node.js to its end. */
export function runNode(args: readonly string[], options: ChildOptions = {}): Promise<Ended> {
  const { prefix = [], ...rest } = options;
  return run([...prefix, process.execPath, ...args], rest);
}

/** Runs a program of this folder with an object; what it prints at its end is JSON. */
export function ask(
  name: string,
  given: object,
  { prefix = [], node = [] }: { prefix?: readonly string[]; node?: readonly string[] } = {},
  // biome-ignore lint/suspicious/noExplicitAny: each program says what it has to say
): Promise<any> {
  const program = fileURLToPath(new URL(`programs/${name}.mjs`, import.meta.url));
  const where = { index: pathToFileURL(join(root, 'dist/index.js')).href, ...given };
  return askProgram([...prefix, process.execPath, ...node, program, JSON.stringify(where)]);
}

/** A copy of the package as it is installed, which every user can read. Removed after the test. */
export function copyOfPackage({ binary = true } = {}): string {
  const folder = folderOfTest();
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
  const program = [process.execPath, copied, JSON.stringify({ index, ...given })];
  return askProgram([...open, ...nobody, ...program], { cwd: '/' });
}
