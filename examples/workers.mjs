// @ts-check
// A worker thread for each core, each with its own pool and socket: they share nothing, so they do
// not wait for one another.
//
//   node examples/workers.mjs [--seconds 2] [--workers N]
import { createServer } from 'node:net';
import { availableParallelism } from 'node:os';
import { parseArgs } from 'node:util';
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';
import { BufferPool, TcpSocket } from 'zerosend';

const SIZE = 65536; // bytes

/** @typedef {{ worker: number, sends: number, bytes: number, outcome: string }} Done */

/** In a worker. @param {{ worker: number, port: number, seconds: number }} data */
async function send({ worker, port, seconds }) {
  const pool = new BufferPool({ bufferSize: SIZE, count: 64 });
  const socket = await TcpSocket.connect({ host: '127.0.0.1', port });
  const until = performance.now() + seconds * 1000;
  while (performance.now() < until) {
    const buffer = await pool.acquire();
    buffer.bytes.fill(worker);
    socket.send(buffer, SIZE);
  }
  const { ids, outcome } = await socket.close();
  await pool.close();
  parentPort?.postMessage({ worker, sends: ids, bytes: ids * SIZE, outcome });
}

/** In the main thread: a receiver that counts, and a worker for each core. */
async function main() {
  const { values } = parseArgs({
    options: { seconds: { type: 'string', default: '2' }, workers: { type: 'string' } },
  });
  const seconds = Number(values.seconds);
  const workers = Number(values.workers ?? availableParallelism());
  if (!(seconds > 0 && workers >= 1)) throw new RangeError('--seconds and --workers: above 0');

  let received = 0;
  const server = createServer((connection) => {
    connection.on('data', (chunk) => {
      received += chunk.length;
    });
  });
  server.listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  const { port } = /** @type {import('node:net').AddressInfo} */ (server.address());

  const results = await Promise.all(
    Array.from({ length: workers }, (_, worker) => {
      const thread = new Worker(new URL(import.meta.url), {
        workerData: { worker, port, seconds },
      });
      return /** @type {Promise<Done>} */ (
        new Promise((resolve, reject) => {
          thread.once('message', resolve);
          thread.once('error', reject);
        })
      );
    }),
  );
  await new Promise((resolve) => server.close(resolve));

  let sent = 0;
  for (const { worker, sends, bytes, outcome } of results) {
    const gigabits = (bytes * 8) / 1e9 / seconds;
    console.log(`worker ${worker}: ${sends} sends, ${gigabits.toFixed(1)} Gbit/s, ${outcome}`);
    sent += bytes;
  }
  console.log(`in all: ${sent} bytes sent, ${received} received`);
}

await (isMainThread ? main() : send(workerData));
