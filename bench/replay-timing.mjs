// @ts-check
// Measures how exactly a replay keeps the recorded times: a capture with frames at random
// distances, through the transmit ring into a sink, at several speeds.
//
//   node bench/replay-timing.mjs [--frames 10000] [--speeds 1,10,100] [--mean 200]
//
// --mean is the mean distance of two frames in µs, at speed 1.
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { PacketSocket } from 'zerosend';
import { replay, template } from 'zerosend/generator';
import { runInSink } from './in-sink.mjs';

const { values } = parseArgs({
  options: {
    frames: { type: 'string', default: '10000' },
    speeds: { type: 'string', default: '1,10,100' },
    mean: { type: 'string', default: '200' },
    inside: { type: 'string' },
  },
});

/** A capture with exponential distances, as of independent senders. It is the same in every run. */
function capture() {
  let state = 1;
  const random = () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return (state + 1) / 2 ** 32;
  };
  const { bytes } = template({
    ethernet: { source: '02:00:00:00:00:01', destination: '02:00:00:00:00:02' },
    ipv4: { source: '198.18.0.1', destination: '198.18.0.2' },
    udp: { source: 1024, destination: 9 },
    length: 200,
  });
  let time = 0;
  const frames = Array.from({ length: Number(values.frames) }, (_, offset) => {
    time -= Math.log(random()) * Number(values.mean) * 1000;
    const { length: originalLength } = bytes;
    return { bytes, originalLength, time: BigInt(Math.round(time)), linkType: 1, offset };
  });
  /** @type {import('zerosend/generator').Capture} */
  return { format: 'pcap', frames, snapped: 0, skippedBlocks: 0, problem: null };
}

/** @param {string} name of the interface */
async function measure(name) {
  const recorded = capture();
  const socket = await PacketSocket.open({ interface: name, frames: 4096 });
  console.log('  speed  frames/s   late p50   late p99        max');
  for (const speed of values.speeds.split(',').map(Number)) {
    const report = await replay({ socket, capture: recorded, speed });
    const { p50 = 0, p99 = 0, max = 0 } = report.lateness ?? {};
    const cells = [p50, p99, max].map((µs) => `${µs.toFixed(0)} µs`.padStart(10));
    const rate = report.packetsPerSecond.toFixed(0);
    console.log(`${String(speed).padStart(7)} ${rate.padStart(9)} ${cells.join(' ')}`);
  }
  await socket.close();
}

if (values.inside === undefined) await runInSink(fileURLToPath(import.meta.url));
else await measure(values.inside);
