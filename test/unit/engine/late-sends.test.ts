import { expect, it, vi } from 'vitest';
import { LateSends } from '../../../lib/engine/late-sends.js';
import { coreOf } from '../../../lib/engine/socket.js';
import { turn } from '../../support/deadline.js';
import { makePool, openUdp, sendSome } from '../support/fake-sockets.js';

// The clock is made up: sends follow each other so fast that several share a mark.
const time = vi.hoisted(() => ({ now: 0 }));
vi.mock('../../../lib/base/timers.js', async (load) => ({
  ...(await load<typeof import('../../../lib/base/timers.js')>()),
  clock: () => {
    time.now += 1e-4;
    return time.now;
  },
}));
vi.mock(
  '../../../lib/addon/addon.js',
  async () => (await import('../support/fake-native.js')).module,
);

async function openWatched() {
  const { socket, kernel } = await openUdp({ stallAfter: 50 });
  const { state, completions } = coreOf(socket);
  return { socket, kernel, late: new LateSends(socket, state, completions), pool: makePool(64) };
}

it('a socket with nothing in flight is watched again from its next send on', async () => {
  const { socket, kernel, late, pool } = await openWatched();
  sendSome(socket, pool, 30);
  kernel.finish(0, 29);
  socket.poll();
  expect([late.watched, late.look()]).toEqual([true, false]);
  late.watched = false; // as by whoever watches it
  sendSome(socket, pool, 1);
  expect(late.watched).toBe(true);
});

it('a send is not late by the time that the program has spent before it in the same turn', async () => {
  const { socket, late, pool } = await openWatched();
  const named: number[] = [];
  socket.on('stall', ({ first, last }) => {
    for (let id = first; id <= last; id++) named.push(id);
  });
  sendSome(socket, pool, 30);
  time.now += 100;
  sendSome(socket, pool, 1);
  late.look();
  expect(named).toContain(0);
  expect(named).not.toContain(30);
  await turn();
  time.now += 40;
  late.look();
  expect(named).not.toContain(30);
  time.now += 20;
  late.look();
  expect(named).toEqual(Array.from({ length: 31 }, (_, id) => id));
  const { completionLatency } = socket.stats();
  expect(completionLatency?.count).toBe(0);
});

it('a send that a listener of stall has let complete is not told of as late', async () => {
  const { socket, kernel, late, pool } = await openWatched();
  const told: string[] = [];
  socket.on('complete', ({ first, last }) => told.push(`${first} to ${last} complete`));
  socket.on('stall', ({ first, last }) => {
    told.push(`${first} to ${last} late`);
    kernel.finish(2, 2);
    socket.poll();
  });
  sendSome(socket, pool, 3);
  kernel.finish(1, 1);
  await turn();
  time.now += 100;
  late.look();
  expect(told).toEqual(['1 to 1 complete', '0 to 0 late', '2 to 2 complete']);
  expect(socket.stats().stalled).toBe(1);
});
