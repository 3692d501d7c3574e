// @ts-check
// Uses the library as programs do: buffers from a pool, a `complete` listener, and the
// public interface only.
import { BufferPool, TcpSocket, UdpSocket } from 'zerosend';
import { Tally } from './tally.mjs';

const CLOCK_EVERY = 64; // sends, as in c/sender.c

/** @param {import('./sender.mjs').SenderOptions} options @returns {Promise<import('./sender.mjs').Sender>} */
export async function openZerosend(options) {
  const { protocol, address, port, size, segment, batch, runs, poll, zeroCopy, submit } = options;
  const content = new Uint8Array(options.fill ? size : 0).fill(7);
  const pool = new BufferPool({
    ...(options.buffers > 0 && { count: options.buffers }),
    ...(options.pool > 0 && { bufferSize: 4096, count: options.pool }),
    init: (bytes, index) => bytes.fill(index),
  });
  // Left out unless it is asked for: builds that compare.mjs compares with may not know it.
  const how = { zeroCopy, ...(submit !== undefined && { submit }) };
  const socket =
    protocol === 'tcp'
      ? await TcpSocket.connect({ host: address, port, ...how })
      : await UdpSocket.open({
          remote: { address, port },
          ...how,
          ...(segment > 0 ? { segmentSize: segment } : {}),
        });
  let tally = new Tally();
  socket.on('complete', (range) => void tally.ids.complete(range));

  // Without waiting for `drain`, a TCP sender would queue its whole pool, and copy from memory that
  // is in no cache.
  const drained = () => new Promise((resolve) => socket.once('drain', () => resolve(undefined)));

  async function sendOnes(/** @type {number} */ until) {
    do {
      for (let i = 0; i < CLOCK_EVERY; i++) {
        const buffer = pool.tryAcquire() ?? (await pool.acquire());
        if (content.length > 0) buffer.bytes.set(content);
        socket.send(buffer, size);
        if (poll) socket.poll();
        if (socket.needDrain) await drained();
      }
    } while (performance.now() < until);
  }

  async function sendBatches(/** @type {number} */ until) {
    const buffers = new Array(batch);
    do {
      for (let sent = 0; sent < CLOCK_EVERY; sent += batch) {
        for (let i = 0; i < batch; i++) buffers[i] = pool.tryAcquire() ?? (await pool.acquire());
        socket.sendMany(buffers, size);
      }
    } while (performance.now() < until);
  }

  async function sendRuns(/** @type {number} */ until) {
    do {
      for (let sent = 0; sent < CLOCK_EVERY; ) {
        const run = pool.tryAcquireRun(batch) ?? (await pool.acquireRun(batch));
        sent += run.count;
        socket.sendMany(run, size);
      }
    } while (performance.now() < until);
  }

  return {
    async send(until, into) {
      tally = into;
      tally.begin(socket);
      await (runs ? sendRuns : batch === 1 ? sendOnes : sendBatches)(until);
      tally.sent(size);
      await socket.flush();
    },
    close: () => socket.close(),
  };
}
