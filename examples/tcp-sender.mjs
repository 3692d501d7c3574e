// @ts-check
// A TCP sender that stops producing while sends wait for room (`needDrain`, `drain`), and closes
// gracefully: everything is delivered first.
//
//   node examples/tcp-sender.mjs
import { createServer } from 'node:net';
import { BufferPool, TcpSocket } from 'zerosend';

const MESSAGES = 2000;
const SIZE = 256 * 1024; // bytes

// A receiver on this machine that counts. It reads no faster than it can, so the sender has to wait.
let received = 0;
const server = createServer((connection) => {
  connection.on('data', (chunk) => {
    received += chunk.length;
  });
});
server.listen(0, '127.0.0.1');
await new Promise((resolve) => server.once('listening', resolve));
const { port } = /** @type {import('node:net').AddressInfo} */ (server.address());

const pool = new BufferPool({ bufferSize: SIZE, count: 64 });
const socket = await TcpSocket.connect({ host: '127.0.0.1', port });

// A connection that fails closes by itself, and says why. Every id still completes.
socket.on('error', (error) => console.error('the connection failed:', error.message));

let waits = 0;
for (let i = 0; i < MESSAGES; i++) {
  if (socket.needDrain) {
    // The kernel's send buffer is full. We could go on until the pool is dry; waiting here keeps
    // the data fresh instead, and the buffers free for other connections.
    waits++;
    await new Promise((resolve) => {
      socket.once('drain', () => resolve(null));
      socket.once('close', resolve); // not to wait for ever if the peer is gone
    });
  }
  const buffer = await pool.acquire();
  buffer.bytes.fill(i % 256);
  socket.send(buffer, SIZE);
}

// Sends what is queued, ends the connection, and waits until the peer has acknowledged everything;
// after the timeout it gives up, and the report says so.
const report = await socket.close({ timeout: 10_000 });
await pool.close();
await new Promise((resolve) => server.close(resolve));

console.log(`sent ${report.ids * SIZE} bytes in ${report.ids} sends, received ${received}`);
console.log(`waited ${waits} times for drain`);
console.log('report of the close:', report);
