// @ts-check
// What a pool with `verify: true` has to find.
import { setImmediate } from 'node:timers/promises';
import { within } from '../sender.mjs';
import { ALWAYS, clearFaults, inject, UdpSocket } from '../zerosend.mjs';
import {
  acquiredHere,
  collectGarbage,
  connect,
  errorOf,
  hold,
  letGo,
  remote,
  runAcquiredHere,
  verifiedPool,
  warned,
} from './verify-support.mjs';

/** @typedef {import('zerosend').PooledBuffer} PooledBuffer */

/** @type {Record<string, () => Promise<unknown>>} */
export const found = {
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

  async 'a write in flight within a run'() {
    const pool = verifiedPool();
    const socket = await connect();
    const run = runAcquiredHere(pool);
    hold();
    socket.sendMany(run, [100, 200, 300]);
    run.memory[2 * run.stride + 5] = 1;
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
};
