import { describe, expect, it } from 'vitest';
import { type ReceiverReport, type Rig, type RigOptions, startReceiver } from '../../rig/index.mjs';
import { needsRig, rigUp } from '../rig/needs.js';
import { Inside } from './inside.js';
import { stopWhenClosed, stopWhenQuiet } from './receiving.js';
import { expectBalanced, expectConstant, type Report } from './reports.js';

// Over all cases. A full run: ZEROSEND_BYTES=10e9 npm test -- test/truth/early-reuse.test.ts
const BYTES = Number(process.env.ZEROSEND_BYTES ?? 2e9);

interface Case {
  protocol: 'tcp' | 'udp';
  family?: 4 | 6;
  rig?: RigOptions;
  /** of the receiver, bytes a second */
  rate?: number;
  /** buffers of one sendMany() */
  many?: number;
}

async function generate(
  { protocol, family = 4, rig: options = {}, rate = 0, many = 1 }: Case,
  bytes: number,
  broken = false,
) {
  const rig = await rigUp('veth', options);
  const receiving = { protocol, family, namespace: rig.receiver, rate };
  await using receiver = await startReceiver(receiving);
  const { v4, v6 } = rig.receiverAddress;
  const address = family === 4 ? v4 : v6;
  const target = { protocol, address, port: receiver.port, segmentSize: 1400 };
  const timeout = deadline(bytes);
  const given = { ...target, bytes, count: 32, many, broken };
  const report = await new Inside(rig, 'generator', given, { timeout }).report();
  // What the link holds back comes after the completions of copies only: nothing was copied.
  expect(report.how).toEqual({ zerocopy: report.ids });
  expect(report.bytes).toBeGreaterThanOrEqual(bytes);
  const resent = await retransmissions(rig);
  const received = await (protocol === 'tcp' ? stopWhenClosed(receiver) : stopWhenQuiet(receiver));
  return { report, received, resent };
}

/** Milliseconds; by the slowest case. */
const deadline = (bytes: number) => 25_000 + bytes / 10_000;

/** The figures of a full run. */
function tell(name: string, report: Report, received: ReceiverReport, resent: number): void {
  const { bytes, ids, seconds, pool, datagrams } = report;
  const { wrongBytes, unique, drops } = received;
  const seen = { wrongBytes, unique, drops, resent, dry: pool.dry };
  console.log(JSON.stringify({ name, bytes, ids, datagrams, seconds, ...seen }));
}

/** Segments that the TCP of the sending end has sent again. */
async function retransmissions(rig: Rig): Promise<number> {
  const { stdout } = await rig.sender.run('cat', ['/proc/net/snmp']);
  const [names, values] = stdout
    .split('\n')
    .filter((line) => line.startsWith('Tcp:'))
    .map((line) => line.split(' '));
  return Number(values?.[names?.indexOf('RetransSegs') ?? -1]);
}

describe(
  'a buffer rewritten the moment it is acquired',
  await needsRig('veth', { loss: 0.5 }),
  () => {
    it.each([
      ['over TCP', 0.35, { protocol: 'tcp' }],
      ['over TCP and IPv6', 0.1, { protocol: 'tcp', family: 6 }],
      ['over TCP in batches', 0.05, { protocol: 'tcp', many: 8 }],
      ['to a slow TCP receiver', 0.1, { protocol: 'tcp', rate: 60e6 }],
      ['over TCP that retransmits', 0.15, { protocol: 'tcp', rig: { loss: 0.01 } }],
      ['over a slow link of TCP', 0.05, { protocol: 'tcp', rig: { rate: '500mbit' } }],
      ['over a link of UDP', 0.1, { protocol: 'udp', rig: { rate: '500mbit' } }],
      [
        'over UDP and IPv6',
        0.05,
        { protocol: 'udp', family: 6, rig: { rate: '500mbit' }, many: 4 },
      ],
      ['over UDP with loss', 0.05, { protocol: 'udp', rig: { rate: '500mbit', loss: 0.01 } }],
    ] as [string, number, Case][])(
      '%s is never seen with what comes after',
      async (name, share, how) => {
        const { report, received, resent } = await generate(how, share * BYTES);
        expect(received).toMatchObject({ checked: true, wrongBytes: 0, firstWrong: null });
        const loss = how.rig?.loss ?? 0;
        if (how.protocol === 'tcp') {
          expect(received).toMatchObject({ bytes: report.bytes, eof: 1, resets: 0 });
          if (loss > 0) expect(resent).toBeGreaterThan(100);
        } else {
          expect(received).toMatchObject({ corrupt: 0, duplicates: 0, late: 0, short: 0 });
          // The filter drops whole trains, so their number varies more than that of the datagrams.
          // What the receiver has no room for, on a busy machine, is not the sender's fault.
          const least = (1 - 5 * loss) * report.datagrams;
          if (received.drops === 0) expect(received.unique).toBeGreaterThanOrEqual(least);
          expect(received.unique).toBeGreaterThan(0.5 * report.datagrams);
          if (loss > 0) expect(received.unique).toBeLessThan(report.datagrams);
        }
        expect(report.closed.outcome).toBe('drained');
        expectBalanced(report);
        expectConstant(report);
        // Every buffer has been used again and again, and the sender was held up over it, by the
        // pool or by the kernel's room: whichever came to its end first.
        expect(report.ids).toBeGreaterThan(10 * report.pool.count);
        expect(report.pool.dry + report.drains).toBeGreaterThan(0);
        if (process.env.ZEROSEND_BYTES !== undefined) tell(name, report, received, resent);
      },
      deadline(BYTES) + 10_000,
    );

    // The same with a pool whose buffers are free as soon as they have been sent.
    it.each([
      ['a slow link of TCP', { protocol: 'tcp', rig: { rate: '500mbit' } }],
      ['a slow TCP receiver', { protocol: 'tcp', rate: 60e6 }],
      ['a link of UDP', { protocol: 'udp', rig: { rate: '500mbit' } }],
    ] as [string, Case][])('is caught over %s when the pool is broken', async (_, how) => {
      const { report, received } = await generate(how, 0.06e9, true);
      expect(received.checked).toBe(true);
      if (how.protocol === 'tcp') {
        expect(received.wrongBytes).toBeGreaterThan(0.1 * report.bytes);
      } else {
        // A train that is overwritten as a whole is another train, sent twice.
        expect(received.duplicates + received.corrupt).toBeGreaterThan(0.1 * report.datagrams);
        expect(received.unique).toBeLessThan(0.9 * report.datagrams);
      }
    });
  },
);
