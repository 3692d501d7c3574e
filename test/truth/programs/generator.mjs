// @ts-check
// Writes new content into every buffer the moment it gets it, and sends it: so a buffer that comes
// back while the kernel may still read it goes out with bytes that the receiver does not expect.
import { BufferPool, TcpSocket, UdpSocket } from 'zerosend';
import { Slots } from '../../../dist/buffers/slots.js';
import { fillStream, fillTrain } from '../../../rig/pattern.mjs';
import { Books, census, given, say, turn } from './support.mjs';

const { protocol, address, port, bytes, count, segmentSize, broken, many = 1 } = given;
const tcp = protocol === 'tcp';
// A whole number of segments, so that only whole trains are sent; an odd size for the stream.
const length = tcp ? 65_521 : segmentSize * Math.floor(65_000 / segmentSize);

const pool = new BufferPool({ bufferSize: 65_536, count });
if (broken) returnBuffersAtOnce();
const socket = tcp
  ? await TcpSocket.connect({ host: address, port, zeroCopy: 'always' })
  : await UdpSocket.open({ remote: { address, port }, segmentSize, zeroCopy: 'always' });
const books = new Books(socket);

/** The pool that this test is there to catch: a buffer is free again when it has been sent. */
function returnBuffersAtOnce() {
  const slots = /** @type {any} */ (Slots.prototype);
  slots.beginSend = function (/** @type {number} */ slot) {
    this.release(slot);
  };
  slots.endSend = () => false;
}

let position = 0; // in the stream, or datagrams
/** @param {import('zerosend').PooledBuffer} buffer */
function rewrite(buffer) {
  if (tcp) {
    fillStream(buffer.bytes, position, 1, length);
    position += length;
  } else {
    position += fillTrain(buffer.bytes, length, segmentSize, position, 1);
  }
}

const start = performance.now();
/** @type {Awaited<ReturnType<typeof census>> | undefined} */
let middle;
let sent = 0;
let drains = 0; // how often the kernel had no room
for (let turns = 1; sent < bytes; turns++) {
  const buffers = [];
  for (let i = 0; i < many; i++) {
    const buffer = pool.tryAcquire() ?? (await pool.acquire());
    rewrite(buffer);
    buffers.push(buffer);
  }
  if (many > 1) socket.sendMany(buffers, length);
  else socket.send(/** @type {import('zerosend').PooledBuffer} */ (buffers[0]), length);
  sent += many * length;
  // A broken pool never runs dry: nothing else would ever hold it up.
  if (socket.needDrain) {
    await new Promise((resolve) => void socket.once('drain', () => resolve(0)));
    drains++;
  } else if (broken && turns % 16 === 0) await turn();
  if (middle === undefined && sent > bytes / 4) middle = await census();
}
await socket.flush();
const seconds = (performance.now() - start) / 1000;
const end = await census();
const closed = await socket.close({ timeout: 20_000 });
say('report', {
  seconds,
  bytes: sent,
  datagrams: tcp ? undefined : position,
  closed,
  ...books.balance(),
  pool: pool.stats(),
  drains,
  middle,
  end,
});
