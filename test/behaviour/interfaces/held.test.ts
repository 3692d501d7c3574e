import { describe, expect, it } from 'vitest';
import { canMakeNamespaces, needs } from '../../support/requirements.js';
import { runAlone } from './place.js';

const EXACT = { missing: 0, twice: 0, unknown: 0 };
const MODULE = './held-scenarios.mjs';

describe('frames of a packet ring', needs(canMakeNamespaces(), 'making network namespaces'), () => {
  it.each(['plain', 'timestamps'])(
    'go past those that were acquired before them and released unsent: %s',
    async (kind) => {
      const seen = await runAlone(MODULE, 'released', kind);
      expect(seen.report).toMatchObject({ outcome: 'drained', ids: 122, unfinished: 0 });
      expect(seen).toMatchObject({ ...EXACT, how: { zerocopy: 122 }, balanced: true, free: 32 });
      // And not what stood in the places that were passed; some are the kernel's own.
      expect(seen.packets).toBeGreaterThanOrEqual(122);
      expect(seen.packets).toBeLessThan(132);
      expect(seen.warnings).toEqual([]);
    },
  );

  it('go past a run that was released', async () => {
    const seen = await runAlone(MODULE, 'run', 'packet');
    expect(seen.report).toMatchObject({ outcome: 'drained', ids: 101, unfinished: 0 });
    expect(seen).toMatchObject({ ...EXACT, warnings: [] });
  });

  it.each(['held', 'without loopback'])('tell of the one that they wait for: %s', async (kind) => {
    const seen = await runAlone(MODULE, 'held', kind);
    expect(seen.warnings).toEqual([
      {
        code: 'ZEROSEND_FRAME_HELD',
        message: expect.stringMatching(/^3 frames sent on interface 'held0' wait for buffer 0, /),
      },
    ]);
    expect(seen.ring).toMatchObject({ waiting: 3, waitsFor: 0 });
    expect(seen.after).not.toHaveProperty('waiting');
    expect(seen.waits).toBe(3);
    expect(seen.report).toMatchObject({ outcome: 'drained', ids: 4, unfinished: 0 });
    expect(seen).toMatchObject(EXACT);
  });

  it('and other pooled memory are sent as buffers, and retained where that works', async () => {
    const POOLED = 'ERR_ZEROSEND_POOLED_MEMORY';
    expect(await runAlone(MODULE, 'views', 'all')).toEqual({
      codes: {
        packet: POOLED,
        xdp: POOLED,
        udp: POOLED,
        'udp, a part': POOLED,
        'udp, sendTo': POOLED,
        'udp, a copy': null,
        'udp, of a ring': 'ERR_ZEROSEND_WRONG_POOL',
        'retain, packet': 'ERR_ZEROSEND_RETAIN_UNSUPPORTED',
        'retain, xdp': null,
        'retain, udp': null,
      },
      taken: [0, 0, 1],
      back: 8,
      free: 32,
    });
  });
});
