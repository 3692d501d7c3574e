// @ts-check
// Runs `generateInWorkers`, or `replayInWorkers` where there is a capture, and ends the first thread as soon
// as it has told that it sends. Says how the run failed.
import { syncBuiltinESMExports } from 'node:module';
import workerThreads from 'node:worker_threads';

const { port, ...options } = JSON.parse(process.argv[2] ?? '');
const { Worker } = workerThreads;
/** @type {import('node:worker_threads').Worker[]} */
const made = [];
workerThreads.Worker = class extends Worker {
  /** @param {string | URL} file @param {import('node:worker_threads').WorkerOptions} given */
  constructor(file, given) {
    super(file, given);
    made.push(this);
  }
};
syncBuiltinESMExports();
const { generateInWorkers, replayInWorkers } = await import('zerosend/generator');
const remote = { address: '127.0.0.1', port };
const run = options.capture === undefined ? generateInWorkers : replayInWorkers;
let told = 0;
const outcome = await run({
  socket: { udp: { remote } },
  ...options,
  onProgress(_, [first]) {
    told = first?.packets ?? 0;
    if (told > 0) made[0]?.terminate();
  },
}).then(
  (report) => ({ report }),
  (/** @type {Error & { code?: string; report?: object }} */ error) => ({
    code: error.code,
    message: error.message,
    report: error.report,
  }),
);
console.log(JSON.stringify({ ...outcome, told }));
