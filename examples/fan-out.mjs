// @ts-check
// One buffer to many sockets: each frame is written once, sent to every subscriber, and free again
// when the last of them has no more need of it.
//
//   node examples/fan-out.mjs
import { createServer } from 'node:net';
import { BufferPool, TcpSocket } from 'zerosend';

const SUBSCRIBERS = 8;
const FRAMES = 200;
const FRAME = 128 * 1024; // bytes

// The subscribers, all on this machine. Each counts what it gets.
/** @type {number[]} */
const received = [];
const server = createServer((connection) => {
  const subscriber = received.push(0) - 1;
  connection.on('data', (chunk) => {
    received[subscriber] = (received[subscriber] ?? 0) + chunk.length;
  });
});
server.listen(0, '127.0.0.1');
await new Promise((resolve) => server.once('listening', resolve));
const { port } = /** @type {import('node:net').AddressInfo} */ (server.address());

const sockets = await Promise.all(
  Array.from({ length: SUBSCRIBERS }, () => TcpSocket.connect({ host: '127.0.0.1', port })),
);

const pool = new BufferPool({ bufferSize: FRAME, count: 32 });
for (let frame = 0; frame < FRAMES; frame++) {
  const buffer = await pool.acquire();
  buffer.bytes.fill(frame % 256);
  // An acquired buffer is good for one send. Each lease more is good for one more; the buffer goes
  // back to the pool when all are used up and all its sends have completed.
  buffer.retain(SUBSCRIBERS - 1);
  for (const socket of sockets) socket.send(buffer, FRAME);
}

const reports = await Promise.all(sockets.map((socket) => socket.close()));
await pool.close(); // every buffer is back
await new Promise((resolve) => server.close(resolve));

const sends = reports.reduce((sum, { ids }) => sum + ids, 0);
console.log(`${FRAMES} frames, each filled once, to ${SUBSCRIBERS} subscribers: ${sends} sends`);
console.log(`pool: ${pool.count} buffers for ${FRAMES * FRAME} bytes a subscriber`);
console.log('received, in bytes:', received.join(' '));
