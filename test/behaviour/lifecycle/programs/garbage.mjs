// @ts-check
// Sends while garbage is collected at random, in the midst of everything, and forgets sockets and
// buffers. Needs --expose-gc.
import { readFileSync } from 'node:fs';
import { BufferPool, TcpSocket, UdpSocket } from 'zerosend';
import { IdChecker } from '../../../../rig/ids.mjs';
import { announceSeed, fillDatagram, fillStream } from '../../../../rig/pattern.mjs';
import { given, say } from '../../../support/say.mjs';

/** @type {{ seed: number, sends: number, tcp: number, udp: number, discard: number }} */
const { seed, sends, tcp, udp, discard } = given;
const FORGOTTEN = 10;
const LENGTH = 50_000;

/** @type {string[]} */
const warnings = [];
process.on('warning', (warning) => {
  warnings.push(/** @type {NodeJS.ErrnoException} */ (warning).code ?? warning.message);
});

let state = seed | 1;
/** A number below `limit`: xorshift32, the same ones for the same seed. @param {number} limit */
function random(limit) {
  state ^= state << 13;
  state ^= state >>> 17;
  state ^= state << 5;
  return (state >>> 0) % limit;
}

let collections = 0;
/** @type {Uint8Array[]} */
let litter = [];
function maybeCollect() {
  // As large as what is sent, so that it gets the place of what is given back too early.
  const more = Array.from({ length: 4 }, () => new Uint8Array(100 + random(LENGTH)).fill(0xee));
  litter = [...litter, ...more].slice(-40);
  if (random(4) > 0) return;
  collections++;
  globalThis.gc?.(/** @type {any} */ ({ type: random(3) === 0 ? 'major' : 'minor' }));
}

/** @param {import('zerosend').ZeroCopySocket} socket */
function countIds(socket) {
  const ids = IdChecker.of(socket);
  socket.on('complete', maybeCollect);
  return () => ids.problems().length === 0;
}

async function stream() {
  const pool = new BufferPool({ bufferSize: 65_536, count: 8 });
  const socket = await TcpSocket.connect({ host: '127.0.0.1', port: tcp, zeroCopy: 'always' });
  const eachOnce = countIds(socket);
  let offset = 0;
  for (let i = 0; i < sends; i++) {
    const length = 100 + random(LENGTH);
    // Most from memory that nobody else refers to.
    const buffer = i % 4 > 0 ? null : await pool.acquire();
    const bytes = buffer?.bytes ?? new Uint8Array(length);
    maybeCollect();
    fillStream(bytes, offset, seed, length);
    if (i === 0) announceSeed(bytes, seed);
    offset += length;
    socket.send(buffer ?? bytes, length);
    maybeCollect();
  }
  const report = await socket.close();
  await pool.close();
  return { report, bytes: offset, free: pool.free, once: eachOnce() };
}

const pause = () => new Promise((resolve) => void setTimeout(resolve, 5));

/** Bytes that the receiver has yet to read, as the kernel counts them. @param {number} port */
function waitingAt(port) {
  const local = `[0-9A-F]{8}:${port.toString(16).toUpperCase().padStart(4, '0')}`;
  const line = new RegExp(`^ *\\d+: ${local} \\S+ \\S+ [0-9A-F]+:([0-9A-F]+)`, 'm');
  const found = line.exec(readFileSync('/proc/net/udp', 'utf8'));
  if (found === null) throw new Error(`nobody receives at port ${port}`);
  return Number.parseInt(found[1] ?? '', 16);
}

async function datagrams() {
  const pool = new BufferPool({ bufferSize: 4096, count: 32 });
  const remote = { address: '127.0.0.1', port: udp };
  const socket = await UdpSocket.open({ remote, zeroCopy: 'always' });
  const eachOnce = countIds(socket);
  let sequence = 0;
  for (let i = 0; i < sends; i++) {
    const buffers = await Promise.all(Array.from({ length: 1 + random(8) }, () => pool.acquire()));
    for (const { bytes } of buffers) fillDatagram(bytes, sequence++, seed, 1000);
    maybeCollect();
    socket.sendMany(buffers, 1000);
    if (i % 16 === 0) await socket.flush();
    while (waitingAt(udp) > 50_000) await pause(); // or the kernel would drop some
  }
  const report = await socket.close();
  await pool.close();
  return { report, datagrams: sequence, free: pool.free, once: eachOnce() };
}

/** Sockets and buffers, with ids in flight, to which nobody refers any longer. */
async function forget() {
  const pools = [];
  for (let i = 0; i < FORGOTTEN; i++) {
    const pool = new BufferPool({ bufferSize: 4096, count: 4, verify: true });
    if (i % 2 === 0) new BufferPool({ bufferSize: 4096, count: 4 }).tryAcquire(); // a pool, too
    pools.push(pool);
    const remote = { address: '127.0.0.1', port: discard };
    const socket = await UdpSocket.open({ remote, zeroCopy: 'always' });
    socket.send(await pool.acquire(), 1000);
    socket.send(new Uint8Array(1000));
    pool.tryAcquire()?.bytes.fill(i); // not sent, not released
    maybeCollect();
  }
  return pools;
}

/** @param {string} code */
const warned = (code) => warnings.filter((warning) => warning === code).length;

const pools = await forget();
const results = await Promise.all([stream(), datagrams()]);
litter = [];
const end = performance.now() + 10_000;
while (
  performance.now() < end &&
  (warned('ZEROSEND_SOCKET_FORGOTTEN') < FORGOTTEN ||
    warned('ZEROSEND_BUFFER_FORGOTTEN') < FORGOTTEN)
) {
  globalThis.gc?.();
  await pause();
}
say('done', { results, collections, warnings, held: pools.map((pool) => pool.acquired) });
