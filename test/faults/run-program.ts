import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { onTestFinished } from 'vitest';

const runner = fileURLToPath(new URL('programs/run.mjs', import.meta.url));

interface ProgramOptions {
  /** What the command line begins with, such as that of a namespace. */
  prefix?: readonly string[];
  /** Options of Node.js. */
  node?: string[];
  /** Milliseconds after which it is killed. */
  timeout?: number;
}

export interface ProgramExit {
  code: number | null;
  signal: NodeJS.Signals | null;
  stdout: string;
  stderr: string;
}

/** Runs a module of programs/ in a process of its own to its end, whatever that is. */
export function exitOf(
  module: string,
  argument: object,
  { prefix = [], node = [], timeout = 25_000 }: ProgramOptions = {},
): Promise<ProgramExit> {
  const program = [...node, runner, module, JSON.stringify(argument)];
  const [file = '', ...args] = [...prefix, process.execPath, ...program];
  const options = { stdio: 'pipe', timeout, killSignal: 'SIGKILL' } as const;
  const child = spawn(file, args, options);
  onTestFinished(() => void child.kill('SIGKILL'));
  const output = { stdout: '', stderr: '' };
  for (const name of ['stdout', 'stderr'] as const) {
    child[name].setEncoding('utf8').on('data', (text) => {
      output[name] += text;
    });
  }
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code, signal) => resolve({ code, signal, ...output }));
  });
}

/** What its run() answers. */
export async function answerOf<T>(
  module: string,
  argument: object,
  options: ProgramOptions = {},
): Promise<T> {
  const { code, signal, stdout, stderr } = await exitOf(module, argument, options);
  if (code !== 0) throw new Error(`${module} ended with ${signal ?? code}: ${stderr}`);
  return JSON.parse(stdout);
}
