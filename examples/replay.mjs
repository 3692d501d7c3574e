// @ts-check
// Replays a capture: pcap or pcapng, with its timing, a multiple of it, a rate, or flat out.
//
//   node examples/replay.mjs [FILE] [--interface NAME] [--speed 1 | --rate PACKETS_A_SECOND]
//                            [--loops 1] [--destination 02:00:00:00:00:02]
//
// Without FILE it makes a capture of its own; without --interface it sends into a network namespace
// of its own, where every frame is dropped. --speed Infinity is as fast as it goes.
import { parseArgs } from 'node:util';
import { PacketSocket } from 'zerosend';
import { readCapture, replay, template } from 'zerosend/generator';
import { ownNetwork } from './network/own.mjs';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    interface: { type: 'string' },
    speed: { type: 'string', default: '1' },
    rate: { type: 'string' },
    loops: { type: 'string', default: '1' },
    destination: { type: 'string' },
  },
});
const name = values.interface ?? ownNetwork('ifb').interface;

/** A second of two hosts that talk: 500 datagrams, in pairs. */
function ownCapture() {
  const ethernet = { source: '02:00:00:00:00:01', destination: '02:00:00:00:00:02' };
  const ipv4 = { source: '198.18.0.1', destination: '198.18.0.2' };
  const header = Buffer.alloc(24);
  header.writeUInt32LE(0xa1b2c3d4, 0); // microseconds
  header.writeUInt16LE(2, 4); // version 2.4
  header.writeUInt16LE(4, 6);
  header.writeUInt32LE(65535, 16);
  header.writeUInt32LE(1, 20); // Ethernet
  /** @type {Uint8Array[]} */
  const parts = [header];
  for (let i = 0; i < 500; i++) {
    const udp = { source: 1024 + (i % 100), destination: 53 };
    const { bytes } = template({ ethernet, ipv4, udp, payload: `question ${i}` });
    const record = Buffer.alloc(16);
    record.writeUInt32LE((i >> 1) * 4000 + (i % 2) * 300, 4); // µs
    record.writeUInt32LE(bytes.length, 8);
    record.writeUInt32LE(bytes.length, 12);
    parts.push(record, bytes);
  }
  return Buffer.concat(parts);
}

const [file] = positionals;
const capture = readCapture(file ?? ownCapture());
console.log(
  `${file ?? 'a capture of its own'}: ${capture.frames.length} frames, ${capture.format}` +
    (capture.problem ? `; ${capture.problem.message} at byte ${capture.problem.offset}` : ''),
);

// A ring with as many frames as the capture keeps them from loop to loop.
const frames = Math.min(65536, Math.max(64, capture.frames.length));
const socket = await PacketSocket.open({ interface: name, frames });
const report = await replay({
  socket,
  capture,
  loops: Number(values.loops),
  ...(values.rate === undefined ? { speed: Number(values.speed) } : { rate: Number(values.rate) }),
  ...(values.destination ? { rewrite: { ethernet: { destination: values.destination } } } : {}),
});
await socket.close();

for (const { reason, frames, firstOffset, longest } of report.skipped) {
  console.log(
    `left out: ${frames} frames (${reason}), the first at byte ${firstOffset}, ` +
      `the longest of ${longest} bytes`,
  );
}
const late = report.lateness;
console.log(
  `sent ${report.packets} frames, ${report.bytes} bytes, in ${report.seconds.toFixed(3)} s` +
    (late ? `; late by ${late.p50.toFixed(0)} µs (p50), ${late.p99.toFixed(0)} µs (p99)` : ''),
);
process.exitCode = report.failed + report.unfinished > 0 ? 1 : 0;
