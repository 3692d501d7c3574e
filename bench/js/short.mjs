// @ts-check
// Connections that send little and close, one after the other.
import { once } from 'node:events';
import net from 'node:net';
import { BufferPool, TcpSocket } from 'zerosend';
import { hotBuffers } from './hot-buffers.mjs';

const SENDS = 77; // of one connection

/** @param {import('./sender.mjs').SenderOptions} options @returns {Promise<import('./sender.mjs').Sender>} */
export async function openShort({ address, port, size, zeroCopy }) {
  const pool = new BufferPool({ init: (bytes, index) => bytes.fill(index) });
  return {
    async send(until, tally) {
      do {
        const socket = await TcpSocket.connect({ host: address, port, zeroCopy });
        socket.on('complete', (range) => tally.count(range));
        for (let i = 0; i < SENDS; i++) {
          socket.send(pool.tryAcquire() ?? (await pool.acquire()), size);
        }
        await socket.close();
        tally.sends += SENDS;
        tally.bytes += SENDS * size;
      } while (performance.now() < until);
    },
    close: () => pool.close(),
  };
}

/**
 * The same of node:net.
 * @param {import('./sender.mjs').SenderOptions} options
 * @returns {Promise<import('./sender.mjs').Sender>}
 */
export async function openShortNet({ address, port, size }) {
  const buffers = hotBuffers(size);
  return {
    async send(until, tally) {
      do {
        const socket = net.connect({ host: address, port, noDelay: true });
        await once(socket, 'connect');
        for (let i = 0; i < SENDS; i++) {
          if (!socket.write(buffers[i % buffers.length] ?? '')) await once(socket, 'drain');
        }
        socket.end();
        socket.resume(); // it closes when the peer's end has been read
        await once(socket, 'close');
        tally.sends += SENDS;
        tally.bytes += SENDS * size;
        tally.inlined += SENDS;
      } while (performance.now() < until);
    },
    async close() {},
  };
}
