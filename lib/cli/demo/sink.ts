// Starts the sink in a network namespace without a name: it goes with the process inside.
import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { APART } from '../base/interrupt.js';
import type { DemoOptions } from './options.js';
import { end, keep } from './processes.js';
import { type DemoSnapshot, failedResult, type Result, type Watcher } from './report.js';

const PROGRAM = fileURLToPath(new URL('sink-process.js', import.meta.url));
const GRACE = 20; // seconds beyond what the two senders take

/** The options that the process inside gets when it starts. */
export interface SinkOptions extends DemoOptions {
  /** Seconds after which the process is killed. */
  readonly limit: number;
}

export type FromSink =
  | { type: 'unavailable'; reason: string }
  | { type: 'progress'; name: string; snapshot: DemoSnapshot }
  | { type: 'results'; results: Result[] }
  | { type: 'error'; message: string };

export type SinkOutcome = { results: Result[] } | { unavailable: string };

/** Never rejects. */
export async function runSink(options: DemoOptions, watcher: Watcher): Promise<SinkOutcome> {
  if (process.getuid?.() === 0) {
    const outcome = await runIn(['-n'], options, watcher);
    if ('results' in outcome) return outcome;
  }
  // An ordinary user, or the root of a container that may not make namespaces outside of a user
  // namespace of its own.
  return runIn(['-Urn'], options, watcher);
}

/** @param flags of unshare(1) */
async function runIn(
  flags: readonly string[],
  options: DemoOptions,
  { signal, watch }: Watcher,
): Promise<SinkOutcome> {
  const given: SinkOptions = { ...options, limit: 2 * options.seconds + GRACE };
  const child = keep(
    spawn('unshare', [...flags, process.execPath, PROGRAM, JSON.stringify(given)], {
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
      ...APART,
    }),
  );
  const stop = () => void (child.connected && child.send('stop'));
  signal.addEventListener('abort', stop);
  try {
    return await new Promise((resolve) => {
      let started = false;
      let stderr = '';
      const failed = (problem: string) => resolve({ results: [failedResult('sink', problem)] });
      child.stderr?.setEncoding('utf8').on('data', (text: string) => {
        stderr += text;
      });
      child.on('message', (message: FromSink) => {
        started = true;
        if (message.type === 'progress') watch(() => message.snapshot, message.name);
        else if (message.type === 'results') resolve({ results: message.results });
        else if (message.type === 'unavailable') resolve({ unavailable: message.reason });
        else failed(message.message);
      });
      child.on('error', () => resolve({ unavailable: 'unshare (util-linux) is not installed' }));
      child.on('close', (code, killed) => {
        const text = stderr.trim();
        if (started || killed) failed(text || `the sink has ended by itself (${killed ?? code})`);
        else resolve({ unavailable: text.split('\n')[0] || `unshare ended with ${code}` });
      });
    });
  } finally {
    signal.removeEventListener('abort', stop);
    await end(child);
  }
}
