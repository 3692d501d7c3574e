// @ts-check
// Terminates workers that do nothing but call the addon for things it makes objects of.
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';
import { BufferPool, UdpSocket } from 'zerosend';
import { given, say } from '../../../support/say.mjs';

const AT_ONCE = 4;

async function callForEver(/** @type {number} */ port) {
  parentPort?.postMessage('calling');
  for (;;) {
    const pool = new BufferPool({ bufferSize: 4096, count: 4 });
    const socket = await UdpSocket.open({ remote: { address: '127.0.0.1', port } });
    for (let i = 0; i < 20; i++) {
      const buffer = pool.tryAcquire();
      if (buffer !== null) socket.send(buffer, 1000);
      socket.stats();
      socket.info();
      socket.ref().unref();
      await new Promise((resolve) => setImmediate(resolve));
    }
    await socket.close();
    await pool.close();
  }
}

async function terminateOne() {
  const worker = new Worker(new URL(import.meta.url), { workerData: { port: given.port } });
  const exit = once(worker, 'exit');
  // While it loads, or while it calls.
  await once(worker, Math.random() < 0.25 ? 'online' : 'message');
  await sleep(40 * Math.random());
  await worker.terminate();
  return (await exit)[0];
}

if (isMainThread) {
  const codes = [];
  while (codes.length < given.workers) {
    codes.push(...(await Promise.all(Array.from({ length: AT_ONCE }, terminateOne))));
  }
  say('done', { codes });
} else {
  await callForEver(workerData.port);
}
