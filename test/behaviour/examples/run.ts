import { fileURLToPath } from 'node:url';
import { type Ended, run as runProgram } from '../../support/run.js';

export const examples = new URL('../../../examples/', import.meta.url);

/** Runs a program of examples/ to its end. @param prefix what its command line begins with */
export function run(
  name: string,
  args: readonly string[] = [],
  prefix: readonly string[] = [],
): Promise<Ended> {
  const file = fileURLToPath(new URL(name, examples));
  return runProgram([...prefix, process.execPath, file, ...args], { timeout: 60_000 });
}
