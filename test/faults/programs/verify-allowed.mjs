// @ts-check
// What a pool with `verify: true` has no reason to complain of.
import { within } from '../sender.mjs';
import { ALWAYS, clearFaults, inject, UdpSocket } from '../zerosend.mjs';
import {
  acquiredHere,
  collectGarbage,
  connect,
  errorOf,
  hold,
  remote,
  verifiedPool,
} from './verify-support.mjs';

/** @type {Record<string, () => Promise<unknown>>} */
export const allowed = {
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
