// @ts-check
// How many bytes of heap so many sends allocate. The young generation is larger than all of it, so
// nothing is collected meanwhile and the growth of the heap is what was allocated.
// Needs --expose-gc and --min-semi-space-size.
import { PerformanceObserver } from 'node:perf_hooks';
import { BufferPool, TcpSocket, UdpSocket } from 'zerosend';
import { given, say } from '../../../support/say.mjs';

const ROUNDS = 16;

/**
 * `batch`: buffers of one call; 1 for send(). `control`: allocate an object for each send.
 * `enough`: so few bytes for each send need no further round.
 * @type {{
 *   protocol: 'tcp' | 'udp', port: number, zeroCopy: 'always' | 'never',
 *   batch: number, control: boolean, sends: number, enough: number,
 * }}
 */
const { protocol, port, zeroCopy, batch, control, sends, enough } = given;
const pool = new BufferPool({ bufferSize: 4096, count: 64 });
const socket =
  protocol === 'udp'
    ? await UdpSocket.open({ remote: { address: '127.0.0.1', port }, zeroCopy })
    : await TcpSocket.connect({ host: '127.0.0.1', port, zeroCopy });

/** @type {import('node:perf_hooks').PerformanceEntry[]} */
let collections = [];
new PerformanceObserver((list) => {
  collections.push(...list.getEntries());
}).observe({ entryTypes: ['gc'] });
const settle = () => new Promise((resolve) => void setTimeout(resolve, 20));

/** @type {object | null} */
let kept = null;
const buffers = new Array(batch).fill(null);

function send(/** @type {number} */ count) {
  for (let i = 0; i < count; ) {
    const buffer = pool.tryAcquire();
    if (buffer === null) continue;
    const length = 1 + (i % 1400);
    const at = i++ % batch;
    if (control) kept = { i };
    if (batch === 1) {
      socket.send(buffer, length);
    } else {
      buffers[at] = buffer;
      if (at === batch - 1) socket.sendMany(buffers, length);
    }
  }
}

/** Bytes that `count` sends allocate, and how often memory was collected meanwhile. */
async function measure(/** @type {number} */ count) {
  await socket.flush();
  globalThis.gc?.();
  await settle();
  collections = [];
  const before = process.memoryUsage().heapUsed;
  const begin = performance.now();
  send(count);
  const end = performance.now();
  const bytes = process.memoryUsage().heapUsed - before;
  // Collections are told of in a later turn, in which V8 also collects by itself where little has been
  // allocated for some seconds, as happens beside other load.
  await settle();
  const during = collections.filter(
    (it) => it.startTime < end && it.startTime + it.duration > begin,
  );
  return { bytes, collections: during.length };
}

// Compiled, and with every array as large as it is going to be.
for (let i = 0; i < 3; i++) await measure(sends);
// What each send allocates is in every round. Compilation adds some 100 KB to a round now and then, and
// beside other load, where it takes longer, to several that follow each other.
const rounds = [];
for (let i = 0; i < ROUNDS; i++) {
  const round = [await measure(sends), await measure(2 * sends)];
  rounds.push(round);
  if (round.every(({ bytes }) => bytes <= enough * sends)) break;
}
await socket.close();
await pool.close();
say('measured', { rounds, kept: kept !== null });
