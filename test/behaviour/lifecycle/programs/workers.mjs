// @ts-check
// Starts workers, ends some of them with ids outstanding, and sends by itself all the while.
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { Worker } from 'node:worker_threads';
import { BufferPool, UdpSocket } from 'zerosend';
import { given, say } from '../../../support/say.mjs';

/** @type {{ streams: string[], rounds: number, roles: string[], tcp: number, udp: number }} */
const { streams, rounds, roles, tcp, udp } = given;
const start = (/** @type {object} */ workerData) =>
  new Worker(new URL('./worker.mjs', import.meta.url), { workerData: { tcp, udp, ...workerData } });

const pool = new BufferPool({ bufferSize: 4096, count: 8 });
const socket = await UdpSocket.open({ remote: { address: '127.0.0.1', port: udp } });
let completed = 0;
socket.on('complete', ({ first, last }) => {
  completed += last - first + 1;
});
async function sendSome() {
  for (let i = 0; i < 50; i++) socket.send(await pool.acquire(), 1000);
  await socket.flush();
}

const results = await Promise.all(
  streams.map(async (seed) => {
    const worker = start({ role: 'stream', seed, sends: 300 });
    const [[result], [code]] = await Promise.all([once(worker, 'message'), once(worker, 'exit')]);
    await sendSome();
    return { ...result, code };
  }),
);

/** @type {number[]} */
const codes = [];
/** Workers that were terminated with ids outstanding. */
let outstanding = 0;
const PF_EXITING = 4; // proc(5): the flags word of a thread's stat
/** A thread that was joined is listed until the kernel has finished with it: it is not counted. */
function threads() {
  return readdirSync('/proc/self/task').filter((id) => {
    try {
      const fields = readFileSync(`/proc/self/task/${id}/stat`, 'utf8').split(') ').at(-1);
      return (Number(fields?.split(' ')[6]) & PF_EXITING) === 0;
    } catch {
      return false; // gone between the two calls
    }
  }).length;
}
const usage = () => ({
  descriptors: readdirSync('/proc/self/fd').length,
  threads: threads(),
  rss: process.memoryUsage().rss,
});
let before = usage();
for (let round = 0; round < rounds; round++) {
  const role = roles[round % roles.length];
  const worker = start({ role });
  const ended = once(worker, 'exit');
  const [{ inFlight }] = await once(worker, 'message');
  if (inFlight > 5 && role !== 'exiting') outstanding++;
  codes.push(role === 'exiting' ? (await ended)[0] : await worker.terminate());
  await sendSome();
  if (round === roles.length - 1) before = usage();
}
const after = usage();
const sent = socket.nextId;
const report = await socket.close();
say('done', {
  results,
  codes,
  outstanding,
  before,
  after,
  sent,
  completed,
  report,
  free: pool.free,
});
