// @ts-check
// Worker threads of one process, each with a socket and a pool of its own, which send at once.
import { once } from 'node:events';
import { Worker } from 'node:worker_threads';

const PROGRAM = new URL('./worker.mjs', import.meta.url);

/** @param {import('./sender.mjs').SenderOptions} options @returns {Promise<import('./sender.mjs').Sender>} */
export async function openWorkers(options) {
  const workers = Array.from(
    { length: options.workers },
    () => new Worker(PROGRAM, { workerData: options }),
  );
  await Promise.all(workers.map((worker) => once(worker, 'message')));
  return {
    async send(until, tally) {
      const milliseconds = until - performance.now();
      const done = workers.map((worker) => once(worker, 'message'));
      for (const worker of workers) worker.postMessage(milliseconds);
      for (const [totals] of await Promise.all(done)) tally.add(totals);
    },
    async close() {
      const ended = workers.map((worker) => once(worker, 'exit'));
      for (const worker of workers) worker.postMessage(null);
      await Promise.all(ended);
    },
  };
}
