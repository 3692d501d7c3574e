// @ts-check
// Measures how well rates are kept: frames of 64 bytes with a counter in each, through
// the transmit ring into a sink, at 10,000, 100,000 and 500,000 packets a second.
//
//   node bench/rate.mjs [--seconds 10] [--rates 10000,100000,500000] [--xdp] [--batch 64]
//                      [--catch-up 100]
//
// --catch-up is how long a pause may be, in ms, for the packets that were due in it to be sent after it:
// on a machine that is busy with other things a larger one keeps the mean rate, by larger bursts.
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { PacketSocket, XdpSocket } from 'zerosend';
import { generate } from 'zerosend/generator';
import { runInSink } from './in-sink.mjs';

const { values } = parseArgs({
  options: {
    seconds: { type: 'string', default: '10' },
    rates: { type: 'string', default: '10000,100000,500000' },
    batch: { type: 'string', default: '64' },
    'catch-up': { type: 'string', default: '100' },
    xdp: { type: 'boolean', default: false },
    inside: { type: 'string' },
  },
});

/** @param {string} name of the interface */
async function measure(name) {
  const open = values.xdp ? XdpSocket.open : PacketSocket.open;
  const socket = await open({ interface: name });
  console.log('  asked/s  achieved/s    error  burst  largest    lost  late p50   late p99  CPU');
  for (const rate of values.rates.split(',').map(Number)) {
    const cpu = process.cpuUsage();
    const { pacing, failed, seconds } = await generate({
      socket,
      template: {
        ethernet: { source: '02:00:00:00:00:01', destination: '02:00:00:00:00:02' },
        ipv4: { source: '198.18.0.1', destination: '198.18.0.2' },
        udp: { source: 1024, destination: 9 },
        length: 64,
      },
      fields: [{ target: { layer: 'payload', offset: 0, width: 4 }, counter: {} }],
      rate: { packets: rate, catchUp: Number(values['catch-up']) },
      batch: Number(values.batch),
      seconds: Number(values.seconds),
    });
    if (pacing === null || failed > 0) throw new Error(`${failed} sends failed`);
    const { user, system } = process.cpuUsage(cpu);
    const { achieved, error, burst, largestBurst, lost, lateness } = pacing;
    console.log(
      [
        String(rate).padStart(9),
        achieved.toFixed(0).padStart(11),
        `${(error * 100).toFixed(3)}%`.padStart(8),
        String(burst).padStart(6),
        String(largestBurst).padStart(8),
        String(lost).padStart(7),
        `${lateness.p50.toFixed(0)} µs`.padStart(9),
        `${lateness.p99.toFixed(0)} µs`.padStart(10),
        `${((user + system) / 1e4 / seconds).toFixed(0)}%`.padStart(5),
      ].join(' '),
    );
  }
  await socket.close();
}

if (values.inside === undefined) await runInSink(fileURLToPath(import.meta.url));
else await measure(values.inside);
