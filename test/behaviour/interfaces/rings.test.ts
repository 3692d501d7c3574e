import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { needsRig } from '../../rig/needs.js';
import { type Stage, setStage } from './place.js';

const RINGS = ['packet', 'xdp'] as const;
const EXACT = { missing: 0, twice: 0, unknown: 0 };

describe('sockets whose ring is their pool', await needsRig('veth'), () => {
  let stage: Stage;
  beforeAll(async () => {
    stage = await setStage();
  });
  afterAll(() => stage?.dispose());
  const run = (scenario: string, kind: 'packet' | 'xdp') =>
    stage.run('ring-scenarios.mjs', scenario, kind);

  it('lets frames of the transmit ring leave in the order of their acquisition', async () => {
    const seen = await run('order', 'packet');
    expect(seen.before).toEqual({}); // both wait for the first
    expect(seen).toMatchObject({ needDrain: true, handedOut: true, ids: 3, ...EXACT });
    expect(seen.how).toEqual({ zerocopy: 3 });
  });

  it('lets frames of AF_XDP leave at once', async () => {
    const seen = await run('order', 'xdp');
    expect(seen.before).toEqual({ copied: 2 });
    expect(seen).toMatchObject({ needDrain: false, ids: 3, ...EXACT });
  });

  describe.each(RINGS)('%s', (kind) => {
    it('sends as many frames as ids say', async () => {
      const { report, sent, stats } = await run('counted', kind);
      expect(report).toMatchObject({ outcome: 'drained', ids: 3000, unfinished: 0 });
      expect(sent).toBeGreaterThanOrEqual(3000);
      expect(sent).toBeLessThan(3010); // the kernel's own neighbour discovery
      expect(stats.inlined).toBe(300);
      expect(stats.completed).toBe(3000);
    });

    it('waits while the link is down, and goes on', async () => {
      const seen = await run('linkDown', kind);
      expect(seen.down).toEqual({ inFlight: 5, info: true });
      expect(seen.up).toEqual({ inFlight: 0, info: false });
      expect(seen.linkDown).toBeGreaterThan(0);
      expect(seen).toMatchObject({ ids: 6, ...EXACT });
      expect(seen.report.outcome).toBe('drained');
    });

    it('ends with one error when the interface is deleted', async () => {
      const seen = await run('interfaceDeleted', kind);
      expect(seen.events).toEqual(['ENXIO', 'close']);
      expect(seen).toMatchObject(EXACT);
      expect(seen.report.ids).toBe(seen.ids);
      expect(seen.report.outcome).not.toBe('drained');
    });

    it('refuses what cannot be before it reaches the ring', async () => {
      const { codes, ids, held, indices } = await run('refusedFrames', kind);
      expect(codes).toEqual({
        noSuchInterface: 'ENODEV',
        longName: 'ERR_ZEROSEND_OUT_OF_RANGE',
        noFrames: 'ERR_ZEROSEND_OUT_OF_RANGE',
        hugeFrame: 'ERR_ZEROSEND_OUT_OF_RANGE',
        oddFrame: 'ERR_ZEROSEND_OUT_OF_RANGE',
        tooLong: 'ERR_ZEROSEND_FRAME_TOO_LONG',
        tooLongUntagged: 'ERR_ZEROSEND_FRAME_TOO_LONG',
        tooShort: 'ERR_ZEROSEND_FRAME_MALFORMED',
        plainTooLong: 'ERR_ZEROSEND_FRAME_TOO_LONG',
        batch: 'ERR_ZEROSEND_FRAME_TOO_LONG',
      });
      expect({ ids, held }).toEqual({ ids: 0, held: 1 });
      expect(indices).toEqual([1, 2, 0]); // which of the frames of a batch it was
    });

    it('names the capability that it lacks', async () => {
      const program = fileURLToPath(new URL('unprivileged.mjs', import.meta.url));
      const { stdout } = await stage.rig.sender.run(
        process.execPath,
        [program, kind, stage.rig.senderInterface.name],
        { user: 65_534 } as never,
      );
      expect(JSON.parse(stdout)).toEqual({
        code: 'EPERM',
        message: expect.stringContaining('CAP_NET_RAW'),
      });
    });
  });

  it('does not wedge when the MTU shrinks under a frame', async () => {
    const seen = await run('mtuShrinks', 'packet');
    expect(seen).toMatchObject({ refused: 'ERR_ZEROSEND_FRAME_TOO_LONG', ...EXACT });
    expect(seen.ids).toBe(204);
    expect(seen.how).toEqual({ zerocopy: 203, failed: 1 }); // it alone
  });

  it('takes offload headers that the kernel takes', async () => {
    const seen = await run('offload', 'packet');
    expect(seen.codes).toEqual({
      plain: null,
      tso: null,
      unknownType: 'ERR_ZEROSEND_FRAME_MALFORMED',
      noSegmentSize: 'ERR_ZEROSEND_FRAME_MALFORMED',
      noChecksum: 'ERR_ZEROSEND_FRAME_MALFORMED',
      headerTooLong: 'ERR_ZEROSEND_FRAME_MALFORMED',
      checksumBeyond: 'ERR_ZEROSEND_FRAME_MALFORMED',
      longWithoutTso: 'ERR_ZEROSEND_FRAME_TOO_LONG',
      short: 'ERR_ZEROSEND_FRAME_MALFORMED',
    });
    expect(seen).toMatchObject({ ids: 2, how: { zerocopy: 2 }, ...EXACT });
  });

  it('has the kernel write the link header', async () => {
    const { raw, cooked } = await run('cooked', 'packet');
    expect(cooked.report).toMatchObject({ outcome: 'drained', ids: 10, unfinished: 0 });
    expect(cooked.bytes).toBeGreaterThanOrEqual(10_000);
    // The same on the wire; the library has handed over ten headers less.
    const bytesAccepted = raw.report.bytesAccepted - 10 * 14;
    expect(cooked).toEqual({ ...raw, report: { ...raw.report, bytesAccepted } });
  });

  it('says what AF_XDP has granted', async () => {
    const seen = await run('modes', 'xdp');
    expect(seen.best).toMatchObject({ granted: 'copy', queue: 0 });
    expect(seen.copy).toMatchObject({ granted: 'copy', reason: "the option mode is 'copy'" });
    expect(seen.zerocopy).toBe('ENOTSUP');
    expect(seen.taken).toBe('EBUSY'); // another socket has the queue
    expect(seen.noQueue).toBe('EINVAL');
  });
});
