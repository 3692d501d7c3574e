// @ts-check
// Publishes datagrams, and in the same turn ends: the process, or the worker that has published them.
import { isMainThread, Worker, workerData } from 'node:worker_threads';
import { BufferPool, UdpSocket } from 'zerosend';
import { given as argument } from '../../../support/say.mjs';

const given = isMainThread ? argument : workerData;
if (isMainThread && given.how === 'terminate') {
  const worker = new Worker(new URL(import.meta.url), { workerData: given });
  worker.once('message', () => void worker.terminate());
} else {
  const remote = { address: '127.0.0.1', port: given.port };
  const socket = await UdpSocket.open({ remote, submit: 'thread' });
  const pool = new BufferPool({ bufferSize: 4096, count: given.sends });
  for (let i = 0; i < given.sends; i++) {
    const buffer = pool.tryAcquire();
    if (buffer === null) throw new Error('the pool is dry');
    buffer.bytes.writeUInt32BE(i);
    socket.send(buffer, 1000);
  }
  if (isMainThread) process.exit(0);
  const { parentPort } = await import('node:worker_threads');
  parentPort?.postMessage('published');
  for (;;); // until it is terminated
}
