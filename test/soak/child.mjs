// @ts-check
// The process that is soaked: rounds of everything at once, with faults, on the test build. Its only
// argument is the plan as JSON; it prints a JSON line for each round and one at the end.
import { readdirSync } from 'node:fs';
import { createRequire } from 'node:module';
import { BufferPool } from 'zerosend';
import { connections, datagrams, frames, stream } from './activities.mjs';
import { environments } from './environments.mjs';
import { injectSome } from './faults.mjs';
import { randomFrom } from './random.mjs';

const plan = JSON.parse(process.argv[2] ?? '');
const hooks = createRequire(import.meta.url)(/** @type {string} */ (process.env.ZEROSEND_NATIVE));
const ROUND_MS = 2500;
const PATIENCE_MS = 60_000; // a close takes 3 s, and the machine may be busy

const total = {
  sends: 0,
  bytes: 0,
  ids: 0,
  refused: 0,
  looks: 0,
  stamps: 0,
  environments: 0,
  outcomes: {},
};
/** @type {Record<string, number>} */
const struck = {};
let opensRefused = 0;

/** A fault at opening is expected, and a path that is too narrow for segments; anything else is not. */
async function attempt(/** @type {Promise<void>} */ activity) {
  try {
    await activity;
  } catch (error) {
    const { code, syscall } = /** @type {{ code?: string, syscall?: string }} */ (error);
    if (syscall === undefined && code !== 'ERR_ZEROSEND_SEGMENT_TOO_LONG') throw error;
    opensRefused++;
  }
}

/** Rejects when a round hangs: everything in it is bounded. */
async function inTime(/** @type {Promise<string[]>} */ running) {
  /** @type {NodeJS.Timeout | undefined} */
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`a round took ${PATIENCE_MS} ms`)), PATIENCE_MS);
  });
  try {
    return await Promise.race([running, /** @type {Promise<never>} */ (late)]);
  } finally {
    clearTimeout(timer);
  }
}

async function round(/** @type {number} */ number) {
  const random = randomFrom(plan.seed ^ Math.imul(number + 1, 0x9e3779b1));
  const streamsOnly = random(3) === 0;
  const pool = new BufferPool({ bufferSize: 65_536, count: 32 + random(200) });
  const faults = injectSome(hooks, random, streamsOnly);
  const context = {
    pool,
    random,
    deadline: Date.now() + ROUND_MS,
    targets: plan.targets,
    interface: plan.interface,
    total,
  };
  const activities = [
    stream(context, 'tcp'),
    stream(context, 'tcp'),
    stream(context, 'slow'),
    stream(context, 'reset'),
    connections(context),
    environments(context, streamsOnly),
  ];
  if (!streamsOnly) {
    activities.push(datagrams(context), frames(context, 'packet'), frames(context, 'xdp'));
  }
  await Promise.all(activities.map(attempt));
  for (const { name, call } of faults) {
    struck[name] = (struck[name] ?? 0) + hooks.faults(call).struck;
  }
  hooks.clearFaults(1);
  const { free, retired } = pool.stats();
  if (free + retired !== pool.count) throw new Error(`${free} of ${pool.count} buffers came back`);
  await pool.close();
  return faults.map(({ name }) => name);
}

const memory = () => {
  globalThis.gc?.();
  return { rss: process.memoryUsage.rss(), fds: readdirSync('/proc/self/fd').length };
};

let number = plan.round ?? 0;
const last = plan.round === undefined ? Number.POSITIVE_INFINITY : number;
const finish = Date.now() + plan.seconds * 1000;
const start = memory();
/** @type {number[]} */
const rss = [];
const median = (/** @type {number[]} */ values) =>
  [...values].sort((a, b) => a - b)[values.length >> 1] ?? 0;
try {
  for (let done = 0; number <= last && (done === 0 || Date.now() < finish); done++, number++) {
    process.stdout.write(`${JSON.stringify({ begin: number })}\n`);
    const faults = await inTime(round(number));
    const now = memory();
    rss.push(now.rss);
    if (done === 9) start.fds = now.fds;
    process.stdout.write(`${JSON.stringify({ round: number, faults, ...now })}\n`);
  }
} catch (error) {
  process.stdout.write(
    `${JSON.stringify({ failed: number, error: String(/** @type {Error} */ (error).stack) })}\n`,
  );
  process.exit(1);
}
// Pools of different sizes come and go, so single values say little: the first third, without the
// first rounds, against the last.
const third = Math.floor((rss.length - 10) / 3);
const warm = third >= 5;
if (warm) start.rss = median(rss.slice(10, 10 + third));
const end = memory();
if (warm) end.rss = median(rss.slice(-third));
process.stdout.write(
  `${JSON.stringify({ rounds: number, ...total, opensRefused, struck, warm, start, end })}\n`,
);
