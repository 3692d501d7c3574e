// @ts-check
// Starts the sink in a network namespace without a name: it goes with the process inside.
import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { end, keep } from './children.mjs';
import { failedResult } from './result.mjs';

const PROGRAM = fileURLToPath(new URL('sink-process.mjs', import.meta.url));
const GRACE = 20; // seconds beyond what the two senders take

/** @typedef {import('./result.mjs').Result} Result */
/** @typedef {import('./result.mjs').Snapshot} Snapshot */

/**
 * @typedef {{ type: 'unavailable', reason: string }
 *   | { type: 'progress', name: string, snapshot: Snapshot }
 *   | { type: 'results', results: Result[] }
 *   | { type: 'error', message: string }} FromSink
 */

/** @typedef {{ results: Result[] } | { unavailable: string }} SinkOutcome */

/**
 * @param {import('./options.mjs').DemoOptions} options
 * @param {import('./progress.mjs').Watcher} watcher
 * @returns {Promise<SinkOutcome>} never rejects
 */
export async function runSink(options, watcher) {
  if (process.getuid?.() === 0) {
    const outcome = await runIn(['-n'], options, watcher);
    if ('results' in outcome) return outcome;
  }
  // An ordinary user, or the root of a container that may not make namespaces outside of a user
  // namespace of its own.
  return runIn(['-Urn'], options, watcher);
}

/**
 * @param {string[]} flags of unshare(1) @param {import('./options.mjs').DemoOptions} options
 * @param {import('./progress.mjs').Watcher} watcher
 * @returns {Promise<SinkOutcome>}
 */
async function runIn(flags, options, { signal, watch }) {
  const given = JSON.stringify({ ...options, limit: 2 * options.seconds + GRACE });
  const child = keep(
    spawn('unshare', [...flags, process.execPath, PROGRAM, given], {
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
    }),
  );
  const stop = () => child.connected && child.send('stop');
  signal.addEventListener('abort', stop);
  try {
    return await new Promise((resolve) => {
      let started = false;
      let stderr = '';
      const failed = (/** @type {string} */ problem) =>
        resolve({ results: [failedResult('sink', problem)] });
      child.stderr?.setEncoding('utf8').on('data', (text) => {
        stderr += text;
      });
      child.on('message', (/** @type {FromSink} */ message) => {
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
