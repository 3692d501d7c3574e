// @ts-check
// Many sockets of one program, which send one datagram each in turn.
import dgram from 'node:dgram';
import { once } from 'node:events';
import { BufferPool, UdpSocket } from 'zerosend';
import { hotBuffers } from './hot-buffers.mjs';
import { Tally } from './tally.mjs';

const CLOCK_EVERY = 64; // sends, as in c/sender.c

/** @param {import('./sender.mjs').SenderOptions} options @returns {Promise<import('./sender.mjs').Sender>} */
export async function openCrowd({ address, port, size, segment, sockets: count, zeroCopy }) {
  const pool = new BufferPool({ init: (bytes, index) => bytes.fill(index) });
  const remote = { address, port };
  const options = { remote, zeroCopy, ...(segment > 0 ? { segmentSize: segment } : {}) };
  let tally = new Tally();
  /** @type {UdpSocket[]} */
  const sockets = [];
  while (sockets.length < count) {
    const socket = await UdpSocket.open(options);
    socket.on('complete', (range) => tally.count(range));
    sockets.push(socket);
  }
  let next = 0;

  return {
    async send(until, into) {
      tally = into;
      do {
        for (let i = 0; i < CLOCK_EVERY; i++) {
          const buffer = pool.tryAcquire() ?? (await pool.acquire());
          /** @type {UdpSocket} */ (sockets[next]).send(buffer, size);
          next = next + 1 === count ? 0 : next + 1;
        }
        tally.sends += CLOCK_EVERY;
        tally.bytes += CLOCK_EVERY * size;
      } while (performance.now() < until);
      for (const socket of sockets) await socket.flush();
    },
    async close() {
      for (const socket of sockets) await socket.close();
    },
  };
}

/**
 * The same of node:dgram, with as many sends under way as one socket of dgram.mjs has.
 * @param {import('./sender.mjs').SenderOptions} options
 * @returns {Promise<import('./sender.mjs').Sender>}
 */
export async function openDgramCrowd({ address, port, size, sockets: count }) {
  const sockets = Array.from({ length: count }, () => dgram.createSocket('udp4'));
  for (const socket of sockets) {
    socket.connect(port, address);
    await once(socket, 'connect');
  }
  const buffers = hotBuffers(size);
  let next = 0;

  /** @returns {Promise<void>} */
  function burst() {
    return new Promise((resolve, reject) => {
      let left = CLOCK_EVERY;
      const onSent = (/** @type {Error | null} */ error) => {
        if (error) reject(error);
        if (--left === 0) resolve();
      };
      for (let i = 0; i < CLOCK_EVERY; i++) {
        sockets[next]?.send(/** @type {Buffer} */ (buffers[i % buffers.length]), onSent);
        next = next + 1 === count ? 0 : next + 1;
      }
    });
  }

  return {
    async send(until, tally) {
      let sends = 0;
      do {
        await burst();
        sends += CLOCK_EVERY;
      } while (performance.now() < until);
      tally.sends += sends;
      tally.bytes += sends * size;
      tally.inlined += sends;
    },
    async close() {
      for (const socket of sockets) socket.close();
    },
  };
}
