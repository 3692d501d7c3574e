// @ts-check
// Questions by a UdpSocket, which reads nothing, and their answers by a socket of node:dgram that
// shares its port.
//
//   node examples/answers.mjs [QUESTIONS]
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { BufferPool, UdpSocket } from 'zerosend';

const QUESTIONS = Number(process.argv[2] ?? 1000);
const AT_ONCE = 32;

// Somebody who answers, on this machine. Yours would be elsewhere.
const peer = createSocket('udp4').bind(0, '127.0.0.1');
peer.on('message', (question, { address, port }) => peer.send(question, port, address));
await once(peer, 'listening');
const remote = { address: '127.0.0.1', port: peer.address().port };

// The order matters. Of sockets with the same address the kernel gives a datagram to the one that fits
// best, and among equals to the latest: so the reader comes after the sender, and connects to the
// peer if the sender has. (A sender without `remote`, which sends by `sendTo`, needs no connect.)
const sender = await UdpSocket.open({ address: '127.0.0.1', remote, reuseAddress: true });
const { port } = /** @type {{ port: number }} */ (sender.info().local);
const reader = createSocket({ type: 'udp4', reuseAddr: true }).bind(port, '127.0.0.1');
await once(reader, 'listening');
reader.connect(remote.port, remote.address);
await once(reader, 'connect');

let answered = 0;
let heard = () => {};
reader.on('message', (answer) => {
  if (answer.length === 100) answered++; // loopback loses none; elsewhere give up on one some time
  heard();
});

const pool = new BufferPool({ bufferSize: 4096, count: 64 });
let asked = 0;
while (asked < QUESTIONS) {
  while (asked < QUESTIONS && asked - answered < AT_ONCE) {
    const buffer = await pool.acquire();
    buffer.bytes.writeUInt32BE(asked++);
    sender.send(buffer, 100);
  }
  // Until there is room for more, or the last has come.
  while (answered < asked && (asked - answered >= AT_ONCE || asked === QUESTIONS)) {
    await new Promise((resolve) => {
      heard = () => resolve(null);
    });
  }
}

const { outcome } = await sender.close();
await pool.close();
reader.close();
peer.close();
console.log(`${asked} questions, ${outcome}; ${answered} answers`);
