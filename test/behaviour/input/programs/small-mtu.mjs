// @ts-check
// In a network namespace of its own: what a path with a small MTU refuses, and how sending goes on.
import { spawnSync } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { countDescriptors, given, outcome, report, zerosend } from './report.mjs';

const { BufferPool, UdpSocket } = zerosend;
const { family, address, segmentSize } = given;

/** @param {number} mtu */
function setMtu(mtu) {
  const { status, stderr } = spawnSync(given.ip, ['link', 'set', 'lo', 'mtu', String(mtu), 'up']);
  if (status !== 0) throw new Error(`ip link: ${stderr}`);
}

setMtu(given.mtu);
const receiver = createSocket({ type: family === 4 ? 'udp4' : 'udp6', recvBufferSize: 4 << 20 });
/** @type {Map<number, number>} how many datagrams of each length have come */
const lengths = new Map();
let received = 0;
receiver.on('message', ({ length }) => {
  lengths.set(length, (lengths.get(length) ?? 0) + 1);
  received += length;
});
await once(receiver.bind(0, address), 'listening');
const { port } = receiver.address();
const remote = { address, port };
const pool = new BufferPool({ count: 8, hugePages: 'none' });
const acquire = () => /** @type {import('zerosend').PooledBuffer} */ (pool.tryAcquire());
/** @param {object} options */
const open = (options) => UdpSocket.open({ remote, zeroCopy: 'always', ...options });

await (await open({})).close(); // the poller is up
const before = countDescriptors();
const tooLong = await outcome(() => open({ segmentSize: segmentSize + 1 }));
const descriptorsLeft = countDescriptors() - before;

const socket = await open({ segmentSize });
const bytes = 10 * segmentSize;
/** Four sends of ten segments: a pooled buffer, a plain array, and two buffers at once. */
function sendFour() {
  const single = acquire();
  const pair = [acquire(), acquire()];
  const sends = [
    () => socket.send(single, bytes),
    () => socket.send(Buffer.alloc(bytes)),
    () => socket.sendMany(pair, bytes).first,
  ];
  return Promise.all(sends.map(outcome));
}

const first = await sendFour();
await socket.flush();

// The path shrinks under open sockets.
const partial = await open({ segmentSize });
setMtu(given.mtu - 100);
const refused = await sendFour();
const held = { acquired: pool.acquired, nextId: socket.nextId, inFlight: socket.inFlight };
/** @type {string[]} */
const ends = [];
partial.on('complete', ({ first, last, how }) => ends.push(`${first}-${last} ${how}`));
// The first is no longer than a segment and leaves in fragments, the second cannot.
const half = await outcome(() => partial.sendMany([acquire(), acquire()], [100, bytes]));
await partial.flush();
setMtu(given.mtu);

const last = await outcome(() => socket.send(Buffer.alloc(bytes)));
await socket.flush();

// An unconnected socket finds out only when it sends.
const free = await UdpSocket.open({ family, segmentSize: segmentSize + 1, zeroCopy: 'always' });
const unconnected = await outcome(() => free.sendTo(Buffer.alloc(bytes), bytes, remote));
const whole = await outcome(() => free.sendTo(Buffer.alloc(100), 100, remote));
const sent = 5 * bytes + 2 * 100;
for (let i = 0; i < 500 && received < sent; i++) await sleep(10);
receiver.close();
const { unknownIds, duplicateIds } = socket.stats();
report({
  ...{ tooLong, descriptorsLeft, first, refused, held, last, unconnected, whole },
  ...{
    half,
    ends,
    pool: pool.stats(),
    unknownIds,
    duplicateIds,
    received,
    sent,
    lengths: [...lengths],
  },
  closed: [await socket.close(), await free.close(), await partial.close()],
});
