import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { needsRig } from '../../rig/needs.js';
import { type Stage, setStage } from './place.js';

const KINDS = ['tcp', 'udp', 'packet', 'xdp'] as const;
const RINGS = ['packet', 'xdp'] as const;
const EXACT = { missing: 0, twice: 0, unknown: 0 };

describe('runs', await needsRig('veth'), () => {
  let stage: Stage;
  beforeAll(async () => {
    stage = await setStage();
  });
  afterAll(() => stage?.dispose());
  const play = (scenario: string, kind: (typeof KINDS)[number]) =>
    stage.run('run-scenarios.mjs', scenario, kind);

  it.each(KINDS)('%s: go round the pool among arrays and single buffers', async (kind) => {
    const seen = await play('mixed', kind);
    expect(seen).toMatchObject({ wrong: 0, longest: 19, ids: seen.sends, ...EXACT });
    expect(seen.report).toMatchObject({ ids: seen.sends, unfinished: 0 });
    expect(seen.left).toEqual({ free: seen.count, acquired: 0, inFlight: 0 });
  });

  it.each(KINDS)('%s: stay with their user when they are refused', async (kind) => {
    const { codes, another, held, twice, closed, left, count } = await play('refused', kind);
    const ring = kind === 'packet' || kind === 'xdp';
    const range = 'ERR_ZEROSEND_OUT_OF_RANGE';
    const argument = 'ERR_ZEROSEND_INVALID_ARGUMENT';
    expect(codes).toEqual([...Array(5).fill(range), ...Array(3).fill(argument), range, range]);
    expect(another).toBe(ring ? 'ERR_ZEROSEND_WRONG_POOL' : null);
    expect(held.ids).toBe(0);
    expect(held.free + held.acquired + held.inFlight).toBe(count);
    if (ring) expect(held).toEqual({ ids: 0, free: count - 4, acquired: 4, inFlight: 0 });
    expect(twice).toEqual(['ERR_ZEROSEND_BUFFER_FREE', 'ERR_ZEROSEND_BUFFER_FREE']);
    expect(closed).toBe('ERR_ZEROSEND_SOCKET_CLOSED');
    expect(left).toEqual({ free: count, acquired: 0, inFlight: 0 });
  });

  it('of the transmit ring wait for a frame that was acquired before them', async () => {
    const seen = await play('order', 'packet');
    expect(seen.before).toEqual({});
    expect(seen.needDrain).toBe(true);
    expect(seen.between).toEqual({ zerocopy: 11 }); // not those behind the run that is held
    // What was given back is handed out next, and no run reaches over what is out.
    expect(seen.where).toEqual([
      [0, 3],
      [3, 2],
    ]);
    expect(seen).toMatchObject({ ids: 22, ...EXACT });
    expect(seen.report).toMatchObject({ outcome: 'drained', ids: 22, unfinished: 0 });
  });

  it('of AF_XDP leave at once', async () => {
    const seen = await play('order', 'xdp');
    expect(seen.before).toEqual({ copied: 16 });
    expect(seen.needDrain).toBe(false);
    expect(seen).toMatchObject({ ...EXACT });
    expect(seen.report.outcome).toBe('drained');
  });

  it.each(RINGS)('%s: end, each id once, when their socket is given up', async (kind) => {
    const seen = await play('givenUp', kind);
    expect(seen.out).toEqual({ free: 0, acquired: 0, inFlight: seen.count });
    expect(seen.report).toMatchObject({ ids: seen.count, unfinished: seen.count });
    expect(seen).toMatchObject({ ids: seen.count, ...EXACT });
    // What the kernel may have is not used again.
    expect(seen.retired).toBe(seen.how.revoked ?? 0);
    expect(seen.left).toEqual({ free: seen.count - seen.retired, acquired: 0, inFlight: 0 });
  });

  it.each(KINDS)('%s: are waited for in turn, one buffer each while others wait', async (kind) => {
    const { count, ...seen } = await play('waiting', kind);
    expect(seen.aborted).toBe('AbortError');
    expect(seen.served[0]).toBe('high 1');
    expect(seen.served[1]).toMatch(/^low \d+$/);
    expect(seen.longest).toBeGreaterThan(30);
    expect([seen.rejected, seen.after]).toEqual(Array(2).fill('ERR_ZEROSEND_POOL_CLOSED'));
    expect(seen.left).toEqual({ free: count, acquired: 0, inFlight: 0 });
  });
});
