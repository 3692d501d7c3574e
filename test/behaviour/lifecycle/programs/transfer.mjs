// @ts-check
// Tries to take the memory of a pool away while it is in flight. Needs --expose-gc.
import { once } from 'node:events';
import { MessageChannel, Worker } from 'node:worker_threads';
import { BufferPool } from 'zerosend';
import { given, say } from '../../../support/say.mjs';
import { outstanding } from './senders.mjs';

/** @type {{ how: string, tcp: number }} */
const { how, tcp } = given;

/** @type {Record<string, (memory: ArrayBuffer) => unknown>} */
const WAYS = {
  structuredClone: (memory) => void structuredClone(memory, { transfer: [memory] }),
  'postMessage to a port that closes'(memory) {
    const { port1, port2 } = new MessageChannel();
    port1.postMessage(memory, [memory]);
    port1.close();
    port2.close();
  },
  async 'postMessage to a worker that ends'(memory) {
    const code = `require('node:worker_threads').parentPort.once('message', () => process.exit())`;
    const worker = new Worker(code, { eval: true });
    try {
      worker.postMessage(memory, [memory]);
    } catch (error) {
      worker.postMessage('nothing');
      throw error;
    } finally {
      await once(worker, 'exit');
    }
  },
  'workerData of a worker that ends': async (memory) =>
    once(new Worker('', { eval: true, workerData: memory, transferList: [memory] }), 'exit'),
  'ArrayBuffer.transfer': (memory) =>
    void (/** @type {{ transfer(): ArrayBuffer }} */ (/** @type {any} */ (memory)).transfer()),
  'ArrayBuffer.transfer to another size': (memory) =>
    void (
      /** @type {{ transfer(n: number): ArrayBuffer }} */ (/** @type {any} */ (memory)).transfer(
        4096,
      )
    ),
};

/** Memory on memory, in the places of what may have been given back. */
const taken = [];

async function collect() {
  for (let i = 0; i < 10; i++) {
    globalThis.gc?.();
    await new Promise((resolve) => void setImmediate(resolve));
    const pool = new BufferPool({
      bufferSize: 262_144,
      count: 40,
      init: (bytes) => bytes.fill(0xee),
    });
    taken.push(pool, Buffer.alloc(50_000, 0xee), Buffer.alloc(8 << 20, 0xee));
  }
}

async function start() {
  const { pool, socket } = await outstanding(tcp);
  const memory = /** @type {ArrayBuffer} */ (pool.tryAcquire()?.bytes.buffer);
  const size = memory.byteLength;
  /** @type {string | null} */
  let refused = null;
  try {
    await WAYS[how]?.(memory);
  } catch (error) {
    refused = /** @type {Error} */ (error).name;
  }
  say('tried', { refused, left: memory.byteLength, size, inFlight: socket.inFlight });
  return socket;
}

const socket = await start(); // nobody but the socket refers to the pool from here on
await collect();
say('collected', { inFlight: socket.inFlight });
const report = await socket.close({ timeout: 15_000 });
say('closed', { report });
