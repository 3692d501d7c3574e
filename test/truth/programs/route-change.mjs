// @ts-check
// A socket that first sends where the kernel copies, and later where it does not.
import { BufferPool, UdpSocket } from 'zerosend';
import { fillTrain } from '../../../rig/pattern.mjs';
import { Books, given, say } from './support.mjs';

const { copying, direct, length, segmentSize, rounds } = given;
const pool = new BufferPool({ bufferSize: 65_536, count: 64 });
const socket = await UdpSocket.open({ segmentSize });
const books = new Books(socket);
let position = 0;

/** @param {{ address: string, port: number }} to @param {() => boolean} until */
async function sendTo(to, until) {
  let sends = 0;
  while (!until() && sends < 5000) {
    const buffer = pool.tryAcquire() ?? (await pool.acquire());
    position += fillTrain(buffer.bytes, length, segmentSize, position, 1);
    socket.sendTo(buffer, length, to);
    sends++;
    await socket.flush();
  }
  return sends;
}

const active = () => socket.info().zeroCopy.active;
const laps = [];
for (let round = 0; round < rounds; round++) {
  const off = await sendTo(copying, () => !active());
  const { reason } = socket.info().zeroCopy;
  const on = await sendTo(direct, active);
  laps.push({ off, reason, on });
}
const report = { laps, ...books.balance() };
const closed = await socket.close();
say('report', { ...report, closed, pool: pool.stats() });
