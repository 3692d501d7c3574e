// @ts-check
// node:dgram, connected, many sends under way at once: as fast as it goes.
import dgram from 'node:dgram';
import { once } from 'node:events';
import { hotBuffers } from './hot-buffers.mjs';

const BURST = 64; // sends under way
const SEND_BUFFER = 4 << 20; // as the library asks for

/** @param {import('./sender.mjs').SenderOptions} options @returns {Promise<import('./sender.mjs').Sender>} */
export async function openDgram({ address, port, size }) {
  const socket = dgram.createSocket({ type: 'udp4', sendBufferSize: SEND_BUFFER });
  socket.connect(port, address);
  await once(socket, 'connect');
  const buffers = hotBuffers(size);

  /** @param {import('./tally.mjs').Tally} tally @returns {Promise<void>} */
  function burst(tally) {
    return new Promise((resolve, reject) => {
      let left = BURST;
      const onSent = (/** @type {Error | null} */ error) => {
        if (error) reject(error);
        tally.inlined++;
        if (--left === 0) resolve();
      };
      for (let i = 0; i < BURST; i++) socket.send(buffers[i % buffers.length] ?? '', onSent);
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
