// @ts-check
// What is asked of every kind of socket. Each scenario returns what it saw; the tests judge.
import { once } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import { BufferPool } from 'zerosend';
import { IdChecker } from '../../../rig/ids.mjs';
import { addsUp, codeOf, open } from './kinds.mjs';

/** @typedef {import('./kinds.mjs').Kind} Kind @typedef {import('./kinds.mjs').Place} Place */

/** Ids over a mix of pooled sends, plain ones and batches. */
export async function ids(/** @type {Kind} */ kind, /** @type {Place} */ place) {
  const { socket, pool, length } = await open(kind, place);
  const ids = IdChecker.of(socket);
  const given = [];
  let balanced = true;
  for (let i = 0; i < 400; i++) {
    if (i % 5 === 0) {
      const plain = Buffer.alloc(length, 1);
      if (pool.free === 0) await socket.flush();
      given.push(socket.send(plain));
    } else if (i % 7 === 0) {
      const batch = [];
      while (batch.length < 4) batch.push(pool.tryAcquire() ?? (await pool.acquire()));
      const { first, last } = socket.sendMany(batch, length);
      for (let id = first; id <= last; id++) given.push(id);
    } else {
      given.push(socket.send(pool.tryAcquire() ?? (await pool.acquire()), length));
    }
    balanced &&= addsUp(pool);
  }
  const consecutive = given.every((id, index) => id === index);
  await socket.flush();
  const free = pool.free;
  const report = await socket.close();
  return { consecutive, balanced, allBack: free === pool.count, report, ...ids.result() };
}

/** Refused sends take no id and leave the buffer with the caller. */
export async function refusals(/** @type {Kind} */ kind, /** @type {Place} */ place) {
  const { socket, pool, length, ring } = await open(kind, place);
  const ids = IdChecker.of(socket);
  const buffer = /** @type {import('zerosend').PooledBuffer} */ (pool.tryAcquire());
  const other = new BufferPool({ count: 1 });
  const foreign = /** @type {import('zerosend').PooledBuffer} */ (other.tryAcquire());
  /** @type {Record<string, string | null>} */
  const codes = {
    zero: codeOf(() => socket.send(buffer, 0)),
    negative: codeOf(() => socket.send(buffer, -1)),
    fraction: codeOf(() => socket.send(buffer, 1.5)),
    nan: codeOf(() => socket.send(buffer, Number.NaN)),
    beyond: codeOf(() => socket.send(buffer, buffer.bytes.length + 1)),
    missing: codeOf(() => socket.send(buffer)),
    empty: codeOf(() => socket.send(new Uint8Array(0))),
    type: codeOf(() => socket.send(/** @type {any} */ ('text'))),
    foreign: ring ? codeOf(() => socket.send(foreign, length)) : 'ERR_ZEROSEND_WRONG_POOL',
    batch: codeOf(() => socket.sendMany([buffer, /** @type {any} */ (null)], length)),
  };
  const taken = socket.nextId;
  const stillHeld = pool.acquired;
  const id = socket.send(buffer, length);
  codes.inFlight = codeOf(() => buffer.release());
  await socket.flush();
  codes.free = codeOf(() => socket.send(buffer, length));
  await socket.close();
  codes.closed = codeOf(() => socket.send(Buffer.alloc(length)));
  return { codes, taken, stillHeld, id, ...ids.result() };
}

/** A loop that never yields to the event loop gets its buffers back. */
export async function tightLoop(/** @type {Kind} */ kind, /** @type {Place} */ place) {
  const { socket, pool, length } = await open(kind, place, 32);
  const ids = IdChecker.of(socket);
  const deadline = Date.now() + 10_000;
  let sent = 0;
  while (sent < 2000 && Date.now() < deadline) {
    const buffer = pool.tryAcquire();
    if (buffer === null) continue;
    socket.send(buffer, length);
    sent++;
  }
  const report = await socket.close();
  return { sent, report, ...ids.result() };
}

/** An idle program hears of its completion without any further call. */
export async function idle(/** @type {Kind} */ kind, /** @type {Place} */ place) {
  const { socket, pool, length } = await open(kind, place);
  const heard = [];
  for (let round = 0; round < 3; round++) {
    const completed = new Promise((settle) => socket.once('complete', settle));
    socket.send(/** @type {import('zerosend').PooledBuffer} */ (pool.tryAcquire()), length);
    heard.push(await Promise.race([completed, delay(3000, null, { ref: false })]));
    await delay(20);
  }
  await socket.close();
  return { heard };
}

/** What has finished is waited for in every way there is. */
export async function waiting(/** @type {Kind} */ kind, /** @type {Place} */ place) {
  const { socket, pool, length } = await open(kind, place);
  const take = () => /** @type {import('zerosend').PooledBuffer} */ (pool.tryAcquire());
  const first = socket.send(take(), length);
  const second = socket.send(take(), length);
  await socket.completed(second);
  await socket.completed(first);
  await socket.completed(first);
  const bad = await socket.completed(99).catch((error) => error.code);
  socket.send(take(), length);
  await socket.flush();
  const inFlight = socket.inFlight;
  const report = await socket.close();
  const again = await socket.close();
  const members = Object.keys(socket);
  return { bad, inFlight, report, same: report === again, fd: socket.fd, members };
}

/** Gives up with sends outstanding: all ids, in bounded time. */
export async function abort(/** @type {Kind} */ kind, /** @type {Place} */ place) {
  const { socket, pool, length } = await open(kind, place, 256);
  const ids = IdChecker.of(socket);
  for (let buffer = pool.tryAcquire(); buffer !== null; buffer = pool.tryAcquire()) {
    socket.send(buffer, length);
    if (socket.nextId >= 250) break;
  }
  const start = Date.now();
  const report = await socket.abort();
  return { ms: Date.now() - start, report, closed: socket.fd, ...ids.result() };
}

/** A close that reaches its deadline, on a slow link, over which frames go on leaving. */
export async function deadline(/** @type {Kind} */ kind, /** @type {Place} */ place) {
  const { socket, pool, length } = await open(kind, place, 256);
  const ids = IdChecker.of(socket);
  for (let sent = 0; sent < 200; sent++) {
    socket.send(pool.tryAcquire() ?? (await pool.acquire()), length);
  }
  const start = Date.now();
  const report = await socket.close({ timeout: 100, signal: AbortSignal.timeout(100) });
  return { ms: Date.now() - start, report, ...ids.result() };
}

/** Many sends over a link that is slower than they come. */
export async function slowLink(/** @type {Kind} */ kind, /** @type {Place} */ place) {
  const { socket, pool, length } = await open(kind, place, 64);
  const ids = IdChecker.of(socket);
  for (let sent = 0; sent < 1500; sent++) {
    const buffer = pool.tryAcquire() ?? (await pool.acquire());
    socket.send(buffer, length);
  }
  const report = await socket.close({ timeout: 20_000 });
  return { report, ...ids.result() };
}

/** Workers with sockets of their own, ended with ids outstanding. */
export async function workers(/** @type {Kind} */ kind, /** @type {Place} */ place) {
  let ended = 0;
  for (let round = 0; round < 6; round++) {
    const worker = new Worker(new URL('worker.mjs', import.meta.url), {
      workerData: { kind, place },
    });
    await Promise.race([once(worker, 'message'), delay(5000, null, { ref: false })]);
    await worker.terminate();
    ended++;
  }
  // The thread's sockets are gone, so that this one can have the queue.
  const { socket, pool, length } = await open(kind, place);
  socket.send(/** @type {import('zerosend').PooledBuffer} */ (pool.tryAcquire()), length);
  return { ended, report: await socket.close() };
}
