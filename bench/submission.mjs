// @ts-check
// What a send costs JavaScript's thread, with its system call and without (submit: 'thread'):
//   node bench/submission.mjs [--seconds 0.5] [--json FILE]
// Into an interface that drops everything (UDP, rings), and over loopback to a process that reads and
// drops (TCP). Unpaced, and at 1 ms and 100 ms, where a timer waits: CPU time of the main thread alone
// (/proc/self/task/PID/schedstat), with acquiring, taking completions in, and the turns of the event loop.
// At 10 and 100 µs, which are waited for by looking at the clock, and in bursts: the median wall time of a
// call, which says little of what else the machine does.
import { readFileSync, writeFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { BufferPool, PacketSocket, TcpSocket, UdpSocket } from 'zerosend';
import { runInSink } from './in-sink.mjs';
import { describeMachine, machineText } from './machine.mjs';
import { startReader } from './reader.mjs';

const { values } = parseArgs({
  options: {
    seconds: { type: 'string', default: '0.5' },
    json: { type: 'string' },
    inside: { type: 'string' },
  },
});
const seconds = Number(values.seconds);

/** @typedef {'inline' | 'thread'} Submit */
/**
 * @typedef {object} Way
 * @property {string} name
 * @property {number} sends of one call
 * @property {number[]} paces microseconds; 0: as fast as it goes
 * @property {(submit: Submit) => Promise<Load>} open
 */
/**
 * @typedef {object} Load
 * @property {() => boolean} send whether there was a buffer
 * @property {() => Promise<void>} wait until there may be one
 * @property {() => Promise<void>} settle until nothing is in flight
 * @property {() => import('zerosend').SocketStats} stats
 * @property {() => Promise<unknown>} close
 */

/** Calls of one turn, for which every pool has buffers. */
const BURST = 16;
const PACES = [0, 10, 100, 1000, 100_000];
const REMOTE = { address: '198.18.0.9', port: 9 };

/** @param {string} name @param {number} size @param {boolean} [fills] @returns {Way} */
function udp(name, size, fills = false) {
  return {
    name,
    sends: 1,
    paces: fills ? [0] : PACES,
    async open(submit) {
      const socket = await UdpSocket.open({ remote: REMOTE, segmentSize: 1400, submit });
      const pool = new BufferPool({ bufferSize: 65_536, count: fills ? 16 : 64 });
      const content = new Uint8Array(size).fill(7);
      return single(socket, pool, size, (bytes) => (fills ? bytes.set(content) : undefined));
    },
  };
}

/** @param {string} name @param {number} size @returns {Way} */
function tcp(name, size) {
  return {
    name,
    sends: 1,
    paces: PACES,
    async open(submit) {
      const socket = await TcpSocket.connect({ host: '127.0.0.1', port: receiver.port, submit });
      return single(socket, new BufferPool({ bufferSize: size, count: 32 }), size);
    },
  };
}

/**
 * @param {UdpSocket | TcpSocket} socket @param {BufferPool} pool @param {number} size
 * @param {(bytes: Buffer) => void} [fill] @returns {Load}
 */
function single(socket, pool, size, fill = () => {}) {
  return {
    send() {
      const buffer = pool.tryAcquire();
      if (buffer === null) return false;
      fill(buffer.bytes);
      socket.send(buffer, size);
      return true;
    },
    wait: async () => (await pool.acquire()).release(),
    settle: () => socket.flush(),
    stats: () => socket.stats(),
    close: async () => {
      await socket.close();
      await pool.close();
    },
  };
}

/** @type {Way} */
const RUNS = {
  name: 'packet ring, runs of 32 frames of 64 B',
  sends: 32,
  paces: PACES,
  async open(submit) {
    const socket = await PacketSocket.open({
      interface: /** @type {string} */ (values.inside),
      frames: 1024,
      submit,
      init: (bytes) => void bytes.fill(0).write('ffffffffffff02000000000188b5', 'hex'),
    });
    return {
      send() {
        const run = socket.pool.tryAcquireRun(32);
        if (run === null) return false;
        if (run.count === 32) socket.sendMany(run, 64);
        else run.release();
        return run.count === 32 || socket.pool.free > 32;
      },
      wait: () => socket.flush(),
      settle: () => socket.flush(),
      stats: () => socket.stats(),
      close: () => socket.close(),
    };
  },
};

/** Nanoseconds that the main thread has run. */
function threadTime() {
  return Number(readFileSync(`/proc/self/task/${process.pid}/schedstat`, 'utf8').split(' ')[0]);
}

/** @param {number} until by performance.now() */
function spin(until) {
  while (performance.now() < until);
}

/** What a send costs the main thread, in ns, and sends a second. @param {Way} way @param {Submit} submit @param {number} pace */
async function measure(way, submit, pace) {
  const load = await way.open(submit);
  const end = performance.now() + (pace < 100_000 ? seconds : Math.max(seconds, 1)) * 1000;
  for (let i = 0; i < 200; i++) if (!load.send()) await load.wait();
  await load.wait();
  const started = performance.now();
  const before = threadTime();
  const sleepsBefore = load.stats().submit?.sleeps ?? 0;
  let calls = 0;
  /** @type {number[]} */
  const times = []; // of single calls, ns
  for (let due = started; due < end; due += pace / 1000) {
    const from = performance.now();
    if (!load.send()) {
      await load.wait();
      continue;
    }
    calls++;
    if (pace === 0) {
      due = performance.now();
    } else if (pace < 1000) {
      times.push((performance.now() - from) * 1e6);
      if (calls % 64 === 0) await new Promise(setImmediate); // nothing completes within the loop
      spin(due + pace / 1000);
    } else {
      await delay(Math.max(0, due + pace / 1000 - performance.now()));
    }
  }
  const took = performance.now() - started;
  const cpu = Math.max(0, threadTime() - before);
  const sleeps = (load.stats().submit?.sleeps ?? 0) - sleepsBefore;
  await load.close();
  const each = times.length > 0 ? medianOf(times) : cpu / calls;
  return {
    nanoseconds: each / way.sends,
    perSecond: (calls * way.sends * 1000) / took,
    sleeps: sleeps / Math.max(1, calls),
  };
}

/**
 * Wall time of a send within a burst of one turn, ns: medians of many bursts, so that they say little
 * of what else the machine does. The first send of a burst wakes the thread, the others find it awake.
 *
 * @param {Way} way @param {Submit} submit
 */
async function measureBursts(way, submit) {
  const load = await way.open(submit);
  const first = [];
  const others = [];
  const end = performance.now() + seconds * 1000;
  while (performance.now() < end) {
    const from = performance.now();
    const sent = load.send();
    const then = performance.now();
    let calls = 0;
    while (calls < BURST - 1 && load.send()) calls++;
    const took = performance.now() - then;
    if (sent) first.push(((then - from) * 1e6) / way.sends);
    if (calls > 0) others.push((took * 1e6) / calls / way.sends);
    await load.settle();
  }
  await load.close();
  return { first: medianOf(first), others: medianOf(others) };
}

/** @param {number[]} values */
function medianOf(values) {
  values.sort((a, b) => a - b);
  return values[values.length >> 1] ?? Number.NaN;
}

/** @type {{ port: number; end(): void }} */
let receiver = { port: 0, end: () => {} };

if (values.inside === undefined) {
  await runInSink(new URL(import.meta.url).pathname);
} else {
  receiver = await startReader();
  const machine = describeMachine();
  console.log(machineText(machine));
  console.log(
    "CPU time of JavaScript's thread for a send, ns; sends a second; sleeps of the thread for a call\n",
  );
  const ways = [
    udp('UDP trains of 64400 B', 64_400),
    tcp('TCP, 64 KB', 65_536),
    tcp('TCP, 1 MB', 1 << 20),
    RUNS,
    udp('UDP, fills 64400 B and sends', 64_400, true),
  ];
  const results = [];
  for (const way of ways) {
    console.log(way.name);
    const bursts = {
      inline: await measureBursts(way, 'inline'),
      thread: await measureBursts(way, 'thread'),
    };
    for (const which of /** @type {const} */ (['first', 'others'])) {
      const [inline, thread] = [bursts.inline[which], bursts.thread[which]];
      console.log(
        `  ${which.padStart(8)}   inline ${inline.toFixed(0).padStart(8)} ns ${' '.repeat(11)}   ` +
          `thread ${thread.toFixed(0).padStart(8)} ns   of a burst of ${BURST} in one turn`,
      );
    }
    results.push({ name: way.name, pace: 'bursts', ...bursts });
    for (const pace of way.paces) {
      /** @type {Record<string, Awaited<ReturnType<typeof measure>>>} */
      const row = {};
      for (const submit of /** @type {const} */ (['inline', 'thread'])) {
        row[submit] = await measure(way, submit, pace);
      }
      const { inline, thread } = row;
      if (inline === undefined || thread === undefined) continue;
      const what = pace === 0 ? 'unpaced' : pace < 1000 ? `${pace} µs` : `${pace / 1000} ms`;
      console.log(
        `  ${what.padStart(8)}   inline ${inline.nanoseconds.toFixed(0).padStart(8)} ns ` +
          `${inline.perSecond.toFixed(0).padStart(9)}/s   thread ${thread.nanoseconds.toFixed(0).padStart(8)} ns ` +
          `${thread.perSecond.toFixed(0).padStart(9)}/s  sleeps ${thread.sleeps.toFixed(2)}`,
      );
      results.push({ name: way.name, pace, ...row });
    }
  }
  receiver.end();
  if (values.json) writeFileSync(values.json, JSON.stringify({ machine, results }, null, 1));
}
