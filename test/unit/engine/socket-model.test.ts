// A pool and two sockets on the fake addon, used at random, against a model: whatever is sent,
// refused, queued, completed, polled, closed or aborted, from listeners too, every id is told once
// and every buffer comes back exactly when its last send has completed.
import fc from 'fast-check';
import { expect, it, vi } from 'vitest';
import { UdpSocket } from '../../../lib/sockets/udp.js';
import { turn } from '../../support/deadline.js';
import { fake } from '../support/fake-native.js';
import { startTcp, turns } from '../support/fake-sockets.js';
import { COUNT, REFUSALS, Subject, step, World } from '../support/socket-world.js';

vi.mock(
  '../../../lib/addon/addon.js',
  async () => (await import('../support/fake-native.js')).module,
);

const MAX_QUEUED = 2;

it('sockets and their pool agree with a model', { timeout: 120_000 }, async () => {
  const totals: Record<string, number> = {};
  await fc.assert(
    fc.asyncProperty(
      fc.array(step, { minLength: 50, maxLength: 250 }),
      fc.constantFrom(0, 2 ** 32 - 20),
      async (steps, firstId) => {
        fake.firstId = firstId;
        const world = new World();
        const options = { zeroCopyThreshold: 1000, maxQueuedSends: MAX_QUEUED };
        const remote = { address: '198.18.0.1', port: 9 };
        const udp = await UdpSocket.open({ remote, ...options });
        const { connecting, kernel } = await startTcp(options);
        kernel.connect();
        fake.wake();
        world.subjects = [udp, await connecting].map((socket) => new Subject(socket, world));
        fake.firstId = 0;
        try {
          for (const one of steps) {
            if (one === null) await turn();
            else world.act(one);
            world.check();
          }
        } catch (error) {
          // So that the runs that look for a shorter example begin with nothing.
          await Promise.all(world.subjects.map(({ socket }) => socket.abort()));
          throw error;
        }
        // The end: one drains, the other is given up.
        world.script = [];
        const ends = world.subjects.map(({ socket, kernel }, i) => {
          if (i === 1) return socket.abort();
          kernel.room = 1000;
          return socket.close();
        });
        for (let i = 0; i < 10 && fake.openSockets.length > 0; i++) {
          for (const kernel of fake.openSockets) kernel.finishAll();
          await turns(2);
          fake.wake();
        }
        await Promise.all(ends);
        world.check();
        for (const buffer of world.leases.keys()) buffer[Symbol.dispose]();
        expect(world.pool.free).toBe(COUNT);
        await world.pool.close();
        await turn();
        expect(fake.violations).toEqual([]);
        expect(fake.alive).toBe(false);
        for (const [name, count] of Object.entries(world.counts)) {
          totals[name] = (totals[name] ?? 0) + count;
        }
        for (const { drains, errors } of world.subjects) {
          totals.drains = (totals.drains ?? 0) + drains;
          totals.errors = (totals.errors ?? 0) + errors;
        }
      },
    ),
    {
      numRuns: 250,
      // A connection that has broken is aborted in a listener, before the error has been taken in.
      examples: [
        [
          [
            ['listen', 0, 19],
            ['plain', 93, 0],
            ['break', 89, 0],
            ['poll', 0, 0],
          ],
          0,
        ],
      ],
    },
  );
  // Nothing above is worth anything for what never came about.
  const outcomes = [
    'zerocopy',
    'copied',
    'inline',
    'revoked',
    'failed',
    'drains',
    'errors',
    'left', // events of what listeners have caused, for the next turn
    ...REFUSALS,
  ];
  for (const name of outcomes) {
    expect(totals[name] ?? 0, `how often '${name}' came about`).toBeGreaterThan(0);
  }
});
