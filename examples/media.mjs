// @ts-check
// Media to many receivers: each piece of it is read once, and sent to all of them out of the same buffer, to
// each behind a header of its own (RTP, RFC 3550). All packets of all receivers are paced together, so that
// they leave evenly and not as a burst for each piece.
//
//   node examples/media.mjs --file FILE --to ADDRESS:PORT[-LAST_PORT] [--to …]
//                           [--pieces 50] [--bytes 1200] [--seconds 5]
//
// --pieces is how many each receiver gets in a second, --bytes how long they are. FILE begins again at its
// end. Give only addresses of receivers that want it.
import { randomInt } from 'node:crypto';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { isIPv6 } from 'node:net';
import { parseArgs } from 'node:util';
import { BufferPool, UdpDestination, UdpSocket } from 'zerosend';
import { Pacer } from 'zerosend/generator';

const { values } = parseArgs({
  options: {
    file: { type: 'string' },
    to: { type: 'string', multiple: true, default: [] },
    pieces: { type: 'string', default: '50' },
    bytes: { type: 'string', default: '1200' },
    seconds: { type: 'string', default: '5' },
  },
});
const [rate, bytes, seconds] = [+values.pieces, +values.bytes, +values.seconds];
if (!(rate && bytes && seconds)) throw new RangeError('--pieces, --bytes, --seconds: above 0');
if (values.file === undefined || values.to.length === 0) throw new Error('--file and --to, please');

const HEADER = 12; // bytes
const VERSION = 0x80; // 2, in the first two bits
const PAYLOAD_TYPE = 96; // the first of those that have no fixed meaning
const CLOCK = 90_000; // of timestamps, in Hz

/** Who gets it: a destination, parsed once, and what its headers count. */
class Receiver {
  sequence = randomInt(2 ** 16);
  timestamp = randomInt(2 ** 32);
  source = randomInt(2 ** 32); // the SSRC
  sent = 0;
  refused = 0;

  /** @param {string} address @param {number} port */
  constructor(address, port) {
    this.destination = new UdpDestination({ address, port });
  }

  /** Writes the header of piece `number`. @param {Buffer} header @param {number} number */
  write(header, number) {
    header[0] = VERSION;
    header[1] = PAYLOAD_TYPE;
    header.writeUInt16BE((this.sequence + number) % 2 ** 16, 2);
    const ticks = Math.round((number * CLOCK) / rate);
    header.writeUInt32BE((this.timestamp + ticks) % 2 ** 32, 4);
    header.writeUInt32BE(this.source, 8);
  }
}

const receivers = values.to.flatMap((text) => {
  const [, address = '', first = '', last = first] =
    /^\[?(.+?)\]?:(\d+)(?:-(\d+))?$/.exec(text) ?? [];
  if (address === '') throw new Error(`--to ADDRESS:PORT; received '${text}'`);
  const ports = Array.from(
    { length: Number(last) - Number(first) + 1 },
    (_, i) => Number(first) + i,
  );
  return ports.map((port) => new Receiver(address, port));
});

const media = readFileSync(values.file);
/** Piece `number` of the file, which is a ring. @param {Buffer} piece @param {number} number */
function fill(piece, number) {
  for (let done = 0; done < bytes; ) {
    const from = (number * bytes + done) % media.length;
    done += media.copy(piece, done, from, from + bytes - done);
  }
}

const family = isIPv6(receivers[0]?.destination.address ?? '') ? 6 : 4;
const socket = await UdpSocket.open({ family });
const pieces = new BufferPool({ bufferSize: bytes, count: 64 });
const headers = new BufferPool({ bufferSize: HEADER, count: 4096 });
let failed = 0;
socket.on('complete', ({ first, last, how }) => {
  if (how === 'failed') failed += last - first + 1;
});

/** @param {Receiver} receiver @param {import('zerosend').PooledBuffer} piece @param {number} number */
async function send(receiver, piece, number) {
  const header = await headers.acquire();
  receiver.write(header.bytes, number);
  if (socket.needDrain) await once(socket, 'drain');
  try {
    // One send, one id: header and piece are both held until it completes, and use up a lease each.
    socket.sendTo([header, piece], [HEADER, bytes], receiver.destination);
    receiver.sent++;
  } catch {
    // That one cannot be reached now. The others can, and what was not sent is given back.
    receiver.refused++;
    header.release();
    piece.release();
  }
}

let running = true;
process.once('SIGINT', () => {
  running = false;
});
const total = Math.round(rate * seconds) * receivers.length;
const pacer = new Pacer(rate * receivers.length);
/** @type {import('zerosend').PooledBuffer | null} */
let piece = null;
let packet = 0;
while (running && packet < total) {
  await pacer.wait();
  for (let due = pacer.take(performance.now(), total - packet); due > 0; due--, packet++) {
    const number = Math.floor(packet / receivers.length);
    const at = packet % receivers.length;
    if (at === 0) {
      piece = await pieces.acquire();
      fill(piece.bytes, number);
      piece.retain(receivers.length - 1); // a lease for each receiver
    }
    await send(
      /** @type {Receiver} */ (receivers[at]),
      /** @type {import('zerosend').PooledBuffer} */ (piece),
      number,
    );
  }
}
const { achieved, lateness, largestBurst, lost } = pacer.report();
// Leases of those who were not sent to any more.
for (; packet % receivers.length !== 0; packet++) piece?.release();
await socket.close();
await Promise.all([pieces.close(), headers.close()]); // all buffers are back

const sum = (/** @type {(one: Receiver) => number} */ of) =>
  receivers.reduce((all, one) => all + of(one), 0);
console.log(
  `${sum(({ sent }) => sent)} packets to ${receivers.length} receivers, ` +
    `${sum(({ refused }) => refused)} refused, ${failed} failed`,
);
console.log(
  `${achieved.toFixed(1)} packets a second of ${(rate * receivers.length).toFixed(1)}, ` +
    `at most ${largestBurst} at once, ${lost} never due; ` +
    `late by ${lateness.p50.toFixed(0)} µs (p50), ${lateness.p99.toFixed(0)} µs (p99)`,
);
