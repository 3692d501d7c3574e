// @ts-check
// Gives up on a socket while a slow link holds its data back, writes other content into the same
// memory at once, and sends that over a second socket.
import { BufferPool, TcpSocket, UdpSocket } from 'zerosend';
import { announceSeed, fillStream, fillTrain } from '../../../rig/pattern.mjs';
import { Books, given, hooks, hugeBytes, say, sleep } from './support.mjs';

const { protocol, address, port, memory, how, count, length, segmentSize, broken } = given;
const tcp = protocol === 'tcp';

/** @type {BufferPool | undefined} */
let pool;
/** @type {import('zerosend').PooledBuffer[]} */
let buffers = [];
/** @type {Uint8Array[]} */
const arrays = memoryFor(memory);

/** The memory that is sent from. @param {string} kind @returns {Uint8Array[]} */
function memoryFor(kind) {
  const each = (/** @type {(i: number) => Uint8Array} */ make) =>
    Array.from({ length: count }, (_, i) => make(i));
  switch (kind) {
    case 'separate arrays':
      return each(() => Buffer.alloc(length));
    case 'one array': {
      const all = new ArrayBuffer(count * length);
      return each((i) => new Uint8Array(all, i * length, length));
    }
    case 'shared array': {
      const all = new SharedArrayBuffer(count * length);
      return each((i) => new Uint8Array(all, i * length, length));
    }
    case 'WebAssembly': {
      const { WebAssembly } = /** @type {any} */ (globalThis);
      const all = new WebAssembly.Memory({ initial: Math.ceil((count * length) / 65_536) });
      return each((i) => new Uint8Array(all.buffer, i * length, length));
    }
    default:
      // A reserved huge page is replaced whole or not at all: each buffer has one to itself.
      pool = new BufferPool({
        bufferSize: kind === 'explicit' ? 2 ** 21 : length,
        count,
        hugePages: /** @type {any} */ (kind),
      });
      return [];
  }
}

/** All memory there is, which has to be free. */
function takeAll() {
  if (pool === undefined) return arrays;
  const taken = Array.from({ length: count }, () => pool?.tryAcquire());
  if (taken.includes(null)) throw new Error(`not free: ${JSON.stringify(pool.stats())}`);
  buffers = /** @type {typeof buffers} */ (taken);
  return buffers.map(({ bytes }) => bytes);
}

/** @param {number} i */
const held = (i) => buffers[i] ?? /** @type {Uint8Array} */ (arrays[i]);

let position = 0;
/** @param {Uint8Array} bytes @param {number} seed */
function write(bytes, seed) {
  if (tcp) {
    fillStream(bytes, position, seed, length);
    if (position === 0) announceSeed(bytes, seed);
    position += length;
  } else {
    position += fillTrain(bytes, length, segmentSize, position, seed);
  }
}

const open = () =>
  tcp
    ? TcpSocket.connect({ host: address, port, zeroCopy: 'always', maxQueuedSends: count })
    : UdpSocket.open({ remote: { address, port }, segmentSize, zeroCopy: 'always' });

if (broken) {
  hooks().inject('remap', { times: 1e9, limit: 0 });
  hooks().inject('clone_process', { times: 1e9, limit: 0 });
}

const first = await open();
const books = new Books(first);
for (const bytes of takeAll()) write(bytes, 1);
for (let i = 0; i < count; i++) first.send(held(i), length);
const sentDatagrams = position;
await sleep(100); // what fits is on the link now
const before = first.stats();
const huge = hugeBytes();
// The link goes on taking some of it, which a timeout would wait for.
const signal = AbortSignal.timeout(50);
const closed = await (how === 'abort' ? first.abort() : first.close({ signal }));

// At once, and long enough for the link to take some of it if it is the same memory.
const again = takeAll();
for (const bytes of again) bytes.fill(0xee);
await sleep(50);
const second = await open();
const secondBooks = new Books(second);
position = 0;
// A part of it: the rest is there to be seen if the kernel still reads it.
for (const [i, bytes] of again.slice(0, count >> 2).entries()) {
  write(bytes, 2);
  second.send(held(i), length);
}
await second.flush();
const secondClosed = await second.close({ timeout: 20_000 });
say('report', {
  ...books.balance(),
  before,
  closed,
  huge,
  pool: pool?.stats(),
  datagrams: sentDatagrams,
  second: {
    ...secondBooks.balance(),
    closed: secondClosed,
    bytes: (count >> 2) * length,
    datagrams: position,
  },
});
