// @ts-check
// More frames than the send buffer holds: the kick that hands them over ends half-way. Nobody sends or
// polls afterwards. Runs as a user for whom net.core.wmem_max holds.
//
//   node half-kick.mjs INTERFACE 'one by one' | 'in runs' | 'closed'
import { setTimeout as delay } from 'node:timers/promises';
import { PacketSocket } from 'zerosend';
import { IdChecker } from '../../../rig/ids.mjs';
import { layFrame, take } from './kinds.mjs';

const FRAMES = 8192;
const [, , name = '', how] = process.argv;
const socket = await PacketSocket.open({ interface: name, frames: FRAMES, frameSize: 2016 });
const ids = IdChecker.of(socket);
if (how === 'in runs') {
  for (let left = FRAMES; left > 0; ) {
    const run = socket.pool.tryAcquireRun(Math.min(left, 256));
    if (run === null) throw new Error('no run');
    for (let i = 0; i < run.count; i++) layFrame(run.bytes(i));
    left -= run.count;
    socket.sendMany(run, 1400);
  }
} else {
  for (let i = 0; i < FRAMES; i++) {
    const buffer = take(socket.pool);
    layFrame(buffer.bytes);
    socket.send(buffer, 1400);
  }
}
let seen = {};
if (how !== 'closed') {
  await delay(0); // the last poll of the turn is over
  const { sendBufferSize } = socket.info();
  await Promise.race([socket.flush(), delay(20_000, null, { ref: false })]);
  seen = { sendBufferSize, kicks: socket.stats().kicks };
}
const report = await socket.close({ timeout: how === 'closed' ? 20_000 : 5000 });
console.log(JSON.stringify({ ...seen, report, ...ids.result() }));
