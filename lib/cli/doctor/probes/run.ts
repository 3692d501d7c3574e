import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { type Attempt, MOMENT_MS } from './attempt.js';
import type { ProbeName } from './list.js';
import { type Answer, tryAll } from './try-all.js';

const CHILD = fileURLToPath(new URL('child.js', import.meta.url));

export type Attempts = Readonly<Partial<Record<ProbeName, Attempt>>>;

/**
 * Tries all in one process, and where that is killed, each that has not answered in one of its own, so
 * that the one that was is known. What has no answer when `signal` is aborted, has none.
 */
export async function runProbes(
  names: readonly ProbeName[],
  signal: AbortSignal,
): Promise<Attempts> {
  if (signal.aborted) return {};
  const { answers, ended } = await inChild(names, signal);
  const left = names.filter((name) => answers[name] === undefined);
  const [only] = left;
  if (only === undefined || signal.aborted) return answers;
  if (names.length === 1) return { [only]: { signal: ended, data: {} } };
  const alone = await Promise.all(left.map((name) => runProbes([name], signal)));
  return Object.assign({}, answers, ...alone);
}

/** The answers of a process that tries, and by what it ended. Where none can be had, this one tries. */
async function inChild(names: readonly ProbeName[], signal: AbortSignal) {
  const answers: Partial<Record<ProbeName, Attempt>> = {};
  const take = ({ name, attempt }: Answer) => {
    answers[name] = attempt;
  };
  try {
    return { answers, ended: await endOfChild(names, signal, take) };
  } catch {
    await tryAll(names, take);
    return { answers, ended: '' };
  }
}

/** @throws where no process can be started: a limit, a seccomp filter, Node's permission model */
function endOfChild(
  names: readonly ProbeName[],
  signal: AbortSignal,
  take: (answer: Answer) => void,
): Promise<string> {
  return new Promise((resolve, reject) => {
    const args = [...process.execArgv, CHILD, ...names];
    const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'ignore'] });
    const kill = () => child.kill('SIGKILL');
    // What is tried has a time of its own; this is for a process that has stopped.
    const timer = setTimeout(kill, 5 * MOMENT_MS);
    signal.addEventListener('abort', kill);
    const forget = () => {
      clearTimeout(timer);
      signal.removeEventListener('abort', kill);
    };
    createInterface({ input: child.stdout }).on('line', (line) => take(JSON.parse(line)));
    child.once('error', (error) => {
      forget();
      reject(error);
    });
    child.once('close', (code, by) => {
      forget();
      resolve(by ?? `exit code ${code}`);
    });
  });
}
