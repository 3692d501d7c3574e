// @ts-check
// What a user's first program does: sends on UDP and TCP to this machine, and waits for what it hears.
import { createSocket } from 'node:dgram';
import { createServer } from 'node:net';
import { BufferPool, TcpSocket, UdpSocket } from 'zerosend';

const SENDS = 8;
const address = '127.0.0.1';
const pool = new BufferPool({ bufferSize: 65_536, count: 4 });

/** @param {TcpSocket | UdpSocket} socket @param {number} length */
async function sendAll(socket, length) {
  let completed = 0;
  socket.on('complete', ({ first, last }) => {
    completed += last - first + 1;
  });
  for (let i = 0; i < SENDS; i++) {
    const buffer = await pool.acquire();
    buffer.bytes.fill(i);
    socket.send(buffer, length);
  }
  const { outcome, ids } = await socket.close();
  return { outcome, ids, completed };
}

const portOf = (/** @type {any} */ address) => address.port;

const datagrams = createSocket('udp4').bind(0, address);
await new Promise((resolve) => datagrams.once('listening', () => resolve(undefined)));
let count = 0;
const arrived = new Promise((resolve) => {
  datagrams.on('message', () => {
    if (++count === SENDS) resolve(undefined);
  });
});
const udp = await sendAll(
  await UdpSocket.open({ remote: { address, port: portOf(datagrams.address()) } }),
  1000,
);
await arrived;
datagrams.close();

let bytes = 0;
const server = createServer((peer) => {
  peer.on('data', (chunk) => {
    bytes += chunk.length;
  });
});
server.listen(0, address);
await new Promise((resolve) => server.once('listening', () => resolve(undefined)));
const tcp = await sendAll(
  await TcpSocket.connect({ host: address, port: portOf(server.address()) }),
  60_000,
);
await new Promise((resolve) => server.close(() => resolve(undefined)));
await pool.close();

console.log(JSON.stringify({ udp: { ...udp, received: count }, tcp: { ...tcp, received: bytes } }));
