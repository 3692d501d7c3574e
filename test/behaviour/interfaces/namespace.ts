import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { onTestFinished } from 'vitest';
import { findTool, unshareArguments } from '../../support/requirements.js';

const PROGRAM = fileURLToPath(new URL('program.mjs', import.meta.url));

/**
 * Runs a scenario in a network namespace of its own, which ends with it; root is not needed where
 * users may have namespaces. Answers what the scenario does.
 */
// biome-ignore lint/suspicious/noExplicitAny: each scenario has a result of its own
export function runAlone(module: string, scenario: string, kind: string): Promise<any> {
  const node = [process.execPath, PROGRAM, module, scenario, kind, '{}'];
  const child = spawn(findTool('unshare') ?? 'unshare', [...unshareArguments, ...node], {
    stdio: 'pipe',
    timeout: 60_000,
    killSignal: 'SIGKILL',
  });
  onTestFinished(() => void child.kill('SIGKILL'));
  const output = { stdout: '', stderr: '' };
  for (const name of ['stdout', 'stderr'] as const) {
    child[name].setEncoding('utf8').on('data', (text) => {
      output[name] += text;
    });
  }
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code, signal) => {
      if (code === 0) resolve(JSON.parse(output.stdout.trim().split('\n').at(-1) ?? ''));
      else reject(new Error(`${scenario} ended with ${signal ?? code}: ${output.stderr}`));
    });
  });
}
