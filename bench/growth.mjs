// @ts-check
// Sends as fast as it can for an hour, in all ways in turn, over sockets and pools that stay, and says
// whether anything has grown: memory, descriptors, threads.
//
//   node bench/growth.mjs [--minutes 60] [--warmup 10] [--turn 1000]
//
// Into an interface that drops everything; TCP over loopback to a process that reads. Exits with 1 where
// an id is missing or came twice, or where more than GROWTH bytes have come since the warm-up (in percent of
// the time): caches, compiled code and pools have their size by then.
import { readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { BufferPool, PacketSocket, TcpSocket, UdpSocket, XdpSocket } from 'zerosend';
import { IdChecker } from '../rig/ids.mjs';
import { runInSink } from './in-sink.mjs';
import { startReader } from './reader.mjs';

const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '60' },
    warmup: { type: 'string', default: '10' },
    turn: { type: 'string', default: '1000' }, // ms of one way
    inside: { type: 'string' },
  },
});

const GROWTH = 8 << 20;
const REMOTE = { address: '198.18.0.9', port: 9 };
const FRAME = Buffer.from('ffffffffffff02000000000188b5', 'hex');

/**
 * @typedef {object} Way
 * @property {string} name
 * @property {import('zerosend').ZeroCopySocket} socket
 * @property {BufferPool} pool
 * @property {() => boolean} send returns whether there were buffers
 * @property {() => Promise<unknown>} wait until there may be some
 */

/**
 * One send a call. @param {string} name @param {UdpSocket | TcpSocket} socket @param {BufferPool} pool
 * @param {number} size @returns {Way}
 */
function single(name, socket, pool, size) {
  const send = () => {
    const buffer = pool.tryAcquire();
    if (buffer === null) return false;
    socket.send(buffer, size);
    return true;
  };
  return { name, socket, pool, send, wait: async () => (await pool.acquire()).release() };
}

/** Runs of 64 frames. @param {string} name @param {PacketSocket | XdpSocket} socket @returns {Way} */
function runs(name, socket) {
  const { pool } = socket;
  const send = () => {
    const run = pool.tryAcquireRun(64);
    if (run !== null) socket.sendMany(run, 64);
    return run !== null;
  };
  return { name, socket, pool, send, wait: () => socket.flush() };
}

/** Arrays of 64 frames. @param {string} name @param {XdpSocket} socket @returns {Way} */
function arrays(name, socket) {
  const { pool } = socket;
  const send = () => {
    const buffers = [];
    for (let i = 0; i < 64; i++) {
      const buffer = pool.tryAcquire();
      if (buffer === null) break;
      buffers.push(buffer);
    }
    if (buffers.length > 0) socket.sendMany(buffers, 64);
    return buffers.length > 0;
  };
  return { name, socket, pool, send, wait: () => socket.flush() };
}

/** @param {string} name of the interface @param {number} port of the reader @returns {Promise<Way[]>} */
async function openAll(name, port) {
  const init = (/** @type {Uint8Array} */ bytes) => bytes.set(FRAME);
  const trains = { remote: REMOTE, segmentSize: 1400 };
  const pool = () => new BufferPool({ bufferSize: 65_536, count: 256 });
  const host = { host: '127.0.0.1', port };
  return [
    single('UDP, 65000 B', await UdpSocket.open(trains), pool(), 65_000),
    single(
      "UDP, 65000 B, submit: 'thread'",
      await UdpSocket.open({ ...trains, submit: 'thread' }),
      pool(),
      65_000,
    ),
    single('UDP, 60 B', await UdpSocket.open({ remote: REMOTE }), pool(), 60),
    single('TCP, 65536 B', await TcpSocket.connect(host), pool(), 65_536),
    runs('the transmit ring, runs', await PacketSocket.open({ interface: name, init })),
    arrays('AF_XDP, arrays', await XdpSocket.open({ interface: name, init })),
  ];
}

setFlagsFromString('--expose_gc');
const collect = runInNewContext('gc');

function sizes() {
  collect();
  const { rss, heapUsed, external } = process.memoryUsage();
  const entries = (/** @type {string} */ folder) => readdirSync(`/proc/self/${folder}`).length;
  return { rss, heapUsed, external, descriptors: entries('fd'), threads: entries('task') };
}

/** Sends for one turn, and waits until all has completed. @param {Way} way */
async function turn({ name, socket, send, wait }) {
  const ids = new IdChecker(socket);
  const listener = (/** @type {import('zerosend').CompletionRange} */ range) => ids.complete(range);
  socket.on('complete', listener);
  const end = performance.now() + Number(values.turn);
  while (performance.now() < end) {
    for (let i = 0; i < 16; i++) if (!send()) await wait();
  }
  await socket.flush();
  while (ids.completed < ids.sent) await new Promise(setImmediate);
  socket.off('complete', listener);
  const { missing, twice, unknown } = ids.result();
  const bad = missing + twice + unknown + (ids.how.failed ?? 0) + (ids.how.revoked ?? 0);
  if (bad > 0) throw new Error(`${name}: ${bad} ids are wrong`);
  return ids.sent;
}

const mega = (/** @type {number} */ bytes) => `${(bytes / 1e6).toFixed(1)} MB`;

/** @param {string} name of the interface */
async function measure(name) {
  const reader = await startReader();
  const ways = await openAll(name, reader.port);
  const minutes = Number(values.minutes);
  const begin = performance.now();
  const part = (/** @type {number} */ now) => (now - begin) / 60_000 / minutes;
  const sends = ways.map(() => 0);
  let before = null;
  let since = 0; // rounds after the warm-up
  let said = begin;
  for (let now = begin; part(now) < 1 || since === 0; now = performance.now()) {
    for (const [i, way] of ways.entries()) sends[i] = (sends[i] ?? 0) + (await turn(way));
    if (before !== null) since++;
    else if (part(performance.now()) >= Number(values.warmup) / 100) before = sizes();
    if (performance.now() - said < 60_000) continue;
    said = performance.now();
    const { rss, heapUsed, descriptors, threads } = sizes();
    const all = sends.reduce((sum, n) => sum + n, 0);
    console.log(
      `${((said - begin) / 60_000).toFixed(0).padStart(4)} min  ${(all / 1e6).toFixed(0).padStart(6)} M sends  ` +
        `${mega(rss)} resident, ${mega(heapUsed)} of the heap, ${descriptors} descriptors, ${threads} threads`,
    );
  }
  const after = sizes();
  for (const [i, way] of ways.entries())
    console.log(`${way.name}: ${sends[i]} sends, all completed`);
  for (const { socket, pool } of ways) {
    await socket.close();
    await pool.close();
  }
  reader.end();
  const grown = Object.entries(before ?? after).map(([what, size], i) => ({
    what,
    by: /** @type {number} */ (Object.values(after)[i]) - size,
  }));
  for (const { what, by } of grown)
    console.log(`${what}: ${by > 0 ? '+' : ''}${by} since the warm-up`);
  if (grown.some(({ what, by }) => by > (/descriptors|threads/.test(what) ? 0 : GROWTH))) {
    console.log('it has grown');
    process.exitCode = 1;
  }
}

if (values.inside === undefined) await runInSink(fileURLToPath(import.meta.url));
else await measure(values.inside);
