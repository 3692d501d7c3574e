// @ts-check
// Measures how long after a datagram was sent the listener of an idle socket is called.
// c/wake.c describes the method.
import { setTimeout as sleep } from 'node:timers/promises';
import { BufferPool, UdpSocket } from 'zerosend';
import { Tally } from './tally.mjs';

const REFILL = 4; // ms: kRefill of c/sender.h

/** @param {import('./sender.mjs').SenderOptions} options @returns {Promise<import('./sender.mjs').Sender>} */
export async function openWake({ address, port, size }) {
  const pool = new BufferPool({ bufferSize: 4096, count: 16 });
  const socket = await UdpSocket.open({ remote: { address, port }, zeroCopy: 'always' });
  let tally = new Tally();
  let last = -1;
  /** @type {(time: number) => void} */
  let complete = () => {};
  socket.on('complete', (range) => {
    if (range.last === last) complete(performance.now());
    tally.ids.complete(range);
  });

  async function sendPair() {
    const buffers = [await pool.acquire(), await pool.acquire()];
    for (const buffer of buffers) last = socket.send(buffer, size);
    const sent = performance.now();
    /** @type {number} */
    const time = await new Promise((resolve) => {
      complete = resolve;
    });
    tally.waits.push((time - sent) / 1000);
  }

  return {
    async send(until, into) {
      tally = into;
      tally.begin(socket);
      do {
        await sendPair();
        await sleep(REFILL);
      } while (performance.now() < until);
      tally.sent(size);
    },
    close: () => socket.close(),
  };
}
