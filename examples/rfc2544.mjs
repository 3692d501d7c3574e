// @ts-check
// Throughput as RFC 2544 means it (section 26.1): the highest rate at which not one frame is lost,
// found by bisection, for several frame sizes. What is tested here is a pair of virtual interfaces
// with a receiver at its end that counts; the numbers are those of this machine.
//
//   node examples/rfc2544.mjs [--sizes 64,512,1518] [--seconds 1] [--max 400000] [--steps 7]
//
// The RFC wants trials of 60 seconds (--seconds 60) and sizes of 64 to 1518, which count the FCS of
// 4 bytes that an interface adds.
import { createSocket } from 'node:dgram';
import { setTimeout as delay } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';
import { PacketSocket } from 'zerosend';
import { generate } from 'zerosend/generator';
import { ownNetwork } from './network/own.mjs';

const PORT = 9000;
const FCS = 4; // bytes
const SETTLE_MS = 300; // for what is on its way to arrive, after each trial

/** In a worker: counts datagrams, and says how many whenever it is asked. */
function count() {
  let received = 0;
  const socket = createSocket({ type: 'udp4', recvBufferSize: 4 << 20 });
  socket.on('message', () => received++);
  socket.bind(PORT, workerData, () => parentPort?.postMessage('ready'));
  parentPort?.on('message', () => {
    parentPort?.postMessage(received);
    received = 0;
  });
}

/** @param {Worker} receiver @returns {Promise<any>} */
function next(receiver) {
  return new Promise((resolve, reject) => {
    receiver.once('message', resolve);
    receiver.once('error', reject);
  });
}

async function main() {
  const { values } = parseArgs({
    options: {
      sizes: { type: 'string', default: '64,512,1518' },
      seconds: { type: 'string', default: '1' },
      max: { type: 'string', default: '400000' },
      steps: { type: 'string', default: '7' },
    },
  });
  const network = ownNetwork('veth');
  const { address, mac } = network.receiver;
  const receiver = new Worker(new URL(import.meta.url), { workerData: address });
  await next(receiver);
  const socket = await PacketSocket.open({ interface: network.interface });

  /** @param {number} size @param {number} rate packets a second */
  const trial = async (size, rate) => {
    const sent = await generate({
      socket,
      template: {
        ethernet: { source: '02:00:00:00:00:01', destination: mac },
        ipv4: { source: '198.18.0.1', destination: address },
        udp: { source: 1024, destination: PORT },
        length: size - FCS,
      },
      fields: [{ target: { layer: 'payload', offset: 0, width: 4 }, counter: {} }],
      rate,
      seconds: Number(values.seconds),
    });
    await delay(SETTLE_MS);
    receiver.postMessage('report');
    const received = await next(receiver);
    return { sent: sent.packets, received, offered: sent.pacing?.achieved ?? 0 };
  };

  for (const size of values.sizes.split(',').map(Number)) {
    let low = 0; // no loss
    let high = Number(values.max); // not known to work
    for (let step = 0; step < Number(values.steps); step++) {
      const rate = step === 0 ? high : Math.round((low + high) / 2);
      const { sent, received, offered } = await trial(size, rate);
      const lost = sent - received;
      // A rate that the sender did not keep proves nothing about the receiver.
      const passed = lost === 0 && offered >= 0.99 * rate;
      console.log(
        `${size} bytes, ${rate} packets/s: ${sent} sent (${offered.toFixed(0)} a second), ` +
          `${received} received, ${lost} lost`,
      );
      if (passed) low = rate;
      else high = rate;
      if (low === Number(values.max)) break;
    }
    const bits = (low * (size + 20) * 8) / 1e6; // with preamble and gap
    console.log(`throughput at ${size} bytes: ${low} packets/s, ${bits.toFixed(1)} Mbit/s\n`);
  }
  await socket.close();
  await receiver.terminate();
}

if (isMainThread) await main();
else count();
