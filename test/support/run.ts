import { type ChildProcess, spawn } from 'node:child_process';

export interface Ended {
  code: number | null;
  signal: NodeJS.Signals | null;
  stdout: string;
  stderr: string;
}

export interface Running {
  child: ChildProcess;
  /** What it has printed so far. */
  output: { stdout: string; stderr: string };
  ended: Promise<Ended>;
}

export interface RunOptions {
  /** Beside the environment of this process. */
  env?: NodeJS.ProcessEnv;
  cwd?: string;
  /** Milliseconds after which it is killed; default 25000. */
  timeout?: number;
}

/** Starts a program in a process of its own; one that speaks in messages is a Program. */
export function start(command: readonly string[], options: RunOptions = {}): Running {
  const [file = '', ...args] = command;
  const { env = {}, cwd, timeout = 25_000 } = options;
  const child = spawn(file, args, {
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
    killSignal: 'SIGKILL',
    ...{ cwd, timeout },
  });
  const output = { stdout: '', stderr: '' };
  for (const name of ['stdout', 'stderr'] as const) {
    child[name].setEncoding('utf8').on('data', (text) => {
      output[name] += text;
    });
  }
  const ended = new Promise<Ended>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code, signal) => resolve({ code, signal, ...output }));
  });
  return { child, output, ended };
}

/** Runs a program to its end, whatever that is. */
export function run(command: readonly string[], options?: RunOptions): Promise<Ended> {
  return start(command, options).ended;
}

/** The same to a good end. */
export async function succeed(command: readonly string[], options?: RunOptions): Promise<Ended> {
  const ended = await run(command, options);
  if (ended.code === 0) return ended;
  const { code, signal, stdout, stderr } = ended;
  throw new Error(`${command.join(' ')} ended with ${signal ?? code}: ${stderr || stdout}`);
}

/** What a program prints that comes to a good end. */
export async function output(command: readonly string[], options?: RunOptions): Promise<string> {
  return (await succeed(command, options)).stdout;
}

/** What a program says whose last line is JSON. */
// biome-ignore lint/suspicious/noExplicitAny: each program says what it has to say
export async function ask(command: readonly string[], options?: RunOptions): Promise<any> {
  return JSON.parse((await output(command, options)).trim().split('\n').at(-1) ?? '');
}
