// @ts-check
// A frame turns out to be malformed by the kick of the call that was to have the ring go past a
// later place, while the loopback device is down.
import { execFileSync } from 'node:child_process';
import { Books } from '../books.mjs';
import { pause, until, within } from '../sender.mjs';
import { ALWAYS, clearFaults, inject, PacketSocket } from '../zerosend.mjs';

// after the test build has been chosen
const { native } = await import('../../../dist/addon/addon.js');
// @ts-expect-error it is internal
const { coreOf } = await import('../../../dist/engine/socket.js');

const NAME = `zp${process.pid}`;
const ip = (/** @type {string} */ words) => execFileSync('ip', words.split(' '));

export async function run() {
  ip('link set lo down');
  ip(`link add ${NAME} type ifb`);
  ip(`link set ${NAME} up`);
  const socket = await PacketSocket.open({ interface: NAME, frames: 32 });
  const { pool } = socket;
  const books = new Books(socket);
  const take = () => {
    const buffer = /** @type {import('zerosend').PooledBuffer} */ (pool.tryAcquire());
    buffer.bytes.fill(0).write('ffffffffffff02000000000188b5', 'hex');
    return buffer;
  };
  const [long, hole, last] = [take(), take(), take()];
  inject('sendto', { error: 'EAGAIN', times: ALWAYS });
  books.send(long, 1400);
  books.send(last, 100);
  hole.release();
  ip(`link set ${NAME} mtu 1000`);
  await pause(20); // by now the poller thread kicks every two milliseconds only
  const { handle } = coreOf(socket).state;
  clearFaults();
  const passed = native.skip(handle, 1);
  await until(() => pool.free === 31); // the malformed frame's buffer is back, and is the next one
  const { waitsFor } = /** @type {{ waitsFor?: number }} */ (socket.info().ring);
  for (let i = 0; i < 5; i++) books.send(take(), 100);
  await within(socket.flush(), 'all frames to leave');
  const { outcome } = await within(socket.close(), 'close');
  return { passed, waitsFor, outcome, tally: books.ids.how, problems: books.audit([pool]) };
}
