// @ts-check
// Environments that end with sends in the kernel's queues and in ours: workers that are terminated, or
// that end themselves, in the middle of a flush.
import { setTimeout as sleep } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';

/** @typedef {import('./activities.mjs').Context} Context */

/** Starts workers that fill their queues, and ends each in one of the ways there are. */
export async function environments(
  /** @type {Context} */ context,
  /** @type {boolean} */ streamsOnly,
) {
  const { random, targets } = context;
  while (Date.now() < context.deadline) {
    const way = random(3);
    const worker = new Worker(new URL('./flushing.mjs', import.meta.url), {
      workerData: {
        targets,
        streamsOnly, // faults may cut sends short, which a datagram does not survive
        seed: random(2 ** 31),
        sockets: 1 + random(4),
        end: way === 0 ? 'never' : way === 1 ? 'exit' : 'throw',
        after: random(60),
      },
      stderr: true, // what it throws is meant to be
    });
    /** @type {Error | null} */
    let thrown = null;
    worker.on('error', (error) => {
      thrown = error;
    });
    /** @type {Promise<void>} */
    const exit = new Promise((settle) => worker.once('exit', () => settle()));
    const began = await Promise.race([
      new Promise((settle) => worker.once('message', () => settle(true))),
      exit,
    ]);
    if (way === 0) {
      await sleep(random(60));
      await worker.terminate();
    }
    await exit;
    const message = /** @type {Error | null} */ (thrown)?.message;
    if (message !== undefined && message !== 'the end') {
      throw new Error(`a worker ended with: ${message}`);
    }
    if (began === true) context.total.environments++;
  }
}
