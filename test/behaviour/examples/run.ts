import { type ChildProcess, spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { onTestFinished } from 'vitest';

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

export const examples = new URL('../../../examples/', import.meta.url);
/** What `npm start` runs. */
export const DEMO = 'demo/main.mjs';
const TIMEOUT = 60_000; // ms

function launch(
  name: string,
  args: readonly string[] = [],
  env: Record<string, string> = {},
): Running {
  const child = spawn(process.execPath, [fileURLToPath(new URL(name, examples)), ...args], {
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: TIMEOUT,
    killSignal: 'SIGKILL',
  });
  const output = { stdout: '', stderr: '' };
  child.stdout.setEncoding('utf8').on('data', (text) => {
    output.stdout += text;
  });
  child.stderr.setEncoding('utf8').on('data', (text) => {
    output.stderr += text;
  });
  const ended = new Promise<Ended>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code, signal) => resolve({ code, signal, ...output }));
  });
  return { child, output, ended };
}

/** Starts a program of examples/ in a process of its own, which is killed when the test ends. */
export function start(name: string, args: readonly string[]): Running {
  const running = launch(name, args);
  onTestFinished(() => void running.child.kill('SIGKILL'));
  return running;
}

/** Runs a program of examples/ to its end. */
export function run(name: string, args: readonly string[] = [], env: Record<string, string> = {}) {
  return launch(name, args, env).ended;
}
