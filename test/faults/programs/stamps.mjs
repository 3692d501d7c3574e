// @ts-check
// Timestamps around refusals that come late, by a queueing discipline that is full.
import { pause, within } from '../sender.mjs';
import {
  BufferPool,
  clearFaults,
  IP_RECVERR,
  inject,
  SOL_IP,
  setOption,
  UdpSocket,
} from '../zerosend.mjs';

/** @param {{ zeroCopy: 'always' | 'never', counted: boolean }} argument */
export async function run({ zeroCopy, counted }) {
  // A kernel that does not know the control message with the key (before Linux 6.13).
  if (counted) inject('sendmsg', { error: 'EINVAL' });
  const remote = { address: '198.18.0.9', port: 9 };
  const socket = await UdpSocket.open({ remote, timestamps: 'software', zeroCopy });
  clearFaults();
  const error = setOption(socket.fd, SOL_IP, IP_RECVERR, 1);
  if (error !== 0) throw new Error(`setsockopt: errno ${error}`);

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
  const pool = new BufferPool({ bufferSize: 4096, count: 256 });
  const put = () => socket.send(/** @type {any} */ (pool.tryAcquire()), 1000);

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
  const { noBuffers } = socket.stats();
  await socket.close();
  return { before, after, wrong, noBuffers };
}
