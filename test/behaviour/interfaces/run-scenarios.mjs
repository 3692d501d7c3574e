// @ts-check
// Runs of buffers, on each kind of socket.
import { execFileSync } from 'node:child_process';
import { setTimeout as delay } from 'node:timers/promises';
import { IdChecker } from '../../../rig/ids.mjs';
import { codeOf, open } from './kinds.mjs';

/**
 * @typedef {import('./kinds.mjs').Kind} Kind
 * @typedef {import('./kinds.mjs').Place} Place
 * @typedef {import('zerosend').BufferPool} BufferPool
 */

const COUNT = 64;

const takeRun = (/** @type {BufferPool} */ pool, /** @type {number} */ most) =>
  /** @type {import('zerosend').BufferRun} */ (pool.tryAcquireRun(most));

/** @param {{ free: number, acquired: number, inFlight: number }} pool */
const counts = ({ free, acquired, inFlight }) => ({ free, acquired, inFlight });

/** Runs, arrays and single buffers in turn, many times round the pool. */
export async function mixed(/** @type {Kind} */ kind, /** @type {Place} */ place) {
  const { socket, pool, length } = await open(kind, place, COUNT);
  const ids = IdChecker.of(socket);
  let wrong = 0;
  let sends = 0;
  let longest = 0;
  const check = () => {
    const { free, acquired, inFlight } = pool;
    if (free + acquired + inFlight !== pool.count) wrong++;
  };
  while (sends < 2000) {
    // The longest first, while nothing is in flight: later on free buffers need not be in a row.
    const run = await pool.acquireRun(sends === 0 ? 19 : 1 + (sends % 19));
    check();
    longest = Math.max(longest, run.count);
    const lengths = Array.from({ length: run.count }, (_, i) => length - (i % 7));
    const { first, last } = socket.sendMany(run, sends % 2 === 0 ? length : lengths);
    if (first !== sends || last !== sends + run.count - 1) wrong++;
    sends += run.count;
    check();
    if (sends % 3 > 0) continue;
    const buffers = [await pool.acquire(), await pool.acquire()];
    if (sends % 2 === 0) socket.sendMany(buffers, length);
    else for (const buffer of buffers) socket.send(buffer, length);
    sends += 2;
    check();
  }
  await socket.flush();
  const report = await socket.close();
  return {
    wrong,
    longest,
    sends,
    report,
    left: counts(pool),
    count: pool.count,
    ...ids.result(),
  };
}

/** What cannot be sent stays with its user; the run can be sent all the same, once. */
export async function refused(/** @type {Kind} */ kind, /** @type {Place} */ place) {
  const { socket, pool, length } = await open(kind, place, COUNT);
  const other = await open(kind === 'xdp' ? 'packet' : kind, place, COUNT);
  const run = takeRun(pool, 4);
  const tries = [0, -1, 0.5, Number.NaN, pool.bufferSize + 1, [1, 2, 3], 'x', null];
  const tried = (/** @type {any} */ value) => codeOf(() => socket.sendMany(run, value));
  const codes = tries.map(tried);
  codes.push(tried([length, length, 0, length]), tried([length, length, length, 2 ** 20]));
  const another = codeOf(() => other.socket.sendMany(run, length));
  const taken = another === null ? 4 : 0;
  const held = { ids: socket.nextId, ...counts(pool) };
  if (taken === 0) socket.sendMany(run, length);
  await socket.flush();
  await other.socket.flush();
  const twice = [codeOf(() => socket.sendMany(run, length)), codeOf(() => run.release())];
  const late = takeRun(pool, 3);
  await socket.close();
  const closed = codeOf(() => socket.sendMany(late, length));
  late.release();
  await other.socket.close();
  return { codes, another, held, twice, closed, left: counts(pool), count: pool.count };
}

/** A frame that was acquired before a run is sent after it. */
export async function order(/** @type {Kind} */ kind, /** @type {Place} */ place) {
  const { socket, pool, length } = await open(kind, place, COUNT);
  const ids = IdChecker.of(socket);
  const first = /** @type {import('zerosend').PooledBuffer} */ (pool.tryAcquire());
  socket.sendMany(takeRun(pool, 10), length);
  const released = takeRun(pool, 5);
  socket.sendMany(takeRun(pool, 6), length);
  await delay(100);
  const before = { ...ids.how };
  const { needDrain } = socket;
  socket.send(first, length);
  await delay(100);
  const between = { ...ids.how };
  const begin = released.first;
  released.release();
  const again = [takeRun(pool, 3), takeRun(pool, 9)];
  const where = again.map((run) => [run.first - begin, run.count]);
  for (const run of again) socket.sendMany(run, length);
  await socket.flush();
  const report = await socket.close();
  return { before, needDrain, between, where, report, ...ids.result() };
}

/** Sockets are given up while runs are out, which the link does not take. */
export async function givenUp(/** @type {Kind} */ kind, /** @type {Place} */ place) {
  const { socket, pool, length } = await open(kind, place, COUNT);
  const ids = IdChecker.of(socket);
  execFileSync('ip', ['link', 'set', place.interface, 'down']);
  try {
    for (let run = pool.tryAcquireRun(20); run !== null; run = pool.tryAcquireRun(20)) {
      socket.sendMany(run, length);
    }
    const out = counts(pool);
    const report = await socket.abort();
    const { retired, ...left } = pool.stats();
    return { out, report, retired, left: counts(left), count: pool.count, ...ids.result() };
  } finally {
    execFileSync('ip', ['link', 'set', place.interface, 'up']);
  }
}

/** Runs that are waited for. */
export async function waiting(/** @type {Kind} */ kind, /** @type {Place} */ place) {
  const { socket, pool } = await open(kind, place, COUNT);
  const all = [];
  for (let run = pool.tryAcquireRun(40); run !== null; run = pool.tryAcquireRun(40)) all.push(run);
  const abort = new AbortController();
  const aborted = pool.acquireRun(5, { signal: abort.signal }).then(
    () => null,
    (error) => error.name,
  );
  /** @type {string[]} */
  const served = [];
  const serve = (/** @type {string} */ name, /** @type {number} */ priority) =>
    pool.acquireRun(8, { priority }).then((run) => {
      served.push(`${name} ${run.count}`);
      run.release();
    });
  const both = [serve('low', 0), serve('high', 5)];
  abort.abort();
  for (const run of all) run.release();
  await Promise.all(both);
  const rest = takeRun(pool, 1024);
  const longest = rest.count;
  const late = pool.count > longest ? takeRun(pool, 1024) : null;
  const rejected = pool.acquireRun(1).then(
    (run) => run.release(),
    (error) => error.code,
  );
  void pool.close();
  rest.release();
  late?.release();
  const after = codeOf(() => pool.tryAcquireRun(1));
  const report = { aborted: await aborted, rejected: await rejected, after };
  await socket.close();
  return { ...report, served, longest, left: counts(pool), count: pool.count };
}
