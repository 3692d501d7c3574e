// @ts-check
// Sends by node:net: `write`, and waits for 'drain' when `write` returns false, with room
// for several writes in its queue.
import { once } from 'node:events';
import net from 'node:net';
import { hotBuffers } from './hot-buffers.mjs';

const HIGH_WATER_MARK = 1 << 20;
const CLOCK_EVERY = 64;

/** @param {import('./sender.mjs').SenderOptions} options @returns {Promise<import('./sender.mjs').Sender>} */
export async function openNet({ address, port, size }) {
  /** @type {net.NetConnectOpts & { writableHighWaterMark: number }} */
  const wish = { host: address, port, noDelay: true, writableHighWaterMark: HIGH_WATER_MARK };
  const socket = net.connect(wish);
  await once(socket, 'connect');
  const buffers = hotBuffers(size);

  /** @type {import('./tally.mjs').Tally} */
  let tally;
  let written = () => {};
  const onWritten = (/** @type {Error | null | undefined} */ error) => {
    if (error) throw error;
    if (++tally.inlined === tally.sends) written();
  };

  return {
    async send(until, into) {
      tally = into;
      do {
        for (let i = 0; i < CLOCK_EVERY; i++) {
          tally.sends++;
          tally.bytes += size;
          const room = socket.write(buffers[i % buffers.length] ?? '', onWritten);
          if (!room) await once(socket, 'drain');
        }
      } while (performance.now() < until);
      await new Promise((resolve) => {
        written = () => resolve(undefined);
        if (tally.inlined === tally.sends) resolve(undefined);
      });
    },
    async close() {
      socket.end();
      await once(socket, 'close');
    },
  };
}
