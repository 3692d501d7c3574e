import { type ChildProcess, spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { APART } from '../base/interrupt.js';
import type { Group, Trial } from './measurements.js';
import type { Assignment, FromMeasuring, PathDescription, PlanSummary } from './messages.js';

const PROGRAM = fileURLToPath(new URL('./measuring-process.js', import.meta.url));

/** All that was measured until the end or until the measurement was stopped. */
export interface Measured {
  readonly path: PathDescription;
  readonly plan: PlanSummary;
  readonly groups: readonly Group[];
  readonly trials: readonly Trial[];
  /** why no network of its own could be made, where that was tried first */
  readonly withoutSink: string | undefined;
  /** an error that ended it before its time */
  readonly error: string | undefined;
}

export interface Watcher {
  readonly signal: AbortSignal;
  onBegin(path: PathDescription): void;
  onProgress(share: number, what: string): void;
}

/** @returns what was measured, or why nothing can be */
export async function measureHere(
  assignment: Assignment,
  watcher: Watcher,
): Promise<Measured | { unavailable: string }> {
  if (assignment.destination.kind !== 'sink') return await runIn([], assignment, watcher);
  const reasons: string[] = [];
  // Root may be that of a container, who may make namespaces only within a user namespace.
  for (const flags of process.getuid?.() === 0 ? ['-n', '-Urn'] : ['-Urn']) {
    const outcome = await runIn(['unshare', flags], assignment, watcher);
    if (!('unavailable' in outcome)) return outcome;
    reasons.push(outcome.unavailable);
    if (watcher.signal.aborted) break;
  }
  const withoutSink = [...new Set(reasons)].join('; ');
  const loopback = { ...assignment, destination: { kind: 'loopback' as const } };
  const outcome = await runIn([], loopback, watcher);
  return 'unavailable' in outcome ? outcome : { ...outcome, withoutSink };
}

/** Runs the measuring process, behind `prefix`, until it has ended. */
function runIn(
  prefix: readonly string[],
  assignment: Assignment,
  { signal, onBegin, onProgress }: Watcher,
): Promise<Measured | { unavailable: string }> {
  const node = [process.execPath, '--expose-gc', PROGRAM, JSON.stringify(assignment)];
  const [command = '', ...args] = [...prefix, ...node];
  const stdio = ['ignore', 'ignore', 'pipe', 'ipc'] as const;
  const child: ChildProcess = spawn(command, args, { stdio: [...stdio], ...APART });
  const stop = () => void (child.connected && child.send('stop'));
  signal.addEventListener('abort', stop);
  const groups: Group[] = [];
  const trials: Trial[] = [];
  let begun: Pick<Measured, 'path' | 'plan'> | undefined;
  let unavailable: string | undefined;
  let error: string | undefined;
  let stderr = '';
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    stderr += text;
  });
  child.on('message', (message: FromMeasuring) => {
    switch (message.type) {
      case 'begin':
        begun = { path: message.path, plan: message.plan };
        onBegin(message.path);
        if (signal.aborted) stop(); // the child could not get the message before
        break;
      case 'progress':
        onProgress(message.share, message.what);
        break;
      case 'group':
        groups.push(message.group);
        break;
      case 'trial':
        trials.push(message.trial);
        break;
      case 'unavailable':
        unavailable = message.reason;
        break;
      case 'error':
        error = message.message;
        break;
      case 'end':
        break;
    }
  });
  return new Promise((resolve) => {
    child.on('error', ({ message }: Error) => {
      unavailable = prefix.length > 0 ? 'unshare (util-linux) is not installed' : message;
      finish();
    });
    child.on('close', (code, killed) => {
      const said = stderr.trim().split('\n')[0];
      if (code !== 0)
        error ??= said || `the measuring process has ended by itself (${killed ?? code})`;
      finish();
    });
    const finish = () => {
      signal.removeEventListener('abort', stop);
      if (begun) resolve({ ...begun, groups, trials, error, withoutSink: undefined });
      else resolve({ unavailable: unavailable ?? error ?? 'nothing was measured' });
    };
  });
}
