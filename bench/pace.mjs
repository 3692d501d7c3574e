// @ts-check
// Measures what pacing costs and how evenly packets leave, in turns with a program in C
// that sleeps by clock_nanosleep. A receiver that is independent of the library takes the kernel's
// time of each datagram.
//
//   node bench/pace.mjs [--rows 1000,25000,streams,peers] [--rounds 3] [--seconds 2] [--streams 1000] [--changes 10]
//
// A row is a rate of one stream in packets a second, or `streams`: many at 50 a second, of which `changes` leave
// in each tenth of a second and others come in their places. `jitter` is the mean deviation of a stream's
// distances from what they ought to be, in µs, as the median and the 99th percentile of all streams; CPU is in cores.
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { UdpSocket } from 'zerosend';
import { generate, generateStreams } from 'zerosend/generator';

const { values } = parseArgs({
  options: {
    rows: { type: 'string', default: '1000,25000,streams,peers' },
    rounds: { type: 'string', default: '3' },
    seconds: { type: 'string', default: '2' },
    streams: { type: 'string', default: '1000' },
    changes: { type: 'string', default: '10' },
  },
});
const seconds = Number(values.seconds);
const SIZE = 172;
const STREAM_RATE = 50;

/** @typedef {{ packets: number, cpu: number }} Sent what a sender says of itself */
/** @typedef {{ median: number, p99: number, max: number }} Jitter */
/** @typedef {{ packets: number, streams: number, jitter: Jitter }} Came what the receiver says */
/** @typedef {(port: number) => Promise<Sent>} Sender */

const path = (/** @type {string} */ name) => fileURLToPath(new URL(name, import.meta.url));

function compile() {
  mkdirSync(path('../build/bench'), { recursive: true });
  const program = path('../build/bench/pace');
  execFileSync(process.env.CC ?? 'cc', ['-O2', '-Wall', '-o', program, path('pace/pace.c')]);
  return program;
}

/**
 * @param {string} program @param {number} rate of each stream @param {Sender} send
 * @returns {Promise<Sent & Came>}
 */
async function measure(program, rate, send) {
  const receiver = spawn(program, ['receive', String(Math.round(1e9 / rate))], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const lines = createInterface(receiver.stdout)[Symbol.asyncIterator]();
  const port = Number((await lines.next()).value);
  const sent = await send(port);
  receiver.stdin.end();
  const came = JSON.parse((await lines.next()).value);
  await once(receiver, 'exit');
  if (came.packets < sent.packets * 0.99)
    throw new Error(`${came.packets} of ${sent.packets} came`);
  return { ...came, ...sent };
}

/**
 * @param {string} program @param {number} streams @param {number} rate @param {number} changes
 * @param {number} [peers] addresses that streams go to; 0: all to the same
 * @returns {Sender}
 */
const inC =
  (program, streams, rate, changes, peers = 0) =>
  async (port) => {
    const words = ['send', port, streams, rate, seconds, changes, peers].map(String);
    const child = spawn(program, words, { stdio: ['ignore', 'pipe', 'inherit'] });
    let text = '';
    child.stdout.on('data', (data) => {
      text += data;
    });
    await once(child, 'close');
    const { packets, cpu } = JSON.parse(text);
    return { packets, cpu: cpu / seconds };
  };

/**
 * @param {import('zerosend').UdpOptions} options
 * @param {(socket: UdpSocket) => PromiseLike<{ packets: number }>} run
 * @returns {Promise<Sent>}
 */
async function timed(options, run) {
  const socket = await UdpSocket.open(options);
  const before = process.cpuUsage();
  const { packets } = await run(socket);
  const { user, system } = process.cpuUsage(before);
  await socket.close();
  return { packets, cpu: (user + system) / 1e6 / seconds };
}

/** @param {number} port */
const toPort = (port) => ({ remote: { address: '127.0.0.1', port } });

const numbered = /** @type {import('zerosend/generator').Field[]} */ ([
  { target: { layer: 'payload', offset: 4, width: 4 }, counter: {} },
]);

/** @param {number} id */
function packet(id) {
  const payload = Buffer.alloc(SIZE);
  payload.writeUInt32BE(id);
  return { payload };
}

/**
 * @param {number} rate @param {'sleep' | 'block' | 'spin'} precision @param {number} [burst]
 * @returns {Sender}
 */
const oneStream = (rate, precision, burst) => (port) =>
  timed(toPort(port), (socket) =>
    generate({
      socket,
      template: packet(0),
      fields: numbered,
      rate: burst === undefined ? rate : { packets: rate, burst },
      precision,
      seconds,
    }),
  );

/** Address `id` of those that streams go to, as in pace.c. @param {number} id @param {number} port */
const peer = (id, port) => ({ address: `127.1.${(id >> 8) & 255}.${id & 255}`, port });

/**
 * @param {number} count @param {number} changes @param {number} slice
 * @param {'sleep' | 'block'} precision
 * @param {number} [peers] addresses that streams go to; 0: all to the same
 * @returns {Sender}
 */
const manyStreams =
  (count, changes, slice, precision, peers = 0) =>
  (port) =>
    timed(peers > 0 ? {} : toPort(port), (socket) => {
      const last = performance.now() + seconds * 1000 - 100; // then nobody can join any more
      const streams = generateStreams({ socket, seconds, slice, precision });
      let joined = 0;
      const join = () =>
        streams.join({
          template: packet(joined),
          fields: numbered,
          rate: STREAM_RATE,
          ...(peers > 0 ? { to: peer(joined % peers, port) } : {}),
          name: `${joined++}`,
        });
      const there = Array.from({ length: count }, join);
      const changing = setInterval(() => {
        if (performance.now() > last) return;
        for (const one of there.splice(0, changes)) one.leave();
        for (let i = 0; i < changes; i++) there.push(join());
      }, 100);
      return streams.finally(() => clearInterval(changing));
    });

/** @param {string} program @param {string} name @returns {{ rate: number, senders: Record<string, Sender> }} */
function rowOf(program, name) {
  const changes = Number(values.changes);
  const count = Number(values.streams);
  if (name === 'streams' || name === 'peers') {
    const peers = name === 'peers' ? Math.min(count, 65_536) : 0;
    return {
      rate: STREAM_RATE,
      senders: {
        'C, clock_nanosleep': inC(program, count, STREAM_RATE, changes, peers),
        generateStreams: manyStreams(count, changes, 100, 'sleep', peers),
        "generateStreams, 'block'": manyStreams(count, changes, 100, 'block', peers),
        'generateStreams, slice 1000': manyStreams(count, changes, 1000, 'sleep', peers),
      },
    };
  }
  const rate = Number(name);
  return {
    rate,
    senders: {
      'C, clock_nanosleep': inC(program, 1, rate, 0),
      "generate, 'sleep'": oneStream(rate, 'sleep'),
      "generate, 'sleep', burst 1": oneStream(rate, 'sleep', 1),
      "generate, 'block', burst 1": oneStream(rate, 'block', 1),
      "generate, 'spin', burst 1": oneStream(rate, 'spin', 1),
    },
  };
}

const median = (/** @type {number[]} */ list) => list.sort((a, b) => a - b)[list.length >> 1] ?? 0;

const program = compile();
for (const name of values.rows.split(',')) {
  const { rate, senders } = rowOf(program, name);
  /** @type {Record<string, (Sent & Came)[]>} */
  const results = {};
  for (let round = 0; round < Number(values.rounds); round++) {
    for (const [sender, send] of Object.entries(senders)) {
      const known = results[sender] ?? [];
      results[sender] = known;
      known.push(await measure(program, rate, send));
    }
  }
  console.log(
    `${name}:                       packets/s   CPU   jitter median      p99      max µs`,
  );
  for (const [sender, rounds] of Object.entries(results)) {
    const of = (/** @type {(one: Sent & Came) => number} */ figure) => median(rounds.map(figure));
    console.log(
      [
        `  ${sender}`.padEnd(30),
        (of(({ packets }) => packets) / seconds).toFixed(0).padStart(9),
        of(({ cpu }) => cpu)
          .toFixed(3)
          .padStart(6),
        of(({ jitter }) => jitter.median)
          .toFixed(0)
          .padStart(12),
        of(({ jitter }) => jitter.p99)
          .toFixed(0)
          .padStart(9),
        of(({ jitter }) => jitter.max)
          .toFixed(0)
          .padStart(9),
      ].join(' '),
    );
  }
}
