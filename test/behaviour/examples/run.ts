import { fileURLToPath } from 'node:url';
import { type Ended, run as runProgram } from '../../support/run.js';

export const examples = new URL('../../../examples/', import.meta.url);

/** Runs a program of examples/ to its end. */
export function run(name: string, args: readonly string[] = []): Promise<Ended> {
  const file = fileURLToPath(new URL(name, examples));
  return runProgram([process.execPath, file, ...args], { timeout: 60_000 });
}
