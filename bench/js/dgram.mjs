// @ts-check
// Sends by node:dgram, connected, with many sends under way at once, as fast as possible.
import dgram from 'node:dgram';
import { once } from 'node:events';
import { hotBuffers } from './hot-buffers.mjs';

const BURST = 64; // how many sends are under way at once
const SEND_BUFFER = 4 << 20; // what the library asks for

/** @param {import('./sender.mjs').SenderOptions} options @returns {Promise<import('./sender.mjs').Sender>} */
export async function openDgram({ address, port, size, count }) {
  const socket = dgram.createSocket({ type: 'udp4', sendBufferSize: SEND_BUFFER });
  socket.connect(port, address);
  await once(socket, 'connect');
  // With a counter each needs a buffer of its own until it is sent.
  const buffers = hotBuffers(size, count ? BURST : undefined);
  let next = 0;

  /** @param {import('./tally.mjs').Tally} tally @returns {Promise<void>} */
  function burst(tally) {
    return new Promise((resolve, reject) => {
      let left = BURST;
      const onSent = (/** @type {Error | null} */ error) => {
        if (error) reject(error);
        tally.inlined++;
        if (--left === 0) resolve();
      };
      for (let i = 0; i < BURST; i++) {
        const buffer = /** @type {Buffer} */ (buffers[i % buffers.length]);
        if (count) buffer.writeUInt32BE(next++ >>> 0);
        socket.send(buffer, onSent);
      }
      tally.sends += BURST;
      tally.bytes += BURST * size;
    });
  }

  return {
    async send(until, tally) {
      do await burst(tally);
      while (performance.now() < until);
    },
    async close() {
      socket.close();
    },
  };
}
