// @ts-check
// What a pool with `verify: true` finds, and what it has no reason to find. In a process of its own,
// since what is found is thrown as an uncaught exception.
import { createServer } from 'node:net';
import { setImmediate } from 'node:timers/promises';
import { pause, within } from '../sender.mjs';
import { ALWAYS, BufferPool, clearFaults, inject, TcpSocket, UdpSocket } from '../zerosend.mjs';

/** @typedef {import('zerosend').PooledBuffer} PooledBuffer */
/** @typedef {import('zerosend').BufferPool} Pool */
/** @typedef {import('zerosend').ZeroCopySocket} Socket */
/** @typedef {import('zerosend').CodedError} CodedError */

/** @type {{ code: string, id: number | undefined, message: string }[]} */
const uncaught = [];
process.on('uncaughtException', (error) => {
  const { code, id, message } = /** @type {CodedError & { id?: number }} */ (error);
  uncaught.push({ code, id, message });
});
/** @type {{ code: string | undefined, name: string, message: string }[]} */
const warnings = [];
process.on('warning', (warning) => {
  const { code, name, message } = /** @type {Error & { code?: string }} */ (warning);
  warnings.push({ code, name, message });
});

const server = createServer((socket) => void socket.on('error', () => {}).resume());
await new Promise((resolve) => void server.listen(0, '127.0.0.1', () => resolve(null)));
const { port } = /** @type {import('node:net').AddressInfo} */ (server.address());
const remote = { address: '127.0.0.1', port: 9 };
const connect = () => TcpSocket.connect({ host: '127.0.0.1', port, zeroCopy: 'always' });

/** @param {import('zerosend').BufferPoolOptions} [options] */
const verifiedPool = (options = {}) =>
  new BufferPool({ bufferSize: 8192, count: 8, hugePages: 'none', verify: true, ...options });

/** Has to appear in the stacks. @param {Pool} pool @returns {PooledBuffer} */
function acquiredHere(pool) {
  return /** @type {PooledBuffer} */ (pool.tryAcquire());
}

/** Sends stay in flight from here on, until `letGo`. */
const hold = () => inject('recvmsg', { error: 'EAGAIN', times: ALWAYS });
const letGo = () => inject('recvmsg');

/** @param {() => unknown} action */
function errorOf(action) {
  try {
    action();
    return null;
  } catch (error) {
    const { code, message } = /** @type {CodedError} */ (error);
    return { code, message };
  }
}

/** @param {() => boolean} [found] what is expected to come of it; default nothing */
async function collectGarbage(found) {
  for (let i = 0; i < (found ? 500 : 12) && !found?.(); i++) {
    globalThis.gc?.();
    await pause(2);
  }
}

const warned = () => warnings.length > 0;

/** @type {Record<string, () => Promise<unknown>>} */
const SCENARIOS = {
  async 'a write in flight over TCP'() {
    const pool = verifiedPool();
    const socket = await connect();
    socket.send(acquiredHere(pool), 10);
    await socket.flush();
    hold();
    const buffer = acquiredHere(pool);
    buffer.bytes.fill(1);
    socket.send(buffer, 8192);
    buffer.bytes[8191] = 2;
    letGo();
    await socket.flush();
    await socket.close();
  },

  async 'a write in flight over UDP, through a view of its own'() {
    const pool = verifiedPool();
    const socket = await UdpSocket.open({ remote, zeroCopy: 'always' });
    const buffer = acquiredHere(pool);
    const view = buffer.bytes.subarray(100, 200);
    hold();
    socket.send(buffer, 1000);
    view.fill(7);
    letGo();
    await socket.flush();
    await socket.close();
  },

  async 'a write in flight within sendMany'() {
    const pool = verifiedPool();
    const socket = await connect();
    const buffers = [acquiredHere(pool), acquiredHere(pool), acquiredHere(pool)];
    hold();
    socket.sendMany(buffers, [100, 200, 300]);
    /** @type {PooledBuffer} */ (buffers[1]).bytes[5] = 1;
    letGo();
    await socket.flush();
    await socket.close();
  },

  async 'a write between two sends of one buffer, the first in flight'() {
    const pool = verifiedPool();
    const socket = await connect();
    const buffer = acquiredHere(pool).retain();
    hold();
    socket.send(buffer, 100);
    buffer.bytes[0] = 9;
    socket.send(buffer, 100);
    letGo();
    await socket.flush();
    await socket.close();
  },

  async 'a write to what an aborted socket had in flight'() {
    const pool = verifiedPool();
    const socket = await connect();
    hold();
    inject('connect', { error: 'EIO', times: ALWAYS });
    const buffer = acquiredHere(pool);
    socket.send(buffer, 100);
    buffer.bytes[3] = 1;
    await socket.abort();
    clearFaults();
  },

  async 'stale handles'() {
    const pool = verifiedPool();
    const socket = await connect();
    const buffer = acquiredHere(pool);
    const sent = buffer;
    socket.send(sent, 100);
    await socket.flush();
    const released = acquiredHere(pool);
    released.release();
    const again = acquiredHere(pool); // the same slot, for somebody else
    const errors = [sent, released].map((handle) => [
      errorOf(() => handle.bytes),
      errorOf(() => socket.send(handle, 100)),
      errorOf(() => socket.sendMany([handle], 100)),
      errorOf(() => handle.release()),
      errorOf(() => handle.retain()),
    ]);
    sent[Symbol.dispose](); // of `using`: gives nothing back that is not its own
    released[Symbol.dispose]();
    const acquired = pool.acquired;
    again.release();
    await socket.close();
    return { errors, slots: [sent.index, released.index, again.index], acquired };
  },

  async 'a write after the buffer was sent and came back'() {
    const pool = verifiedPool();
    const socket = await connect();
    const buffer = acquiredHere(pool);
    const { bytes } = buffer;
    socket.send(buffer, 100);
    await socket.flush();
    bytes[8000] = 1;
    pool.tryAcquire()?.release(); // whoever is next finds it
    await socket.close();
    return { index: buffer.index };
  },

  async 'a write after the buffer was released'() {
    const pool = verifiedPool();
    const buffer = acquiredHere(pool);
    const { bytes } = buffer;
    buffer.release();
    bytes[0] = 1;
    pool.tryAcquire()?.release();
    return { index: buffer.index };
  },

  async 'a write to a free buffer that nobody acquires again'() {
    const pool = verifiedPool();
    const buffer = acquiredHere(pool);
    const { bytes } = buffer;
    buffer.release();
    bytes[0] = 1;
    await pool.close();
    return { index: buffer.index };
  },

  async 'a buffer that is forgotten'() {
    const pool = verifiedPool();
    acquiredHere(pool);
    await collectGarbage(warned);
    return { acquired: pool.acquired };
  },

  async 'a buffer whose last lease is forgotten'() {
    const pool = verifiedPool();
    const socket = await connect();
    socket.send(acquiredHere(pool).retain(), 100);
    await socket.flush();
    await collectGarbage(warned);
    await socket.close();
    return { acquired: pool.acquired };
  },

  async 'a buffer that is held when its pool closes'() {
    const pool = verifiedPool();
    const buffer = acquiredHere(pool);
    acquiredHere(pool).release();
    const closing = pool.close();
    await setImmediate();
    buffer.release();
    await within(closing, 'the close of the pool');
  },

  async 'a write to a buffer that was waited for'() {
    const pool = verifiedPool({ count: 1 });
    const socket = await connect();
    const first = acquiredHere(pool);
    async function waitedForHere() {
      return await pool.acquire();
    }
    const waiting = waitedForHere();
    first.release();
    const buffer = await waiting;
    hold();
    socket.send(buffer, 100);
    buffer.bytes[0] = 1;
    letGo();
    await socket.flush();
    await socket.close();
  },

  // ---- nothing to find --------------------------------------------------------------------------

  async 'everything that is allowed'() {
    const pool = verifiedPool({ count: 16, init: (bytes, index) => bytes.fill(index) });
    const sockets = [await connect(), await connect(), await UdpSocket.open({ remote })];
    for (let round = 0; round < 60; round++) {
      // One buffer to many sockets, in pieces of different lengths.
      const shared = await pool.acquire();
      shared.bytes.fill(round, 0, 3000);
      shared.retain(sockets.length);
      for (const [i, socket] of sockets.entries()) socket.send(shared, 1000 + 100 * i);
      if (round % 2 === 0) shared.release();
      else sockets[0]?.send(shared, 3000);
      // Behind what was sent it may be written.
      const short = await pool.acquire();
      short.bytes.fill(round);
      sockets[1]?.send(short, 10);
      short.bytes.fill(255, 10);
      const many = [await pool.acquire(), await pool.acquire(), await pool.acquire()];
      for (const buffer of many) buffer.bytes.fill(round);
      sockets[round % 3]?.sendMany(many, [5, 6, 7]);
      (await pool.acquire()).release();
      const refused = await pool.acquire();
      errorOf(() => sockets[0]?.send(refused, 100_000));
      refused.bytes[0] = 1;
      refused.release();
      if (round % 10 === 9) await sockets[0]?.flush();
    }
    await Promise.all(sockets.map((socket) => socket.flush()));
    // Given up, with their memory taken back.
    hold();
    inject('connect', { error: 'EIO', times: ALWAYS });
    for (const socket of sockets) socket.send(await pool.acquire(), 500);
    await Promise.all(sockets.map((socket) => socket.abort()));
    clearFaults();
    await collectGarbage();
    const { free } = pool;
    for (let i = 0; i < 16; i++) acquiredHere(pool);
    for (const socket of sockets) errorOf(() => socket.send(acquiredHere(pool), 5));
    return { free };
  },

  async 'a write between two sends, with nothing in flight'() {
    const pool = verifiedPool();
    const socket = await connect();
    const buffer = acquiredHere(pool).retain(3);
    for (let i = 0; i < 3; i++) {
      buffer.bytes.fill(i);
      socket.send(buffer, 4000 - i);
      await socket.flush();
    }
    buffer.release();
    await socket.close();
  },

  async 'a template'() {
    const pool = verifiedPool({ count: 1, init: (bytes) => bytes.write('a template') });
    const socket = await connect();
    const read = [];
    for (let i = 0; i < 3; i++) {
      const buffer = await pool.acquire();
      read.push(buffer.bytes.toString('latin1', 0, 10));
      buffer.bytes.write('seen', 100);
      read.push(buffer.bytes.toString('latin1', 100, 104));
      socket.send(buffer, 200);
      await socket.flush();
    }
    await socket.close();
    return { read };
  },

  async 'a slot that is retired'() {
    const pool = verifiedPool({ count: 2 });
    const socket = await connect();
    hold();
    inject('connect', { error: 'EIO', times: ALWAYS });
    inject('remap', { error: 'ENOMEM' });
    const buffer = acquiredHere(pool);
    const { bytes } = buffer;
    bytes.fill(5);
    socket.send(buffer, 8192);
    await socket.abort();
    clearFaults();
    const untouched = bytes.every((byte) => byte === 5); // the kernel may read it still
    await within(pool.close(), 'the close of the pool');
    return { untouched, retired: pool.stats().retired };
  },
};

/** @param {{ scenario: string }} argument */
export async function run({ scenario }) {
  const result = await SCENARIOS[scenario]?.();
  await pause(5);
  server.close();
  return { uncaught, warnings, result };
}
