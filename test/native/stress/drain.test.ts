import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { TcpSocket } from 'zerosend';
import { spinUntil } from '../../support/deadline.js';

// Reads only while it is told to, in a thread of its own: the sender's thread is kept from its
// event loop here.
const receiver = `
  const { createServer } = require('node:net');
  const { parentPort, workerData: reads } = require('node:worker_threads');
  const server = createServer((connection) => {
    connection.pause();
    connection.on('data', () => {}).on('error', () => {});
    parentPort.on('message', (reading) => {
      reading ? connection.resume() : connection.pause();
      Atomics.store(reads, 0, reading ? 1 : 0);
    });
  });
  server.listen(0, '127.0.0.1', () => parentPort.postMessage(server.address().port));
`;
const reads = new Int32Array(new SharedArrayBuffer(4));
let worker: Worker;
let socket: TcpSocket;

beforeAll(async () => {
  worker = new Worker(receiver, { eval: true, workerData: reads });
  const [port] = await once(worker, 'message');
  socket = await TcpSocket.connect({
    host: '127.0.0.1',
    port,
    sendBufferSize: 65_536,
    maxQueuedSends: 4,
    zeroCopy: 'never',
  });
});

afterAll(async () => {
  await socket?.abort();
  await worker?.terminate();
});

// Four of them are far more than the buffers of both ends hold.
const bytes = new Uint8Array(16 << 20);

/** Sends until the queue is full; returns the number of sends. */
function fill(): number {
  for (let sends = 0; ; sends++) {
    try {
      socket.send(bytes);
    } catch (error) {
      expect(error).toMatchObject({ code: 'ERR_ZEROSEND_QUEUE_FULL' });
      expect(socket.needDrain).toBe(true);
      return sends;
    }
  }
}

it('tells of the drain that a later send waits for, not of an earlier one', async () => {
  let drains = 0;
  socket.on('drain', () => {
    drains++;
    expect(socket.needDrain).toBe(false);
  });
  // The queue fills and empties; the news waits for the event loop, and the queue fills again.
  const sent = fill();
  worker.postMessage(true);
  spinUntil(() => socket.stats().completed === sent, 'the queue empties');
  worker.postMessage(false);
  spinUntil(() => Atomics.load(reads, 0) === 0, 'the receiver pauses');
  fill();
  for (let turn = 0; turn < 20; turn++) await new Promise(setImmediate);
  expect({ drains, needDrain: socket.needDrain }).toEqual({ drains: 0, needDrain: true });

  // Whoever is refused now is told when to try again.
  expect(fill()).toBe(0);
  worker.postMessage(true);
  await expect.poll(() => drains, { timeout: 10_000 }).toBe(1);
  await socket.flush();
  expect(drains).toBe(1);
});
