// @ts-check
// Runs `generateInWorkers` with threads of which one has a heap that is too small to begin with, or
// fills up: V8 ends such a thread in the middle of whatever it does. Says how the run failed.
import { syncBuiltinESMExports } from 'node:module';
import workerThreads from 'node:worker_threads';

const { port, small, heap, ...options } = JSON.parse(process.argv[2] ?? '');
const { Worker } = workerThreads;
let made = 0;
workerThreads.Worker = class extends Worker {
  /** @param {string | URL} file @param {import('node:worker_threads').WorkerOptions} given */
  constructor(file, given) {
    const limits = made++ === small ? { resourceLimits: heap } : {};
    super(file, { ...given, ...limits });
  }
};
syncBuiltinESMExports();
const { generateInWorkers } = await import('zerosend/generator');
const remote = { address: '127.0.0.1', port };
const outcome = await generateInWorkers({ socket: { udp: { remote } }, ...options }).then(
  (report) => ({ report }),
  (/** @type {Error & { code?: string; report?: object }} */ error) => ({
    code: error.code,
    message: error.message,
    report: error.report,
  }),
);
console.log(JSON.stringify(outcome));
