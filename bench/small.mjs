// @ts-check
// What single calls cost, on a real socket with a real pool. Started by small-contest.mjs where the
// packets have somewhere to go:
//   node bench/small.mjs --address A --port N [--milliseconds N]
// Prints one line of JSON.
import { parseArgs } from 'node:util';
import { Bench } from 'tinybench';
import { BufferPool, UdpSocket } from 'zerosend';
import { summarize } from './statistics.mjs';

/**
 * @typedef {object} SmallResult
 * @property {string} name
 * @property {import('./statistics.mjs').Summary} nanoseconds
 */

/** Calls in one sample: a clock read would outweigh a single one. */
const CALLS = 1000;

const { values } = parseArgs({
  options: {
    address: { type: 'string', default: '127.0.0.1' },
    port: { type: 'string', default: '9' },
    milliseconds: { type: 'string', default: '1000' },
  },
});
const remote = { address: values.address, port: Number(values.port) };
const pool = new BufferPool({ init: (bytes, index) => bytes.fill(index) });
const socket = await UdpSocket.open({ remote, segmentSize: 1400 });
const unconnected = await UdpSocket.open();

function take() {
  const buffer = pool.tryAcquire();
  if (buffer === null) throw new Error('the pool is dry: completions do not come back inline');
  return buffer;
}
socket.send(take(), 100);
await socket.flush();

/** @type {Record<string, () => unknown>} */
const calls = {
  'tryAcquire and release': () => take().release(),
  'poll with nothing outstanding': () => socket.poll(),
  'send of 100 B, inline': () => socket.send(take(), 100),
  'send of 65000 B, GSO': () => socket.send(take(), 65_000),
  'sendTo of 100 B, inline': () => unconnected.sendTo(take(), 100, remote),
};
/** @type {Record<string, () => Promise<unknown>>} */
const asyncCalls = {
  'acquire from a full pool, and release': async () => (await pool.acquire()).release(),
  'completed of an id that has completed': () => socket.completed(0),
};

const bench = new Bench({
  time: Number(values.milliseconds),
  warmupTime: 100,
  retainSamples: true,
});
for (const [name, call] of Object.entries(calls)) {
  const repeat = () => {
    for (let i = 0; i < CALLS; i++) call();
  };
  const settle = async () => {
    await Promise.all([socket.flush(), unconnected.flush()]);
  };
  bench.add(name, repeat, { async: false, afterAll: settle });
}
for (const [name, call] of Object.entries(asyncCalls)) {
  const repeat = async () => {
    for (let i = 0; i < CALLS; i++) await call();
  };
  bench.add(name, repeat, { async: true });
}
await bench.run();
await Promise.all([socket.close(), unconnected.close()]);
await pool.close();

/** @type {SmallResult[]} */
const results = bench.tasks.map(({ name, result }) => {
  if (result.state === 'errored') throw result.error;
  if (result.state !== 'completed') throw new Error(`${name}: ${result.state}`);
  const samples = result.latency.samples ?? [];
  return { name, nanoseconds: summarize(samples.map((ms) => (ms * 1e6) / CALLS)) };
});
console.log(JSON.stringify(results));
