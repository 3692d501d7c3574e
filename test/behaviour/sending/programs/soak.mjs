// @ts-check
// Two million sends, or as many as are asked for, of mixed sizes over four sockets and one pool.
// Every id is checked, the pool's counts are compared with what was sent and has completed,
// and memory is measured after the warm-up and at intervals. Needs --expose-gc.
import { BufferPool, TcpSocket, UdpSocket } from 'zerosend';
import { IdChecker } from '../../../../rig/ids.mjs';
import { given, say } from '../../../support/say.mjs';

/** @type {{ total: number, checkEvery: number, samples: number, tcp: number, udp: number }} */
const { total, checkEvery, samples, tcp, udp } = given;
const host = '127.0.0.1';
const remote = { address: host, port: udp };

const pool = new BufferPool({ bufferSize: 65_536, count: 64 });
const sockets = [
  await UdpSocket.open({ remote, zeroCopy: 'always' }),
  await UdpSocket.open({ remote }),
  await TcpSocket.connect({ host, port: tcp, zeroCopy: 'always' }),
  await TcpSocket.connect({ host, port: tcp }),
];
const checkers = sockets.map((socket) => IdChecker.of(socket));

let state = 2_463_534_242;
function random() {
  state ^= state << 13;
  state ^= state >>> 17;
  state ^= state << 5;
  return state >>> 0;
}

/** Mostly small, some on both sides of the threshold, a few as large as a buffer. */
function nextLength() {
  const kind = random() & 255;
  if (kind < 236) return 1 + (random() % 1400);
  if (kind < 252) return 1 + (random() % 16_384);
  return 1 + (random() % 65_000);
}

const sumWrong = { steps: 0, counts: 0, inFlight: 0 };
/** @type {import('zerosend').PooledBuffer[]} */
const many = [];

function checkCounts() {
  sumWrong.steps++;
  if (pool.free + pool.acquired + pool.inFlight !== pool.count) sumWrong.counts++;
  let outstanding = 0;
  for (const [i, socket] of sockets.entries()) {
    if (socket.inFlight !== socket.nextId - (checkers[i]?.completed ?? 0)) sumWrong.inFlight++;
    outstanding += socket.inFlight;
  }
  if (outstanding !== pool.inFlight) sumWrong.inFlight++;
}

async function take() {
  return pool.tryAcquire() ?? (await pool.acquire());
}

let sent = 0;
let wrongIds = 0;

async function sendUpTo(/** @type {number} */ goal) {
  while (sent < goal) {
    const which = random() & 3;
    const socket = /** @type {TcpSocket | UdpSocket} */ (sockets[which]);
    const expected = socket.nextId;
    const kind = random() & 31;
    if (kind === 0) {
      for (let i = 0; i < 8; i++) many.push(await take());
      const { first } = socket.sendMany(many, 1 + (random() % 1400));
      many.length = 0;
      // Listeners of the waits above do not send, so nothing came in between.
      if (first !== expected || socket.nextId !== expected + 8) wrongIds++;
      sent += 8;
    } else {
      const buffer = await take();
      const length = nextLength();
      const id =
        kind === 1 && socket instanceof UdpSocket
          ? socket.sendTo(buffer, length, remote)
          : socket.send(buffer, length);
      if (id !== expected) wrongIds++;
      sent++;
    }
    if (sent % checkEvery < 8) checkCounts();
    // A breath now and then, as a program has that also does other things.
    if ((sent & 0xffff) === 0) await new Promise((resolve) => void setImmediate(resolve));
  }
}

const memory = [];
const started = performance.now();
for (let sample = 1; sample <= samples; sample++) {
  await sendUpTo(Math.floor((total * sample) / samples));
  await Promise.all(sockets.map((socket) => socket.flush()));
  globalThis.gc?.();
  const { rss, heapUsed, external, arrayBuffers } = process.memoryUsage();
  memory.push({ sent, rss, heapUsed, external, arrayBuffers });
}
const seconds = (performance.now() - started) / 1000;

const nextIds = sockets.map((socket) => socket.nextId);
const problems = checkers.flatMap((checker) => checker.problems());
const stats = sockets.map((socket) => socket.stats());
const reports = await Promise.all(sockets.map((socket) => socket.close()));
const { free } = pool;
await pool.close();
const bytes = stats.reduce((sum, each) => sum + each.bytes, 0);
const tcpBytes = (stats[2]?.bytes ?? 0) + (stats[3]?.bytes ?? 0);
say('done', {
  ...{ sent, seconds, problems, wrongIds, sumWrong, memory, free, nextIds, reports },
  ...{ bytes, tcpBytes, stats },
});
