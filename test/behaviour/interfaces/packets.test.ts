import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createRig, type Receiver, type Rig, startReceiver } from '../../../rig/index.mjs';
import { needsRig } from '../../rig/needs.js';

const PROGRAM = fileURLToPath(new URL('program.mjs', import.meta.url));
const EXACT = { missing: 0, twice: 0, unknown: 0 };

describe('packets of AF_XDP out of several frames', await needsRig('veth', { mtu: 9000 }), () => {
  let rig: Rig;
  beforeAll(async () => {
    rig = await createRig('veth', { mtu: 9000 });
  });
  afterAll(() => rig?.dispose());

  /** Runs a scenario beside a receiver that checks every byte of what arrives. */
  async function run(scenario: string, arrivals: (ids: number) => number) {
    const receiver: Receiver = await startReceiver({
      protocol: 'udp',
      seed: 7,
      gro: false,
      namespace: rig.receiver,
    });
    try {
      const place = { interface: rig.senderInterface.name, port: receiver.port, seed: 7 };
      const argv = [PROGRAM, 'packet-scenarios.mjs', scenario, 'xdp', JSON.stringify(place)];
      const { stdout } = await rig.sender.run(process.execPath, argv, { timeout: 40_000 });
      const seen = JSON.parse(stdout.trim().split('\n').at(-1) ?? '');
      const expected = arrivals(seen.ids);
      const arrived = await receiver.until(({ datagrams }) => datagrams >= expected, {
        timeout: 5000,
      });
      expect(arrived).toMatchObject({ wrongBytes: 0, corrupt: 0, datagrams: expected, drops: 0 });
      return { seen, arrived };
    } finally {
      await receiver.stop();
    }
  }

  it.each(['content2048', 'content4096'])('arrive byte for byte: %s', async (scenario) => {
    const { seen, arrived } = await run(scenario, (ids) => ids);
    expect(seen).toMatchObject({ consecutive: true, balanced: true, free: true, ...EXACT });
    expect(seen.report).toMatchObject({ outcome: 'drained', ids: 1500, unfinished: 0 });
    // One completion for each packet, however many of them the kernel has told.
    expect(seen).toMatchObject({ ids: 1500, sends: 1500, pieces: 0, how: { copied: 1500 } });
    expect(arrived).toMatchObject({ unique: 1500, missing: 0, duplicates: 0, reordered: 0 });
    expect(arrived).toMatchObject({ maxLength: 9000 - 28 });
    expect(seen.packets).toBeGreaterThanOrEqual(1500);
    expect(seen.packets).toBeLessThan(1510); // the kernel's own neighbour discovery
  });

  it('that cannot be are refused, and nothing is lost', async () => {
    const { seen } = await run('refusals', () => 1);
    const range = 'ERR_ZEROSEND_OUT_OF_RANGE';
    const argument = 'ERR_ZEROSEND_INVALID_ARGUMENT';
    expect(seen.codes).toEqual({
      noArray: argument,
      empty: range,
      tooMany: range,
      missing: argument,
      zero: range,
      fraction: range,
      notANumber: range,
      lastUnused: range,
      beyondAll: range,
      fewLengths: argument,
      zeroPart: range,
      longPart: range,
      textPart: argument,
      cutHeader: 'ERR_ZEROSEND_FRAME_MALFORMED',
      beyondMtu: 'ERR_ZEROSEND_FRAME_TOO_LONG',
      beyondMtuUntagged: 'ERR_ZEROSEND_FRAME_TOO_LONG',
      noBuffer: argument,
      bytes: argument,
      twice: 'ERR_ZEROSEND_BUFFER_IN_FLIGHT',
      foreign: 'ERR_ZEROSEND_WRONG_POOL',
      released: 'ERR_ZEROSEND_BUFFER_FREE',
    });
    expect(seen.message).toContain('at most 9018 bytes');
    expect(seen.message).toContain('received 9019');
    expect(seen.untouched).toEqual({ ids: 0, acquired: 18, inFlight: 0 });
    expect(seen).toMatchObject({
      inFlight: 'ERR_ZEROSEND_BUFFER_IN_FLIGHT',
      sentAlready: 'ERR_ZEROSEND_BUFFER_FREE',
      closed: 'ERR_ZEROSEND_SOCKET_CLOSED',
      stillHeld: 2,
      report: { outcome: 'drained', ids: 1, unfinished: 0 },
      ...EXACT,
    });
  });

  it('are never split by a ring that has room for a part of one', async () => {
    // 64 descriptors: twelve packets of five, and four are left over.
    const { seen } = await run('room', () => 13);
    const full = 'ERR_ZEROSEND_QUEUE_FULL';
    expect(seen.codes).toEqual([...Array(12).fill(null), full, full, null]);
    expect(seen).toMatchObject({ nextId: 12, inFlight: 12, leases: 5, free: 8, ids: 13, ...EXACT });
    expect(seen.report).toMatchObject({ outcome: 'drained', ids: 13, unfinished: 0 });
  });

  it.each(['aborted', 'closed'])('are given up whole when the socket is %s', async (scenario) => {
    const { seen } = await run(scenario, () => 3);
    expect(seen.before).toMatchObject({ inFlight: 21, acquired: 0, free: 43 });
    expect(seen.report).toMatchObject({ outcome: 'revoked', ids: 8, unfinished: 5 });
    expect(seen.how).toEqual({ copied: 3, revoked: 5 });
    // The kernel could still read every one of their frames.
    expect(seen.after).toMatchObject({ inFlight: 0, acquired: 0, free: 43, retired: 21 });
    expect(seen).toMatchObject({ balanced: true, ids: 8, ...EXACT });
    expect(seen.ms).toBeLessThan(2000);
  });

  it('use up one lease of each buffer for each place that it has in them', async () => {
    const { seen } = await run('leases', () => 1); // the second is no UDP packet
    expect(seen.once).toMatchObject({ free: 7, acquired: 1, inFlight: 0 });
    expect(seen.end).toMatchObject({ free: 8, acquired: 0, inFlight: 0 });
    expect(seen).toMatchObject({ ids: 2, how: { copied: 2 }, ...EXACT });
  });
});
