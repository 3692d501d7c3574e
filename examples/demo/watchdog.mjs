// @ts-check
// Ends a process that hangs, even if its main thread never comes back to the event loop: a thread
// of its own waits, and kills.
import { Worker } from 'node:worker_threads';

const CODE = `
const { workerData: { limit, name } } = require('node:worker_threads');
const { writeSync } = require('node:fs');
setTimeout(() => {
  writeSync(2, '\\n' + name + ' hangs: not at its end after ' + limit + ' s\\n');
  process.kill(process.pid, 'SIGKILL');
}, limit * 1e3);
`;

/**
 * @param {number} limit seconds after which the process is killed
 * @param {string} name what hangs then
 */
export function startWatchdog(limit, name) {
  new Worker(CODE, { eval: true, execArgv: [], workerData: { limit, name } }).unref();
}
