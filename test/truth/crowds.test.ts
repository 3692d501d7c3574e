import { describe, expect, it } from 'vitest';
import { startReceiver } from '../../rig/index.mjs';
import { needsRig, rigUp } from '../rig/needs.js';
import { Inside } from './inside.js';
import { stopWhenClosed, stopWhenQuiet } from './receiving.js';
import { expectBalanced, expectConstant } from './reports.js';

interface Case {
  protocol: 'tcp' | 'udp';
  sockets: number;
  count: number;
  rounds: number;
  length: number;
  rate: string;
}

describe('many sockets', await needsRig('veth'), () => {
  it.each<Case>([
    { protocol: 'tcp', sockets: 500, count: 4, rounds: 12, length: 16_384, rate: '200mbit' },
    { protocol: 'udp', sockets: 500, count: 4, rounds: 12, length: 14_000, rate: '200mbit' },
    { protocol: 'tcp', sockets: 64, count: 8, rounds: 60, length: 30_001, rate: '1gbit' },
    { protocol: 'udp', sockets: 64, count: 8, rounds: 60, length: 14_000, rate: '500mbit' },
  ])('$sockets that share $count buffers of one pool over $protocol', async ({ rate, ...size }) => {
    const { protocol, sockets, rounds, length } = size;
    // Whatever is in flight fits into the queue of the link.
    const rig = await rigUp('veth', { rate: { rate, limit: '64mb' } });
    await using receiver = await startReceiver({ protocol, namespace: rig.receiver });
    const target = { address: rig.receiverAddress.v4, ports: [receiver.port], segmentSize: 1400 };
    const report = await new Inside(rig, 'fan-out', { ...target, ...size }).report();
    expectBalanced(report);
    expectConstant(report);
    expect(report.ids).toBe(sockets * rounds);
    expect(report.how).toEqual({ zerocopy: report.ids });
    expect(report.closed).toEqual([]); // those that had not drained
    expect(report.pool.dry).toBeGreaterThan(0);
    const bytes = report.ids * length;
    const received = await (protocol === 'tcp'
      ? stopWhenClosed(receiver, sockets)
      : stopWhenQuiet(receiver));
    expect(received).toMatchObject({ checked: true, wrongBytes: 0, bytes });
    if (protocol === 'tcp') {
      expect(received).toMatchObject({ accepted: sockets, eof: sockets, resets: 0 });
    } else {
      const { datagrams } = report; // each comes once from every socket
      expect(received).toMatchObject({
        unique: datagrams,
        datagrams: sockets * datagrams,
        corrupt: 0,
      });
    }
  });
});
