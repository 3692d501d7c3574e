// @ts-check
// TCP frames of 65000 bytes, made once and injected without a copy: the frame begins with a
// virtio_net_hdr that has the kernel (or the network card) cut it into segments and write their
// checksums, so the program handles one frame where 45 leave.
//
//   node examples/tso.mjs [--seconds 2] [--size 65000] [--segment 1448] [--rate FRAMES_A_SECOND]
//                         [--interface NAME]
//
// Without --interface it sends into a network namespace of its own, where every frame is dropped.
import { parseArgs } from 'node:util';
import { PacketSocket } from 'zerosend';
import { generate } from 'zerosend/generator';
import { ownNetwork } from './network/own.mjs';

const { values } = parseArgs({
  options: {
    seconds: { type: 'string', default: '2' },
    size: { type: 'string', default: '65000' },
    segment: { type: 'string', default: '1448' },
    rate: { type: 'string' },
    interface: { type: 'string' },
  },
});
const name = values.interface ?? ownNetwork('ifb').interface;
const size = Number(values.size);
const HEADERS = 14 + 20 + 20; // bytes: Ethernet, IPv4, TCP
const OFFLOAD_HEADER = 10;

const socket = await PacketSocket.open({
  interface: name,
  virtioNetHeader: true,
  frames: 64,
  frameSize: OFFLOAD_HEADER + size,
});
const cpu = process.cpuUsage();
const report = await generate({
  socket,
  template: {
    ethernet: { source: '02:00:00:00:00:01', destination: '02:00:00:00:00:02' },
    ipv4: { source: '198.18.0.1', destination: '198.18.0.2' },
    tcp: { source: 1024, destination: 9 },
    length: size,
    virtioNetHeader: { segmentSize: Number(values.segment) },
  },
  // The stream goes on from frame to frame, as a sniffer would see it.
  fields: [{ target: 'tcp.sequence', counter: { step: size - HEADERS } }],
  seconds: Number(values.seconds),
  ...(values.rate ? { rate: Number(values.rate) } : {}),
});
const { user, system } = process.cpuUsage(cpu);
await socket.close();

const segments = Math.ceil((size - HEADERS) / Number(values.segment));
const gigabytes = report.bytes / 1e9;
console.log(
  `${report.packets} frames of ${size} bytes, ${segments} segments each, in ` +
    `${report.seconds.toFixed(2)} s: ${(report.bitsPerSecond / 1e9).toFixed(1)} Gbit/s`,
);
console.log(
  `${((user + system) / 1e6 / gigabytes).toFixed(4)} CPU seconds a gigabyte; ${report.failed} failed`,
);
process.exitCode = report.failed + report.unfinished > 0 ? 1 : 0;
