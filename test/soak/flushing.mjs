// @ts-check
// A worker of environments.mjs: sends more than the link takes, and ends in the middle of it, or is
// ended.
import { parentPort, workerData } from 'node:worker_threads';
import { BufferPool, TcpSocket, UdpSocket } from 'zerosend';
import { announceSeed, fillStream, fillTrain } from '../../rig/pattern.mjs';
import { randomFrom } from './random.mjs';

const { targets, seed, sockets, end, after, streamsOnly } = workerData;
const random = randomFrom(seed);

/** Opens one, and fills its queue from a pool of its own, or from plain memory. */
async function flush() {
  const pool = new BufferPool({ bufferSize: 65_536, count: 64 });
  const stream = streamsOnly || random(3) > 0;
  const socket = await (stream
    ? TcpSocket.connect({
        host: targets.slow.address,
        port: targets.slow.port,
        zeroCopy: 'always',
        maxQueuedSends: 1000,
        sendBufferSize: 20_000 + random(200_000),
      })
    : UdpSocket.open({ remote: targets.udp, segmentSize: 1200, zeroCopy: 'always' }));
  socket.on('error', () => {});
  let offset = 0;
  // Over loopback a pool of datagrams is never dry: what was sent is back with the next look.
  for (let sends = 0; sends < 300; sends++) {
    const buffer = pool.tryAcquire();
    if (buffer === null) return;
    const plain = random(3) === 0;
    const bytes = plain ? Buffer.alloc(60_000) : buffer.bytes;
    if (stream) {
      fillStream(bytes, offset, seed, 60_000);
      if (offset === 0) announceSeed(bytes, seed);
    } else {
      fillTrain(bytes, 60_000, 1200, offset / 1200, seed);
    }
    try {
      socket.send(plain ? bytes : buffer, 60_000);
      if (plain) buffer.release();
    } catch {
      buffer[Symbol.dispose](); // refused: the route is gone, say, or the connection
      return;
    }
    offset += 60_000;
  }
}

await Promise.allSettled(Array.from({ length: sockets }, flush));
parentPort?.postMessage('flushing');
setTimeout(
  () => {
    if (end === 'exit') process.exit();
    if (end === 'throw') throw new Error('the end');
  },
  end === 'never' ? 60_000 : after,
);
