import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { needsRig } from '../../rig/needs.js';
import { type Stage, setStage } from './place.js';

const EXACT = { missing: 0, twice: 0, unknown: 0 };

describe('memory that is shared with the kernel', await needsRig('veth'), () => {
  let stage: Stage;
  beforeAll(async () => {
    stage = await setStage();
  });
  afterAll(() => stage?.dispose());

  it.each(['packet', 'xdp'] as const)(
    'of %s is refused by every other socket, in every way of sending',
    async (kind) => {
      const seen = await stage.run('memory-scenarios.mjs', 'refused', kind);
      const ways = Object.keys(seen.codes);
      for (const way of ['udp run', 'tcp view', 'udp view sendTo', 'copying send', 'ring run']) {
        expect(ways).toContain(way);
      }
      expect(seen.codes).toEqual(
        Object.fromEntries(ways.map((way) => [way, 'ERR_ZEROSEND_WRONG_POOL'])),
      );
      expect(seen.given).toEqual([0, 0, 0, 0]);
      expect(seen.held).toEqual({ acquired: 5, inFlight: 0, mine: 1 });
      expect(seen.left).toEqual({ free: seen.count, retired: 0 });
      expect(seen).toMatchObject({ ids: 5, ...EXACT });
      expect(seen.afterwards).toBe('ERR_ZEROSEND_WRONG_POOL');
    },
  );
});
