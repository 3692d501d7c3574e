// @ts-check
// A packet generator: UDP as fast as the kernel takes it, or at a rate; the pool is the
// backpressure. Prints a line a second.
//
//   node examples/udp-generator.mjs [--seconds 3] [--rate SENDS_A_SECOND] [--to ADDRESS:PORT]
//
// Without --to it sends to a socket on this machine that does not read: what does not fit in there
// is dropped, as UDP is. Give an address only of a machine that you may flood.
import { createSocket } from 'node:dgram';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { BufferPool, UdpSocket } from 'zerosend';

const { values } = parseArgs({
  options: {
    seconds: { type: 'string', default: '3' },
    rate: { type: 'string', default: 'Infinity' },
    to: { type: 'string' },
  },
});
const seconds = Number(values.seconds);
const rate = Number(values.rate);
if (!(seconds > 0 && rate > 0)) throw new RangeError('--seconds and --rate have to be above 0');

const DATAGRAM = 1400; // bytes
const SEND = 46 * DATAGRAM; // bytes: a train of datagrams, one system call

/** @returns {Promise<{ address: string, port: number, close: () => void }>} */
async function destination() {
  if (values.to !== undefined) {
    const colon = values.to.lastIndexOf(':');
    const address = values.to.slice(0, colon);
    return { address, port: Number(values.to.slice(colon + 1)), close() {} };
  }
  const receiver = createSocket('udp4').bind(0, '127.0.0.1');
  await new Promise((resolve) => receiver.once('listening', resolve));
  const { port } = receiver.address();
  return { address: '127.0.0.1', port, close: () => receiver.close() };
}

const { address, port, close } = await destination();

// What all sends have in common is written once; a send changes only what is its own.
const pool = new BufferPool({
  bufferSize: SEND,
  count: 512,
  init: (bytes) => bytes.fill('zerosend '),
});
const socket = await UdpSocket.open({ remote: { address, port }, segmentSize: DATAGRAM });

let copied = 0;
socket.on('complete', ({ first, last, how }) => {
  if (how !== 'zerocopy') copied += last - first + 1;
});

let sent = 0;
let reported = 0;
const started = performance.now();
const elapsed = () => (performance.now() - started) / 1000;
const ticker = setInterval(() => {
  const gigabits = ((sent - reported) * SEND * 8) / 1e9;
  console.log(
    `${elapsed().toFixed(0)} s: ${sent - reported} sends, ${gigabits.toFixed(1)} Gbit/s, ` +
      `${socket.inFlight} in flight, pool ${pool.free}/${pool.count} free`,
  );
  reported = sent;
}, 1000);

let running = true;
process.once('SIGTERM', () => {
  running = false;
});
while (running && elapsed() < seconds) {
  if (sent > elapsed() * rate) {
    await nextTurn(); // ahead of the rate
    continue;
  }
  const buffer = await pool.acquire();
  buffer.bytes.writeUInt32BE(sent % 2 ** 32);
  socket.send(buffer, SEND);
  sent++;
}

const took = elapsed();
clearInterval(ticker);
const report = await socket.close();
await pool.close();
close();

const gigabits = (report.ids * SEND * 8) / 1e9 / took;
console.log(
  `in all: ${report.ids} sends of ${SEND / DATAGRAM} datagrams in ${took.toFixed(1)} s, ` +
    `${gigabits.toFixed(1)} Gbit/s; ${copied} of them copied by the kernel`,
);
