// @ts-check
// Runs `generateInWorkers`, or `replayInWorkers` where there is a capture, where the system gives only some of the threads: prlimit(1) sets
// RLIMIT_NPROC, which holds for a user without capabilities. Says how it failed, and what is left.
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { stat } from 'node:fs/promises';
import { generateInWorkers, replayInWorkers } from 'zerosend/generator';

const { port, spare, user, ...options } = JSON.parse(process.argv[2] ?? '');
const threads = () =>
  Number(/^Threads:\s+(\d+)/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1]);
// libuv starts the threads for files with the first file, and ends the process where it gets none.
await stat('/');
const before = threads();
const limit = `--nproc=${before + spare}`;
const { status } = spawnSync('prlimit', ['--pid', String(process.pid), limit]);
if (status !== 0) throw new Error('prlimit failed');
process.setgid?.(user);
process.setuid?.(user);
const began = performance.now();
const remote = { address: '127.0.0.1', port };
const run = options.capture === undefined ? generateInWorkers : replayInWorkers;
const outcome = await run({ socket: { udp: { remote } }, ...options }).then(
  (report) => ({ report }),
  (/** @type {Error & { code?: string; report?: object }} */ error) => ({
    code: error.code,
    message: error.message,
    report: error.report,
  }),
);
console.log(
  JSON.stringify({ ...outcome, ms: performance.now() - began, left: threads() - before }),
);
