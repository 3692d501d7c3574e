import { fileURLToPath } from 'node:url';
import { ask } from '../support/run.js';

const runner = fileURLToPath(new URL('programs/run.mjs', import.meta.url));

interface ProgramOptions {
  /** What the command line begins with, such as that of a namespace. */
  prefix?: readonly string[];
  /** Options of Node.js. */
  node?: readonly string[];
}

/** What run() of a module of programs/ answers, in a process of its own. */
export function answerOf<T>(
  module: string,
  argument: object,
  { prefix = [], node = [] }: ProgramOptions = {},
): Promise<T> {
  const program = [process.execPath, ...node, runner, module, JSON.stringify(argument)];
  return ask([...prefix, ...program]);
}
