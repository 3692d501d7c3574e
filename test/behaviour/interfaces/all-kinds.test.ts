import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { needsRig } from '../../rig/needs.js';
import type { Kind } from './kinds.mjs';
import { type Stage, setStage } from './place.js';

const KINDS: Kind[] = ['tcp', 'udp', 'packet', 'xdp'];
/** What a completion says on veth with XDP: AF_XDP has no zero copy there. */
const HOW = { tcp: 'zerocopy', udp: 'zerocopy', packet: 'zerocopy', xdp: 'copied' };
const EXACT = { missing: 0, twice: 0, unknown: 0 };

describe('every kind of socket', await needsRig('veth'), () => {
  let stage: Stage;
  beforeAll(async () => {
    stage = await setStage();
  });
  afterAll(() => stage?.dispose());

  describe.each(KINDS)('%s', (kind) => {
    const run = (scenario: string) => stage.run('scenarios.mjs', scenario, kind);

    it('numbers sends from 0 and completes each exactly once', async () => {
      const seen = await run('ids');
      expect(seen).toMatchObject({ ...EXACT, consecutive: true, balanced: true, allBack: true });
      expect(seen.ids).toBeGreaterThan(500);
      expect(seen.report).toMatchObject({ outcome: 'drained', ids: seen.ids, unfinished: 0 });
      expect(Object.keys(seen.how)).toContain(HOW[kind]);
    });

    it('refuses bad sends without taking an id', async () => {
      const seen = await run('refusals');
      expect(seen.codes).toEqual({
        zero: 'ERR_ZEROSEND_OUT_OF_RANGE',
        negative: 'ERR_ZEROSEND_OUT_OF_RANGE',
        fraction: 'ERR_ZEROSEND_OUT_OF_RANGE',
        nan: 'ERR_ZEROSEND_OUT_OF_RANGE',
        beyond: 'ERR_ZEROSEND_OUT_OF_RANGE',
        missing: 'ERR_ZEROSEND_INVALID_ARGUMENT',
        empty: 'ERR_ZEROSEND_OUT_OF_RANGE',
        type: 'ERR_ZEROSEND_INVALID_ARGUMENT',
        foreign: 'ERR_ZEROSEND_WRONG_POOL',
        batch: 'ERR_ZEROSEND_INVALID_ARGUMENT',
        inFlight: 'ERR_ZEROSEND_BUFFER_IN_FLIGHT',
        free: 'ERR_ZEROSEND_BUFFER_FREE',
        closed: 'ERR_ZEROSEND_SOCKET_CLOSED',
      });
      expect(seen).toMatchObject({ taken: 0, stillHeld: 1, id: 0, ids: 1, ...EXACT });
    });

    it('gets its buffers back in a loop that never yields', async () => {
      const seen = await run('tightLoop');
      expect(seen).toMatchObject({ sent: 2000, ids: 2000, ...EXACT });
      expect(seen.report.outcome).toBe('drained');
    });

    it('tells an idle program', async () => {
      const { heard } = await run('idle');
      expect(heard).toEqual([0, 1, 2].map((id) => ({ first: id, last: id, how: HOW[kind] })));
    });

    it('can be waited for', async () => {
      expect(await run('waiting')).toMatchObject({
        bad: 'ERR_ZEROSEND_OUT_OF_RANGE',
        inFlight: 0,
        report: { outcome: 'drained', ids: 3, unfinished: 0 },
        same: true,
        fd: -1,
        members: ['_events', '_eventsCount'], // the emitter's
      });
    });

    it('survives the end of worker threads that send', async () => {
      const seen = await run('workers');
      expect(seen).toMatchObject({
        ended: 6,
        report: { outcome: 'drained', ids: 1, unfinished: 0 },
      });
    });
  });
});

describe('every kind of socket on a slow link', await needsRig('veth'), () => {
  let stage: Stage;
  beforeAll(async () => {
    // 200 frames of 1000 bytes take three times as long as the deadline that they are closed by.
    stage = await setStage({ rate: '5mbit' });
  });
  afterAll(() => stage?.dispose());

  describe.each(KINDS)('%s', (kind) => {
    const run = (scenario: string) => stage.run('scenarios.mjs', scenario, kind);

    it('aborts with sends outstanding', async () => {
      const seen = await run('abort');
      expect(seen).toMatchObject({ ...EXACT, closed: -1 });
      expect(seen.ms).toBeLessThan(2000);
      expect(seen.report.ids).toBe(seen.ids);
      const { revoked = 0, failed = 0 } = seen.how;
      expect(seen.report.unfinished).toBe(revoked + failed);
      // Frames of AF_XDP in copy mode do not wait in the queueing discipline.
      if (kind !== 'xdp') expect(seen.report.outcome).not.toBe('drained');
    });

    it('closes by its deadline', async () => {
      const seen = await run('deadline');
      expect(seen).toMatchObject({ ...EXACT, ids: 200 });
      expect(seen.ms).toBeLessThan(3000);
      if (kind === 'udp' || kind === 'packet') expect(seen.report.unfinished).toBeGreaterThan(0);
    });
  });
});

describe('every kind of socket, slower than it sends', await needsRig('veth'), () => {
  let stage: Stage;
  beforeAll(async () => {
    stage = await setStage({ rate: '200mbit' });
  });
  afterAll(() => stage?.dispose());

  it.each(KINDS)('%s completes everything', async (kind) => {
    const seen = await stage.run('scenarios.mjs', 'slowLink', kind);
    expect(seen).toMatchObject({ ...EXACT, ids: 1500 });
    expect(seen.report).toMatchObject({ outcome: 'drained', ids: 1500, unfinished: 0 });
  });
});
