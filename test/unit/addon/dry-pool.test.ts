// How long JavaScript stays awake for a pool that has run dry, of a socket that the submission thread serves.
import { beforeEach, describe, expect, it, vi } from 'vitest';
import type { Reactee } from '../../../lib/addon/reactee.js';
import { turns } from '../support/fake-sockets.js';

let now = 0; // ms

vi.mock(
  '../../../lib/addon/addon.js',
  async () => (await import('../support/fake-native.js')).module,
);
vi.mock('../../../lib/base/timers.js', async (original) => ({
  ...(await original<object>()),
  clock: () => now,
}));

beforeEach(() => void vi.resetModules());

/** Sends once and finds the pool dry; then the thread is at work for so many looks. Returns these. */
async function looks(soon: number, { dry = true, each = 0 } = {}): Promise<number> {
  const { reactor } = await import('../../../lib/addon/reactor.js');
  let looked = 0;
  const socket: Reactee = {
    handle: 1,
    streams: true,
    active: false,
    scheduled: false,
    added: false,
    needed: false,
    held: false,
    untold: 0,
    low: 0,
    restsOften: 0,
    isClear: true,
    giveBack: () => {},
    reclaim: () => 0,
    reclaimPrompt: () => 0,
    tell: () => {},
    settle: () => {},
    rest: () => {},
    isSoon: () => {
      looked++;
      now += each;
      return looked <= soon;
    },
    wantsHold: () => false,
    hasNews: () => false,
  };
  reactor.add(socket, 1000);
  reactor.markBusy(socket);
  if (dry) reactor.reclaim(); // nothing has come
  await turns(soon + 10);
  expect(socket.scheduled).toBe(false);
  reactor.remove(socket);
  return looked;
}

describe('a dry pool', () => {
  it('is waited for awake while the thread is at work', async () => {
    now = 1;
    expect(await looks(20)).toBe(21);
  });

  it('is waited for asleep when that takes longer than JavaScript has worked', async () => {
    now = 0.02;
    expect(await looks(20, { each: 0.003 })).toBe(7); // the seventh ends after 21 µs
  });

  it('is waited for awake for 50 µs at most', async () => {
    now = 1000;
    expect(await looks(20, { each: 0.011 })).toBe(5);
  });

  it('is waited for asleep at once by who is much faster than the thread', async () => {
    now = 0.009;
    expect(await looks(20)).toBe(0);
  });

  it('is none where buffers are left', async () => {
    now = 1;
    expect(await looks(20, { dry: false })).toBe(0);
  });
});
