import { describe, expect, it } from 'vitest';
import { startReceiver } from '../../rig/index.mjs';
import { needsRig } from '../rig/needs.js';
import { Inside, rigUp } from './inside.js';
import { stopWhenQuiet } from './receiving.js';
import { expectBalanced, type Report } from './reports.js';

interface RouteReport extends Report {
  /** Sends until zero copy went off, why, and sends until it was on again. */
  laps: { off: number; reason: string; on: number }[];
}

describe("zeroCopy 'auto'", await needsRig('veth'), () => {
  it('goes off where the kernel copies, and on again where it does not', async () => {
    const rig = await rigUp('veth');
    await using copying = await startReceiver({ protocol: 'udp', namespace: rig.sender });
    await using direct = await startReceiver({ protocol: 'udp', namespace: rig.receiver });
    const program = new Inside(rig, 'route-change', {
      copying: { address: '127.0.0.1', port: copying.port },
      direct: { address: rig.receiverAddress.v4, port: direct.port },
      length: 11 * 1400,
      segmentSize: 1400,
      rounds: 2,
    });
    const report = (await program.report()) as RouteReport;
    expectBalanced(report);
    expect(report.closed.outcome).toBe('drained');
    for (const { off, reason, on } of report.laps) {
      expect(off).toBe(16); // copied answers in a row
      expect(reason).toMatch(/kept copying/);
      expect(on).toBe(1024); // one send in so many asks again
    }
    expect(report.how).toEqual({ copied: 32, inline: 2 * 1023, zerocopy: 2 });
    const received = [await stopWhenQuiet(copying), await stopWhenQuiet(direct)];
    for (const each of received) expect(each).toMatchObject({ wrongBytes: 0, corrupt: 0 });
    expect(received.map(({ datagrams }) => datagrams)).toEqual([2 * 16 * 11, 2 * 1024 * 11]);
  });
});
