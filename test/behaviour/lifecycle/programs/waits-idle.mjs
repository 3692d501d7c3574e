// @ts-check
// Sends more than the receiver takes at once, and then does nothing but wait for the completions.
import { once } from 'node:events';
import { createServer } from 'node:net';
import { BufferPool, TcpSocket } from 'zerosend';
import { say } from '../../../support/say.mjs';

const server = createServer((connection) => {
  connection.pause();
  setTimeout(() => connection.resume(), 50);
});
await once(server.listen(0, '127.0.0.1'), 'listening');
const { port } = /** @type {import('node:net').AddressInfo} */ (server.address());
const pool = new BufferPool({ count: 256 });
const socket = await TcpSocket.connect({ host: '127.0.0.1', port });
for (let i = 0; i < 256; i++) socket.send(await pool.acquire(), 65_536);
await socket.flush();
say('flushed', { completed: socket.nextId, free: pool.free });
process.exit();
