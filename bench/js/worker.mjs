// @ts-check
// A worker thread of workers.mjs. A message has the milliseconds for which it sends; null
// ends it.
import { parentPort, workerData } from 'node:worker_threads';
import { Tally } from './tally.mjs';
import { openZerosend } from './zerosend.mjs';

const sender = await openZerosend(workerData);

parentPort?.on('message', async (/** @type {number | null} */ milliseconds) => {
  if (milliseconds === null) {
    await sender.close();
    parentPort?.close();
    return;
  }
  const tally = new Tally();
  await sender.send(performance.now() + milliseconds, tally);
  parentPort?.postMessage(tally.totals());
});
parentPort?.postMessage('ready');
