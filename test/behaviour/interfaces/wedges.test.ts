import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createRig, type Rig } from '../../../rig/index.mjs';
import { needsRig } from '../../rig/needs.js';
import { hasTool, isRoot, needs, needsHere } from '../../support/requirements.js';
import { type Stage, setStage } from './place.js';

const EXACT = { missing: 0, twice: 0, unknown: 0 };
const FRAMES = 8192;
const PROGRAM = fileURLToPath(new URL('program.mjs', import.meta.url));
const slow = { rate: { rate: '200mbit', burst: '16kb', limit: '64mb' } };

describe('a kick that stops half-way', await needsRig('sink', slow), () => {
  let rig: Rig;
  beforeAll(async () => {
    rig = await createRig('sink', slow);
  });
  afterAll(() => rig?.dispose());

  // Without CAP_NET_ADMIN the send buffer is what net.core.wmem_max allows.
  const without = ['--inh-caps', '--ambient-caps', '--bounding-set'].map(
    (set) => `${set}=-all,+net_raw`,
  );
  const unprivileged = [
    '--reuid=65534',
    '--clear-groups',
    ...without,
    process.execPath,
    PROGRAM,
    'wedge-scenarios.mjs',
  ];
  const run = async (scenario: string, kind: string) => {
    const place = JSON.stringify({ interface: rig.senderInterface.name });
    const { stdout } = await rig.sender.run('setpriv', [...unprivileged, scenario, kind, place], {
      timeout: 60_000,
    });
    return JSON.parse(stdout.trim().split('\n').at(-1) ?? '');
  };
  const needed = needs(isRoot() && hasTool('setpriv'), 'root and the tool setpriv');

  it.for([
    ['sent one by one', 'packet'],
    ['sent in runs', 'runs'],
  ] as const)('is tried again by the timer alone: frames %s', needed, async ([, how], context) => {
    const seen = await run('halfKick', how);
    needsHere(context, seen.sendBufferSize < FRAMES * 2000, 'a small net.core.wmem_max');
    expect(seen).toMatchObject({ ids: FRAMES, how: { zerocopy: FRAMES }, ...EXACT });
    expect(seen.report).toMatchObject({ outcome: 'drained', ids: FRAMES, unfinished: 0 });
    expect(seen.kicks).toBeLessThan(FRAMES * 2); // it backs off, and never spins
  });

  it('is tried again while the socket closes', needed, async () => {
    const seen = await run('halfKickClosed', 'packet');
    expect(seen).toMatchObject({ ids: FRAMES, how: { zerocopy: FRAMES }, ...EXACT });
    expect(seen.report).toMatchObject({ outcome: 'drained', ids: FRAMES, unfinished: 0 });
  });
});

describe('frames that the kernel calls malformed', await needsRig('veth'), () => {
  let stage: Stage;
  beforeAll(async () => {
    stage = await setStage();
  });
  afterAll(() => stage?.dispose());
  const run = (scenario: string) => stage.run('wedge-scenarios.mjs', scenario, 'packet');

  it('fail alone: those behind go out in order, and the ring goes on', async () => {
    const seen = await run('malformedAlone');
    expect(seen.ends).toEqual([
      '0-0 zerocopy',
      '1-1 failed',
      '2-2 zerocopy',
      '3-4 failed',
      '5-5 zerocopy',
      '6-7 zerocopy',
      ...seen.ends.slice(6),
    ]);
    expect(seen).toMatchObject({ behind: 0, templates: [true, true, true], ids: 308, ...EXACT });
    expect(seen.how).toEqual({ zerocopy: 305, failed: 3 });
    expect(seen.report.unfinished).toBe(3);
  });

  it.each(['cooked', 'bypass', 'offload'])('fail alone: %s', async (name) => {
    const seen = (await run('malformedOtherwise'))[name];
    expect(seen).toMatchObject({ ids: 104, how: { zerocopy: 103, failed: 1 }, ...EXACT });
  });

  it('fail alone: dropped each time by what is behind the interface', async (context) => {
    const seen = await run('droppedAlone');
    const books = { ids: 6, how: { zerocopy: 3, failed: 3 }, ...EXACT };
    expect(seen.queue).toMatchObject({ refused: true, ...books });
    // Before Linux 6.16 the driver of veth says nothing of what the other end does not take.
    needsHere(context, seen.peer.refused, 'a veth driver that reports drops');
    expect(seen.peer).toMatchObject(books);
  });

  it('do not reach the ring: offload headers', async () => {
    const seen = await run('offloads');
    const MALFORMED = 'ERR_ZEROSEND_FRAME_MALFORMED';
    expect(seen.codes).toEqual({
      tcp4: null,
      tcp4Ecn: null,
      tcp4Tagged: null,
      tcp6: null,
      udp4: null,
      checksumOnly: null,
      tcp4OnIp6: MALFORMED,
      tcp6OnIp4: MALFORMED,
      udpOnArp: MALFORMED,
      byFrags: MALFORMED,
      noSize: MALFORMED,
      ecnAlone: MALFORMED,
      accurateEcn: MALFORMED,
      tunnel: MALFORMED,
      udpEcn: MALFORMED,
      tcpChecksumElsewhere: MALFORMED,
      udpChecksumElsewhere: MALFORMED,
      udpTooManySegments: MALFORMED,
      startInLinkHeader: MALFORMED,
      startInIp6Header: MALFORMED,
      noRoomForTcp: MALFORMED,
      headerBeyond: MALFORMED,
      checksumBeyond: MALFORMED,
      checksumFarOff: MALFORMED,
      noChecksum: MALFORMED,
      notTcp: MALFORMED,
      shortTcpHeader: MALFORMED,
      tcpHeaderBeyond: MALFORMED,
    });
    expect(seen.batchError).toEqual({ code: MALFORMED, index: 2 });
    expect(seen.runError).toEqual({ code: MALFORMED, index: 1 });
    expect(seen).toMatchObject({ how: { zerocopy: seen.good + 6 + 4 }, ...EXACT });
    expect(seen.report.outcome).toBe('drained');
  });

  it(
    'do not reach the ring: a device without link header',
    needs(hasTool('python3'), 'the tool python3'),
    async () => {
      const TOO_LONG = 'ERR_ZEROSEND_FRAME_TOO_LONG';
      const codes = { 1: null, 20: null, 100: null, 1400: null, 1401: TOO_LONG, 1404: TOO_LONG };
      const { plain, offload } = await run('noLinkHeader');
      expect(plain).toMatchObject({ codes: { ...codes, 1414: TOO_LONG }, ids: 5, ...EXACT });
      expect(plain).toMatchObject({ maxSendLength: 1400, how: { zerocopy: 5 } });
      expect(offload).toMatchObject({ codes: { ...codes, 1414: TOO_LONG }, ids: 5, ...EXACT });
      expect(offload.how).toEqual({ zerocopy: 5 });
      expect(plain.arrived).toContain(1400);
    },
  );
});
