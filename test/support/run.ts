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
  /** Added to the environment of this process. */
  env?: NodeJS.ProcessEnv;
  cwd?: string;
  /** Milliseconds after which it is killed; default 25000. */
  timeout?: number;
}

/** Starts a program in a process of its own. For programs that send messages there is `Program`. */
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

/** Runs a program to its end, whether it succeeds or not. */
export function run(command: readonly string[], options?: RunOptions): Promise<Ended> {
  return start(command, options).ended;
}

/** Runs a program to its end, and throws unless it succeeds. */
export async function succeed(command: readonly string[], options?: RunOptions): Promise<Ended> {
  const ended = await run(command, options);
  if (ended.code === 0) return ended;
  const { code, signal, stdout, stderr } = ended;
  throw new Error(`${command.join(' ')} ended with ${signal ?? code}: ${stderr || stdout}`);
}

/** What a program prints. Throws unless it succeeds. */
export async function output(command: readonly string[], options?: RunOptions): Promise<string> {
  return (await succeed(command, options)).stdout;
}

/** The last line that a program prints, as JSON. Throws unless it succeeds. */
// biome-ignore lint/suspicious/noExplicitAny: each program says what it has to say
export async function ask(command: readonly string[], options?: RunOptions): Promise<any> {
  return JSON.parse((await output(command, options)).trim().split('\n').at(-1) ?? '');
}
