import { describe, expect, it } from 'vitest';
import type { BufferPoolStats } from 'zerosend';
import { startReceiver } from '../../rig/index.mjs';
import { needsRig } from '../rig/needs.js';
import { Inside, rigUp } from './inside.js';
import { stopWhenClosed, stopWhenQuiet } from './receiving.js';
import { expectBalanced, type Report } from './reports.js';

const COUNT = 32;
const LENGTH = 46 * 1400;

interface LeasesReport extends Report {
  doomed: Report;
  afterAbort: BufferPoolStats;
  afterSends: BufferPoolStats;
}

describe('a buffer that two sockets send, one of which is given up', await needsRig('veth'), () => {
  describe.each(['tcp', 'udp'] as const)('over %s', (protocol) => {
    it.each(['both in flight', 'lease left'])('goes out whole with the other: %s', async (when) => {
      const rig = await rigUp('veth', { rate: '50mbit' });
      const start = () => startReceiver({ protocol, namespace: rig.receiver });
      await using first = await start();
      await using second = await start();
      const ports = [first.port, second.port];
      const target = { protocol, address: rig.receiverAddress.v4, ports, when };
      const size = { segmentSize: 1400, length: LENGTH, count: COUNT };
      const program = new Inside(rig, 'leases', { ...target, ...size });
      const report = (await program.report()) as LeasesReport;

      const stop = protocol === 'tcp' ? stopWhenClosed : stopWhenQuiet;
      expect(await stop(first)).toMatchObject({ checked: true, wrongBytes: 0 });
      const whole = { checked: true, wrongBytes: 0, bytes: COUNT * LENGTH };
      expect(await stop(second)).toMatchObject(whole);
      expect(report.doomed).toMatchObject({ ids: COUNT, missing: 0, twice: 0, unknown: 0 });
      expect(report.doomed.how.revoked).toBeGreaterThanOrEqual(4);
      expect(report.closed.outcome).toBe('revoked');
      expectBalanced(report);
      // The other socket's sends, or the user's leases, kept each buffer from being free.
      if (when === 'lease left') {
        expect(report.afterAbort).toMatchObject({ acquired: COUNT, free: 0, inFlight: 0 });
        expect(report.afterSends).toMatchObject({ acquired: 0, free: 0, inFlight: COUNT });
      } else {
        expect(report.afterAbort.acquired).toBe(0);
        expect(report.afterAbort.inFlight).toBeGreaterThanOrEqual(4);
      }
    });
  });
});
