import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { APART } from '../../base/interrupt.js';
import { type Attempt, MOMENT_MS } from './attempt.js';
import type { ProbeName } from './list.js';
import { type Answer, tryAll } from './try-all.js';

const CHILD = fileURLToPath(new URL('child.js', import.meta.url));

export type Attempts = Readonly<Partial<Record<ProbeName, Attempt>>>;

/**
 * Runs all probes in one process. If that is killed, each probe without an answer is run in a
 * process of its own, so that the one that is killed is known. Probes that have not answered when
 * `signal` is aborted stay without an answer.
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

/**
 * Runs probes in a child process. Returns their answers, and the signal that ended the child. Where
 * no child can be started, this process runs them.
 */
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
    const child = spawn(process.execPath, args, {
      stdio: ['ignore', 'pipe', 'ignore'],
      ...APART,
    });
    const kill = () => child.kill('SIGKILL');
    // Each probe has a time limit of its own; this one is for a child that hangs.
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
