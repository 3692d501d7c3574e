import { fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { type Attempt, MOMENT_MS, refusalOf } from './attempt.js';
import type { Answer } from './child.js';
import type { ProbeName } from './list.js';

const CHILD = fileURLToPath(new URL('child.js', import.meta.url));

export type Attempts = Readonly<Partial<Record<ProbeName, Attempt>>>;

/**
 * Tries all in one process, and where that is killed, each that has not answered in one of its own, so
 * that the one that was is known.
 */
export async function runProbes(
  names: readonly ProbeName[],
  signal: AbortSignal,
): Promise<Attempts> {
  const { answers, ended } = await inChild(names, signal);
  const left = names.filter((name) => answers[name] === undefined);
  const [only] = left;
  if (only === undefined || signal.aborted) return answers;
  if (names.length === 1) return { [only]: { signal: ended, data: {} } };
  const alone: Attempts[] = [];
  for (const name of left) alone.push(await runProbes([name], signal));
  return Object.assign({}, answers, ...alone);
}

/** The answers of a process that tries, and by what it ended. */
async function inChild(names: readonly ProbeName[], signal: AbortSignal) {
  const answers: Partial<Record<ProbeName, Attempt>> = {};
  const refuse = (error: unknown) => {
    for (const name of names) answers[name] ??= { error: refusalOf(error), data: {} };
    return 'no start';
  };
  const ended = await new Promise<string>((resolve) => {
    const child = fork(CHILD, { stdio: ['ignore', 'ignore', 'ignore', 'ipc'] });
    const kill = () => child.kill('SIGKILL');
    // What is tried has a time of its own; this is for a process that has stopped.
    const timer = setTimeout(kill, 5 * MOMENT_MS);
    signal.addEventListener('abort', kill);
    const end = (how: string) => {
      clearTimeout(timer);
      signal.removeEventListener('abort', kill);
      resolve(how);
    };
    child.on('message', ({ name, attempt }: Answer) => {
      answers[name] = attempt;
    });
    child.once('error', (error) => end(refuse(error)));
    child.once('close', (code, by) => end(by ?? `exit code ${code}`));
    child.send(names);
  }).catch(refuse);
  return { answers, ended };
}
