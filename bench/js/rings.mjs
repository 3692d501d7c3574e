// @ts-check
// Uses packet and XDP sockets as a packet generator does: a template in each frame, a
// compiled field that counts, and batches of as many frames as a kick is made for.
import { PacketSocket, XdpSocket } from 'zerosend';
import { compile } from 'zerosend/generator';
import { frames, loopbackFrame, wireLength } from '../frames.mjs';
import { hotBuffers } from './hot-buffers.mjs';
import { Tally } from './tally.mjs';

const BATCH = 64; // kKickEvery of c/frame.h

/** @param {import('./sender.mjs').SenderOptions} options @returns {Promise<import('./sender.mjs').Sender>} */
export async function openRing(options) {
  const { protocol } = options;
  const frame = frameOf(options);
  const { template, fields } = frame;
  const packets = compile(template, fields);
  const common = { interface: options.interface, frames: options.frames, init: packets.init };
  const socket =
    protocol === 'xdp'
      ? await XdpSocket.open({ ...common, mode: 'copy' })
      : await PacketSocket.open({
          ...common,
          frameSize: Math.max(packets.length, 2016),
          virtioNetHeader: template.offsets.offload >= 0,
        });
  const { pool } = socket;
  const { length } = packets;
  const bytes = wireLength(frame);
  let tally = new Tally();
  socket.on('complete', (range) => void tally.ids.complete(range));

  async function sendBatches(/** @type {number} */ until) {
    const buffers = new Array(BATCH);
    do {
      for (let i = 0; i < BATCH; i++) buffers[i] = pool.tryAcquire() ?? (await pool.acquire());
      packets.stampMany(buffers, BATCH);
      socket.sendMany(buffers, length);
    } while (performance.now() < until);
  }

  // Sends runs of 64 frames, with a kick for each, as the other programs do.
  async function sendRuns(/** @type {number} */ until) {
    do {
      const run = pool.tryAcquireRun(options.batch) ?? (await pool.acquireRun(options.batch));
      packets.stampRun(run);
      socket.sendMany(run, length);
    } while (performance.now() < until);
  }

  async function sendOnes(/** @type {number} */ until) {
    do {
      for (let i = 0; i < BATCH; i++) {
        const buffer = pool.tryAcquire() ?? (await pool.acquire());
        packets.stamp(buffer.bytes);
        socket.send(buffer, length);
        if (options.poll) socket.poll();
      }
    } while (performance.now() < until);
  }

  // Sends plain arrays, each of which is copied into a frame, with a kick and a poll for each.
  async function sendPlain(/** @type {number} */ until) {
    const sources = hotBuffers(length);
    for (const source of sources) source.set(template.bytes);
    do {
      for (let i = 0; i < BATCH; i++) {
        socket.send(/** @type {Buffer} */ (sources[i % sources.length]), length);
        socket.poll();
      }
    } while (performance.now() < until);
  }

  const { runs, batch, plain } = options;
  const send = plain ? sendPlain : runs ? sendRuns : batch === 1 ? sendOnes : sendBatches;

  return {
    async send(until, into) {
      tally = into;
      tally.begin(socket);
      await send(until);
      tally.sent(bytes);
      await socket.flush();
    },
    close: () => socket.close(),
  };
}

/** @param {import('./sender.mjs').SenderOptions} options */
function frameOf({ frame, ...to }) {
  if (frame === 'loopback') return loopbackFrame(to);
  if (frame !== 'small' && frame !== 'large') throw new TypeError(`--frame: ${frame}`);
  return frames[frame];
}
