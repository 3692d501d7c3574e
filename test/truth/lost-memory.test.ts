import { describe, expect, it } from 'vitest';
import type { BufferPoolStats } from 'zerosend';
import { startReceiver } from '../../rig/index.mjs';
import { needsRig, rigUp } from '../rig/needs.js';
import { Inside } from './inside.js';
import { stopWhenClosed, stopWhenQuiet } from './receiving.js';
import type { Report } from './reports.js';

const EAGAIN = 11;
const ENOMEM = 12;
const COUNT = 32;
const WITHOUT_END = { times: 1e9 };

interface LostReport extends Report {
  /** plain arrays that something still holds */
  kept: number;
  /** of the pool, after the abort */
  afterwards: BufferPoolStats;
  warnings: Record<string, number>;
}

async function lose(protocol: 'tcp' | 'udp', memory: 'arrays' | 'pool', fault?: object) {
  const rig = await rigUp('veth', { rate: '50mbit' });
  await using receiver = await startReceiver({ protocol, namespace: rig.receiver, seed: 'any' });
  const target = { protocol, address: rig.receiverAddress.v4, port: receiver.port };
  const size = { segmentSize: 1400, length: 46 * 1400, count: COUNT };
  const options = { testBuild: true, node: ['--no-warnings'] };
  const program = new Inside(rig, 'lost', { ...target, ...size, memory, fault }, options);
  const report = (await program.report()) as LostReport;
  const { revoked = 0 } = report.how;
  expect(report.closed).toMatchObject({ outcome: 'revoked', ids: COUNT });
  expect(report).toMatchObject({ ids: COUNT, missing: 0, twice: 0, unknown: 0, inFlight: 0 });
  expect(revoked).toBeGreaterThanOrEqual(4);
  // Whatever became of the memory: nobody else's bytes have gone out.
  const received = await (protocol === 'tcp' ? stopWhenClosed(receiver) : stopWhenQuiet(receiver));
  expect(received).toMatchObject({ checked: true, wrongBytes: 0 });
  if (protocol === 'udp') {
    expect(received).toMatchObject({ unique: report.datagrams, corrupt: 0, duplicates: 0 });
  }
  return { report, revoked };
}

describe('memory that cannot be parted from the kernel', await needsRig('veth'), () => {
  describe.each(['tcp', 'udp'] as const)('over %s', (protocol) => {
    it.each([
      ['clone(2) fails', { call: 'clone_process', error: EAGAIN, ...WITHOUT_END }],
      ['madvise(2) fails', { call: 'madvise', error: ENOMEM, ...WITHOUT_END }],
    ])('plain arrays are held for ever, with a warning, when %s', async (_, fault) => {
      const { report, revoked } = await lose(protocol, 'arrays', fault);
      expect(report.warnings).toEqual({ ZEROSEND_MEMORY_LOST: revoked });
      expect(report.kept).toBe(revoked);
    });

    it('plain arrays are let go of, without a warning, when they can', async () => {
      const { report } = await lose(protocol, 'arrays');
      expect(report).toMatchObject({ warnings: {}, kept: 0 });
    });

    it('slots are never handed out again', async () => {
      const fault = { call: 'remap', error: ENOMEM, ...WITHOUT_END };
      const { report, revoked } = await lose(protocol, 'pool', fault);
      expect(report.afterwards).toMatchObject({
        free: COUNT - revoked,
        retired: revoked,
        acquired: 0,
        inFlight: 0,
      });
    });
  });

  // A fork copies a page for the child when it may be pinned, and leaves the original with us.
  describe('a page with more than a thousand references', () => {
    async function giveUpOnPage(how: { pin: boolean; insist?: boolean }) {
      const rig = await rigUp('veth', { rate: '20mbit', optmem: 4 << 20 });
      const namespace = rig.receiver;
      await using receiver = await startReceiver({ protocol: 'udp', namespace, seed: 'any' });
      const target = { address: rig.receiverAddress.v4, port: receiver.port };
      const options = { node: ['--no-warnings'] };
      const program = new Inside(
        rig,
        'pinned',
        { ...target, ...how, interface: rig.senderInterface.name },
        options,
      );
      const report = (await program.report()) as unknown as Record<string, number>;
      expect(report.kernelIds).toBe(1600);
      expect(report.inFlight).toBeGreaterThan(1200);
      const received = await stopWhenQuiet(receiver);
      return { report, received };
    }

    it('is parted, in a process that has never pinned memory', async () => {
      const { report, received } = await giveUpOnPage({ pin: false });
      expect(report.lost).toBe(0);
      expect(received).toMatchObject({ checked: true, unique: 1, corrupt: 0 });
    });

    it('is held for ever in one that has', async () => {
      const { report, received } = await giveUpOnPage({ pin: true });
      expect(report.lost).toBe(report.revoked);
      expect(received).toMatchObject({ checked: true, unique: 1, corrupt: 0 });
    });

    it('is caught when it is rewritten all the same', async () => {
      const { received } = await giveUpOnPage({ pin: true, insist: true });
      expect(received.corrupt).toBeGreaterThan(500);
    });
  });
});
