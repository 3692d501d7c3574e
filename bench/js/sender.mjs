// @ts-check
// Sends for the time that it is told, and reports the result. It is the counterpart of
// c/sender.c in JavaScript.
//   stdin   one line a run: its length in milliseconds
//   stdout  "ready", then one line of JSON for each run
// Everything that a run sends has completed when its line is printed, and counts in its time.
import { createInterface } from 'node:readline';
import { parseArgs } from 'node:util';
import { openCrowd, openDgramCrowd } from './crowd.mjs';
import { openDgram } from './dgram.mjs';
import { openNet } from './net.mjs';
import { openRing } from './rings.mjs';
import { openShort, openShortNet } from './short.mjs';
import { Tally } from './tally.mjs';
import { threadSeconds } from './thread-cpu.mjs';
import { openWake } from './wake.mjs';
import { openWorkers } from './workers.mjs';
import { openZerosend } from './zerosend.mjs';

/**
 * @typedef {object} SenderOptions
 * @property {'tcp' | 'udp' | 'packet' | 'xdp'} protocol
 * @property {string} address
 * @property {number} port
 * @property {number} size bytes of one send
 * @property {number} segment UDP_SEGMENT; 0: off
 * @property {number} batch sends of one call
 * @property {boolean} runs sends runs of frames
 * @property {boolean} poll looks for completions after each send
 * @property {boolean} plain of a ring: sends arrays, which are copied into a frame, each by itself
 * @property {number} workers threads that send at once
 * @property {number} sockets that take turns
 * @property {number} pool buffers of 4096 bytes; 0: the pool's defaults
 * @property {number} buffers of the pool, of its default size; 0: its default
 * @property {'auto' | 'always' | 'never'} zeroCopy
 * @property {'inline' | 'thread' | undefined} submit
 * @property {boolean} fill copies what it sends into each buffer first
 * @property {boolean} count writes a counter into each packet
 * @property {string} interface
 * @property {string} frame of frames.mjs
 * @property {number} frames of a ring
 *
 * @typedef {object} Sender
 * @property {(until: number, tally: Tally) => Promise<void>} send sends until `performance.now()`
 *   reads `until`; resolves when everything has completed
 * @property {() => Promise<unknown>} close
 */

const MODULES = {
  zerosend: openZerosend,
  workers: openWorkers,
  crowd: openCrowd,
  short: openShort,
  ring: openRing,
  wake: openWake,
  dgram: openDgram,
  'dgram-crowd': openDgramCrowd,
  net: openNet,
  'short-net': openShortNet,
};

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    protocol: { type: 'string', default: 'udp' },
    address: { type: 'string', default: '127.0.0.1' },
    port: { type: 'string', default: '9' },
    size: { type: 'string', default: '65000' },
    segment: { type: 'string', default: '0' },
    batch: { type: 'string', default: '1' },
    runs: { type: 'boolean', default: false },
    poll: { type: 'boolean', default: false },
    plain: { type: 'boolean', default: false },
    workers: { type: 'string', default: '1' },
    sockets: { type: 'string', default: '1' },
    pool: { type: 'string', default: '0' },
    buffers: { type: 'string', default: '0' },
    submit: { type: 'string' },
    fill: { type: 'boolean', default: false },
    'zero-copy': { type: 'string', default: 'always' },
    count: { type: 'boolean', default: false },
    interface: { type: 'string', default: '' },
    frame: { type: 'string', default: '' },
    frames: { type: 'string', default: '1024' },
  },
});
const open = MODULES[/** @type {keyof typeof MODULES} */ (positionals[0])];
if (open === undefined) throw new TypeError(`usage: sender.mjs ${Object.keys(MODULES).join('|')}`);

/** Errors that mean a limit or a missing privilege of the user. */
const LIMITS = ['ENOBUFS', 'ENOMEM', 'EPERM'];

const sender = await open({
  protocol: /** @type {SenderOptions['protocol']} */ (values.protocol),
  address: values.address,
  port: Number(values.port),
  size: Number(values.size),
  segment: Number(values.segment),
  batch: Number(values.batch),
  runs: values.runs,
  poll: values.poll,
  plain: values.plain,
  workers: Number(values.workers),
  sockets: Number(values.sockets),
  pool: Number(values.pool),
  buffers: Number(values.buffers),
  submit: /** @type {SenderOptions['submit']} */ (values.submit),
  fill: values.fill,
  zeroCopy: /** @type {SenderOptions['zeroCopy']} */ (values['zero-copy']),
  count: values.count,
  interface: values.interface,
  frame: values.frame,
  frames: Number(values.frames),
}).catch((/** @type {any} */ error) => {
  if (!LIMITS.includes(error.code)) throw error;
  console.log(`refused: ${error.message}`);
  process.exit();
});

console.log('ready');
for await (const line of createInterface({ input: process.stdin })) {
  const tally = new Tally();
  const thread = threadSeconds();
  const cpu = process.cpuUsage();
  const start = performance.now();
  await sender.send(start + Number(line), tally);
  const seconds = (performance.now() - start) / 1000;
  const { user, system } = process.cpuUsage(cpu);
  const times = { seconds, userSeconds: user / 1e6, systemSeconds: system / 1e6 };
  const own = { threadSeconds: thread === null ? null : (threadSeconds() ?? 0) - thread };
  console.log(JSON.stringify({ ...times, ...own, ...tally.totals() }));
}
await sender.close();
