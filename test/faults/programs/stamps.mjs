// @ts-check
// Timestamps around refusals that come late, by a queueing discipline that is full.
import { pause, within } from '../sender.mjs';
import {
  BufferPool,
  clearFaults,
  IP_RECVERR,
  inject,
  PacketSocket,
  SOL_IP,
  setOption,
  UdpSocket,
} from '../zerosend.mjs';

/**
 * @typedef {object} Argument
 * @property {'always' | 'never'} [zeroCopy]
 * @property {boolean} [counted]
 * @property {string} [device] of frames; without it datagrams are sent
 */

/** A socket, and what sends once through it. @param {Argument} argument */
async function open({ zeroCopy = 'always', counted = false, device }) {
  if (device !== undefined) {
    const interface_ = { interface: device, frames: 256, frameSize: 2016 };
    const socket = await PacketSocket.open({ ...interface_, timestamps: 'software' });
    const send = () => {
      const buffer = /** @type {import('zerosend').PooledBuffer} */ (socket.pool.tryAcquire());
      buffer.bytes.fill(0, 0, 1000).fill(0xff, 0, 6);
      Buffer.from(buffer.bytes.buffer, buffer.bytes.byteOffset).writeUInt16BE(0x88b5, 12);
      return socket.send(buffer, 1000);
    };
    return { socket, send };
  }
  // A kernel that does not know the control message with the key (before Linux 6.13).
  if (counted) inject('sendmsg', { error: 'EINVAL' });
  const remote = { address: '198.18.0.2', port: 9 };
  const socket = await UdpSocket.open({ remote, timestamps: 'software', zeroCopy });
  clearFaults();
  const error = setOption(socket.fd, SOL_IP, IP_RECVERR, 1);
  if (error !== 0) throw new Error(`setsockopt: errno ${error}`);
  const pool = new BufferPool({ bufferSize: 4096, count: 256 });
  const send = () => {
    const buffer = /** @type {import('zerosend').PooledBuffer} */ (pool.tryAcquire());
    return socket.send(buffer, 1000);
  };
  return { socket, send };
}

/** @param {Argument} argument */
export async function run(argument) {
  const { socket, send: put } = await open(argument);
  /** @type {number[]} */
  let scheduled = [];
  /** @type {string[]} */
  const wrong = [];
  const seen = new Set();
  socket.on('timestamp', ({ id, stage, latency }) => {
    if (stage === 'scheduled') scheduled.push(id);
    if (seen.has(`${id} ${stage}`)) wrong.push(`${id} ${stage} again`);
    seen.add(`${id} ${stage}`);
    if (latency < 2) wrong.push(`${id} ${stage} before it was sent`);
  });

  /** @returns {Promise<[number, number[]]>} */
  async function one() {
    scheduled = [];
    const id = put();
    await within(socket.flush(), 'flush');
    for (let i = 0; i < 200 && scheduled.length === 0; i++) {
      await pause(5);
      socket.poll();
    }
    return [id, [...scheduled]];
  }

  const before = [await one(), await one()];
  for (let i = 0; i < 100; i++) put();
  await within(socket.flush(), 'flush');
  await pause(100); // what is queued has gone, and its stamps with it
  const after = [await one(), await one(), await one()];
  // Every accepted send but those of a pause has both its stamps.
  let missing = 0;
  for (let id = 0; id < socket.nextId; id++) {
    if (!seen.has(`${id} scheduled`) || !seen.has(`${id} sent`)) missing++;
  }
  // Refused when they were on their way already: their stamps come among those of later ones.
  const call = argument.counted ? 'sendto' : 'sendmsg';
  for (let i = 0; i < 12 && argument.device === undefined; i++) {
    if (i % 4 === 0) {
      inject(call, { error: 'EPERM', after: true });
      try {
        put();
        wrong.push('was not refused');
      } catch {}
      clearFaults();
    }
    put();
  }
  await within(socket.flush(), 'flush');
  await pause(100);
  after.push(await one());
  const { noBuffers, refusedFrames } = socket.stats();
  await socket.close();
  return { before, after, wrong, missing, noBuffers: noBuffers + refusedFrames };
}
