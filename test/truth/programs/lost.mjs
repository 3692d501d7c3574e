// @ts-check
// Gives up on a socket while the memory that it sent from cannot be parted from the kernel, lets go
// of all of it, and has other content written wherever there is room.
import { BufferPool, TcpSocket, UdpSocket } from 'zerosend';
import { announceSeed, fillStream, fillTrain } from '../../../rig/pattern.mjs';
import { Books, given, hooks, say, sleep, turn } from './support.mjs';

const { protocol, address, port, memory, count, length, segmentSize, fault } = given;
const tcp = protocol === 'tcp';

/** @type {Record<string, number>} */
const warnings = {};
process.on('warning', (warning) => {
  const { code } = /** @type {any} */ (warning);
  warnings[code] = (warnings[code] ?? 0) + 1;
});

const pool = memory === 'pool' ? new BufferPool({ bufferSize: length, count }) : undefined;
const socket = tcp
  ? await TcpSocket.connect({ host: address, port, zeroCopy: 'always', maxQueuedSends: count })
  : await UdpSocket.open({ remote: { address, port }, segmentSize, zeroCopy: 'always' });
const books = new Books(socket);

let position = 0;
/** @param {Uint8Array} bytes */
function write(bytes) {
  if (tcp) {
    fillStream(bytes, position, 1, length);
    if (position === 0) announceSeed(bytes, 1);
    position += length;
  } else {
    position += fillTrain(bytes, length, segmentSize, position, 1);
  }
}

/** @type {WeakRef<ArrayBufferLike>[]} */
const memories = [];
// In functions, so that no variable keeps what has been sent.
function sendAll() {
  for (let i = 0; i < count; i++) {
    const held = pool?.tryAcquire() ?? Buffer.from(new ArrayBuffer(length));
    const bytes = held instanceof Uint8Array ? held : held.bytes;
    if (held === bytes) memories.push(new WeakRef(bytes.buffer));
    write(bytes);
    socket.send(held, length);
  }
}

function writeElsewhere() {
  for (let i = 0; i < 4 * count; i++) Buffer.from(new ArrayBuffer(length)).fill(0xee);
  for (let buffer = pool?.tryAcquire(); buffer; buffer = pool?.tryAcquire())
    buffer.bytes.fill(0xee);
}

sendAll();
await sleep(100); // what fits is on the link now
if (fault) hooks().inject(fault.call, fault);
const closed = await socket.abort();
const afterwards = pool?.stats();
for (let i = 0; i < 4; i++) {
  globalThis.gc?.();
  await turn();
}
const kept = memories.filter((memory) => memory.deref() !== undefined).length;
writeElsewhere();
await sleep(1000); // all that is on the link has gone
say('report', { ...books.balance(), closed, kept, afterwards, warnings, datagrams: position });
