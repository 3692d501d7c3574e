import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { onTestFinished } from 'vitest';
import { ownNamespace } from '../../rig/index.mjs';

interface AloneOptions {
  /** Lines of `ip` that run in the namespace first. */
  setUp?: readonly string[];
  /** Milliseconds after which the program is killed, which fails the test. */
  timeout?: number;
  cwd?: string;
}

/**
 * Runs Node.js to its end in a network namespace of its own, which ends with it; root is not needed
 * where users may have namespaces. It is killed when the test ends.
 */
export async function runAlone(
  args: readonly string[],
  { setUp, timeout = 25_000, cwd }: AloneOptions = {},
): Promise<{ stdout: string; stderr: string }> {
  const [file = '', ...rest] = [...ownNamespace(setUp), process.execPath, ...args];
  const running = promisify(execFile)(file, rest, { timeout, cwd, killSignal: 'SIGKILL' });
  onTestFinished(() => void running.child.kill('SIGKILL'));
  return running;
}

/** The same for a program whose last line is JSON: what it says. */
export async function askAlone(
  program: URL,
  args: readonly string[],
  options?: AloneOptions,
  // biome-ignore lint/suspicious/noExplicitAny: each program says what it has to say
): Promise<any> {
  const { stdout } = await runAlone([fileURLToPath(program), ...args], options);
  return JSON.parse(stdout.trim().split('\n').at(-1) ?? '');
}
