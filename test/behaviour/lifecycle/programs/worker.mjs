// @ts-check
// A worker with a pool and sockets of its own, in the role that it is given.
import { parentPort, workerData } from 'node:worker_threads';
import { BufferPool, TcpSocket, UdpSocket } from 'zerosend';
import { IdChecker } from '../../../../rig/ids.mjs';
import { announceSeed, fillStream } from '../../../../rig/pattern.mjs';
import { outstanding } from './senders.mjs';

const say = (/** @type {object} */ message) => parentPort?.postMessage(message);
const udp = () =>
  UdpSocket.open({ remote: { address: '127.0.0.1', port: workerData.udp }, zeroCopy: 'always' });

/** Sends a stream of its own; tells how its ids fared. */
async function stream() {
  const { seed, sends, tcp } = workerData;
  const pool = new BufferPool({ bufferSize: 65_536, count: 8 });
  const socket = await TcpSocket.connect({ host: '127.0.0.1', port: tcp, zeroCopy: 'always' });
  const ids = IdChecker.of(socket);
  let wrongIds = 0;
  let bytes = 0;
  for (let i = 0; i < sends; i++) {
    const buffer = await pool.acquire();
    const length = 1000 + ((i * 7919) % 60_000);
    fillStream(buffer.bytes, bytes, seed, length);
    if (i === 0) announceSeed(buffer.bytes, seed);
    if (socket.send(buffer, length) !== i) wrongIds++;
    bytes += length;
  }
  const report = await socket.close();
  await pool.close();
  say({ seed, bytes, wrongIds, report, once: ids.sent === sends && ids.problems().length === 0 });
}

switch (workerData.role) {
  case 'stream':
    await stream();
    break;
  case 'idle': {
    const { socket: stream } = await outstanding(workerData.tcp);
    const socket = await udp();
    socket.send(Buffer.alloc(1000));
    say({ inFlight: stream.inFlight });
    break;
  }
  case 'busy': {
    const { socket: stream } = await outstanding(workerData.tcp);
    const socket = await udp();
    const pool = new BufferPool({ bufferSize: 4096, count: 16 });
    say({ inFlight: stream.inFlight });
    for (;;) {
      const buffer = pool.tryAcquire();
      if (buffer !== null) socket.send(buffer, 1000);
    }
  }
  case 'closing': {
    const { socket, pool } = await outstanding(workerData.tcp);
    socket.close({ timeout: 60_000 });
    pool.close();
    say({ inFlight: socket.inFlight });
    break;
  }
  case 'connecting':
    TcpSocket.connect({ host: '127.0.0.1', port: workerData.tcp });
    await new Promise((resolve) => void setImmediate(resolve)); // the address has been resolved
    say({ inFlight: 0 });
    for (;;);
  case 'unopened':
    new BufferPool({ bufferSize: 65_536, count: 8 }).tryAcquire()?.bytes.fill(1);
    say({ inFlight: 0 });
    setInterval(() => {}, 1000);
    break;
  case 'closed': {
    const { socket, pool } = await outstanding(workerData.tcp);
    await socket.abort();
    await pool.close();
    say({ inFlight: socket.inFlight });
    setInterval(() => {}, 1000);
    break;
  }
  case 'exiting': {
    const { socket } = await outstanding(workerData.tcp);
    say({ inFlight: socket.inFlight });
    process.exit(5); // ends the worker only
  }
}
