// @ts-check
// A UDP flood: frames from many addresses and ports, numbered, at a rate or as fast as the
// interface takes them, from one thread or several.
//
//   node examples/udp-flood.mjs [--seconds 3] [--rate PACKETS_A_SECOND | --bits BITS_A_SECOND]
//                               [--size 64] [--workers 1] [--xdp] [--interface NAME]
//
// Without --interface it sends into a network namespace of its own, where every frame is dropped.
// Give the name of an interface only of a network that you may flood.
import { parseArgs } from 'node:util';
import { generateInWorkers } from 'zerosend/generator';
import { ownNetwork } from './network/own.mjs';

const { values } = parseArgs({
  options: {
    seconds: { type: 'string', default: '3' },
    rate: { type: 'string' },
    bits: { type: 'string' },
    size: { type: 'string', default: '64' },
    workers: { type: 'string', default: '1' },
    xdp: { type: 'boolean', default: false },
    interface: { type: 'string' },
  },
});
const name = values.interface ?? ownNetwork('ifb').interface;
const count = new Intl.NumberFormat('en', { maximumFractionDigits: 0 });

const rate =
  values.bits !== undefined
    ? { bits: Number(values.bits), overhead: 24 } // the rate of the wire: with preamble, FCS and gap
    : values.rate !== undefined
      ? { packets: Number(values.rate) }
      : undefined;

const report = await generateInWorkers({
  socket: values.xdp ? { xdp: { interface: name } } : { packet: { interface: name } },
  template: {
    ethernet: { source: '02:00:00:00:00:01', destination: '02:00:00:00:00:02' },
    ipv4: { source: '198.18.0.1', destination: '198.18.0.2' },
    udp: { source: 1024, destination: 9 },
    length: Number(values.size),
  },
  fields: [
    { target: 'ipv4.source', counter: { start: '198.18.1.0', count: 254 } },
    { target: 'udp.source', random: { seed: 1, min: 1024, max: 65535 } },
    { target: { layer: 'payload', offset: 0, width: 4 }, counter: {} },
  ],
  workers: Number(values.workers),
  seconds: Number(values.seconds),
  ...(rate ? { rate } : {}),
  onProgress({ seconds, packetsPerSecond, bitsPerSecond, rateError }) {
    const error = rateError === null ? '' : `, ${(rateError * 100).toFixed(2)}% off the rate`;
    console.log(
      `${seconds.toFixed(1)} s: ${count.format(packetsPerSecond)} packets/s, ` +
        `${(bitsPerSecond / 1e6).toFixed(1)} Mbit/s${error}`,
    );
  },
});

for (const [i, worker] of report.workers.entries()) {
  const { pacing } = worker;
  const how = pacing
    ? `${(pacing.error * 100).toFixed(3)}% off the rate, at most ${pacing.largestBurst} at once`
    : 'as fast as it went';
  console.log(`worker ${i}: ${worker.packets} packets, ${how}`);
}
console.log(
  `in all: ${report.packets} packets in ${report.seconds.toFixed(2)} s, ` +
    `${count.format(report.packetsPerSecond)} packets/s; ${report.failed} failed`,
);
process.exitCode = report.failed + report.unfinished > 0 ? 1 : 0;
