import { constants } from 'node:os';
import { expect, it } from 'vitest';
import { ownNamespace } from '../../../rig/index.mjs';
import { canMakeNamespaces } from '../../support/requirements.js';
import { addonPath } from './addon.js';
import { ask } from './children.js';

/** Where it can be had, a network namespace: packet sockets may send anything. */
const isolated = () => (canMakeNamespaces() ? ownNamespace(['link set lo up']) : []);

it.each([1, 20_261_123])('the addon outlives 34,000 random calls, seed %i', async (seed) => {
  const given = { addon: addonPath, seed, calls: 34_000 };
  let told = await ask('native-abuse', given, { prefix: isolated() });
  // Whether the submission thread comes to sleep between calls is a matter of the machine's other work,
  // and of what has been scribbled over by then.
  for (let i = 0; i < 4 && !told.tally['the thread has slept']; i++) {
    told = await ask('native-abuse', given, { prefix: isolated() });
  }
  expect(told.missing).toEqual([]);
  expect(told.wrong).toEqual([]);
  // The calls were not all refused at the door.
  const often = ['sends', 'plain sends', 'sends of parts', 'sends at once', 'openTcp opened'];
  often.push('sockets served', 'the thread has slept');
  often.push('polls with records');
  // Packet sockets there are only where a namespace could be had.
  if (isolated().length > 0) often.push('runs');
  for (const name of [...often, 'openUdp opened', 'createSlab']) {
    expect([name, told.tally[name] ?? 0]).toEqual([name, expect.toSatisfy((n: number) => n > 30)]);
  }
  expect(told.tally['openUdp threw']).toBeGreaterThan(5);
  // And a sound send works after all of it.
  const inline = 2;
  expect(told).toMatchObject({ sent: 0, arrived: true, record: [told.handle, inline, 0, 0] });
});

it('the addon refuses each wrong argument by itself', async () => {
  const prefix = isolated();
  const ring = prefix.length > 0;
  const told = await ask('native-refusals', { addon: addonPath, ring }, { prefix });
  const { EBADF, EINVAL, ENODEV } = constants.errno as typeof constants.errno & {
    ENODEV: number;
  };
  const { answers } = told;
  expect(answers).toEqual({
    ...Object.fromEntries(Object.keys(answers).map((name) => [name, -EINVAL])),
    'a closed socket': -EBADF,
    'a closed socket, plain': -EBADF,
    'a closed socket, parts': -EBADF,
    'a closed socket, at once': -EBADF,
    'a closed socket, a run': -EBADF,
    'no such socket, a run': -EBADF,
    'no such socket': -EBADF,
    'a socket far beyond': -EBADF,
    'poll of a closed socket': -EBADF,
    'arm of a closed socket': -EBADF,
    'no address': false,
    'no numeric address': false,
    'a closed socket, by the thread': -EBADF,
    'a closed socket, lines': -EBADF,
    ...Object.fromEntries(
      ['memory that is not shared', 'too little memory', 'memory of another type'].map((what) => [
        what,
        { errno: EINVAL, syscall: 'pthread_create' },
      ]),
    ),
    'cells without a thread': false,
    'cells of a closed socket': false,
    'a closed socket described': {},
    'a closed socket counted': [],
    'a closed socket ended': [null, null, null],
    'no interface': { errno: ENODEV, syscall: 'setsockopt(SO_BINDTODEVICE)' },
    'an address that is none': { errno: EINVAL, syscall: 'connect' },
    'no address for TCP': { errno: EINVAL, syscall: 'connect' },
  });
  const ttl = 'setsockopt(IP_TTL)';
  expect(told.settings).toEqual([
    { errno: EBADF, syscall: 'setsockopt' },
    { errno: EINVAL, syscall: 'setsockopt' },
    ...Array(3).fill({ errno: EINVAL, syscall: ttl }),
    { errno: ENODEV, syscall: 'if_nametoindex' },
    { errno: EINVAL, syscall: ttl },
    { errno: ENODEV, syscall: 'if_nametoindex' },
    { errno: EINVAL, syscall: 'setsockopt(IP_TOS)' },
    null,
  ]);
  expect(told).toMatchObject({ before: 0, sound: [0, 0, 0], after: 5, reused: true });
  if (!ring) return;
  const { runs } = told;
  expect(told.foreign).toEqual(Array(5).fill(-10_003));
  expect(runs).toEqual({
    ...Object.fromEntries(Object.keys(runs).map((name) => [name, -EINVAL])),
    'a closed ring': -EBADF,
  });
  expect(told.vastXdp).toEqual({ errno: EINVAL, syscall: 'setsockopt(XDP_UMEM_REG)' });
  expect(told.grown).toBeLessThan(64 * 1024);
  expect(told).toMatchObject({ soundRuns: [0, 0], ringSends: 2 + 30 });
});

it('the addon keeps memory mapped while it is in flight, and no longer', async () => {
  const told = await ask('native-slabs', { addon: addonPath }, { node: ['--expose-gc'] });
  expect(told).toEqual({
    sent: [0],
    stays: true,
    another: 0,
    goesAtRest: true,
    last: [0],
    lastGoes: true,
    two: [0, 0],
    twoStay: true,
    goesWhileBusy: true,
    many: 0,
    bothStay: true,
    bothGo: true,
  });
});
