import { execFile } from 'node:child_process';
import { delimiter } from 'node:path';

export interface Ended {
  code: number | string;
  stdout: string;
  stderr: string;
}

export interface RunOptions {
  cwd: string;
  /** Besides the environment of a user's shell. */
  env?: NodeJS.ProcessEnv;
}

/** ms, for one that hangs: to build the package takes ten minutes where other work has most of the machine. */
const LONGEST = 1_500_000;

/** Runs a program to its end. */
export function run(command: string, args: readonly string[], options: RunOptions): Promise<Ended> {
  const { cwd, env = {} } = options;
  return new Promise((resolve) => {
    const settings = { cwd, env: { ...shell(), ...env }, timeout: LONGEST, maxBuffer: 2 ** 26 };
    execFile(command, args, settings, (error, stdout, stderr) => {
      resolve({ code: error === null ? 0 : (error.code ?? error.signal ?? 1), stdout, stderr });
    });
  });
}

/** The environment without what `npm test` and vitest have put into it. */
function shell(): NodeJS.ProcessEnv {
  const ours =
    /^(npm_(?!config_(registry|cache)$)|NODE_(?!EXTRA_CA_CERTS$)|VITEST|ZEROSEND_|INIT_CWD$)/;
  const kept = Object.entries(process.env).filter(([name]) => !ours.test(name));
  const path = (process.env.PATH ?? '')
    .split(delimiter)
    .filter((folder) => !folder.includes('node_modules'));
  return { ...Object.fromEntries(kept), PATH: path.join(delimiter) };
}
