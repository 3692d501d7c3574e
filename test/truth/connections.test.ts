import { describe, expect, it } from 'vitest';
import { type ReceiverOptions, type RigOptions, startReceiver } from '../../rig/index.mjs';
import { needsRig, rigUp } from '../rig/needs.js';
import { Inside } from './inside.js';
import { stopWhenClosed, stopWhenQuiet } from './receiving.js';
import { expectBalanced, expectConstant, type Report } from './reports.js';
import { sendAll, startSends } from './sending.js';

const LENGTH = 65_521;
const tcp = { protocol: 'tcp', length: LENGTH } as const;

interface LoopsReport extends Report {
  outcomes: Record<string, number>;
}

describe('connections that end', await needsRig('veth'), () => {
  /** Sends until the peer resets the connection; nothing has got lost but what it did not read. */
  async function sendIntoReset(options: RigOptions, receiving: Partial<ReceiverOptions>) {
    const rig = await rigUp('veth', options);
    const socketOptions = { sendBufferSize: 8 << 20 };
    const stops = receiving.stopAfter !== undefined;
    const sends = { ...tcp, sends: stops ? 100 : 600, count: 128, untilClosed: true };
    const all = { ...sends, record: true, socketOptions };
    // The kernel grants what net.core.wmem_max allows, which is warned of and enough here.
    const node = ['--disable-warning=ZEROSEND_SEND_BUFFER_CAPPED'];
    const running = await startSends(rig, all, { testBuild: true, node }, receiving);
    const { receiver, program } = running;
    if (stops) {
      await program.next('sent');
      await receiver.reset();
    }
    const done = await running.report();
    expectBalanced(done);
    expect(done.closed.outcome).toBe('aborted');
    expect(done.closed.unfinished).toBe(done.how.failed ?? 0);
    expect(done.how).not.toHaveProperty('revoked');
    expect(done.errors).toHaveLength(1);
    expect(['ECONNRESET', 'EPIPE']).toContain(done.errors[0]);
    const received = await receiver.stop();
    expect(received).toMatchObject({ checked: true, wrongBytes: 0, resetsSent: 1 });
    expect(done.bytes - received.bytes).toBeGreaterThan(4 * LENGTH);
    return done;
  }

  it('by a reset complete every id, also those that the kernel reports out of order', async () => {
    // Whether it does depends on where in the queue the reset strikes.
    let disorder = 0;
    let late = 0;
    for (let run = 0; run < 40 && (run < 3 || late === 0); run++) {
      const done = await sendIntoReset({ rate: '300mbit' }, { resetAfter: 8e6 });
      disorder += done.disorder ?? 0;
      late += done.late;
    }
    expect(disorder).toBeGreaterThan(0);
    expect(late).toBeGreaterThan(0); // and the ids behind came when the kernel had let go of them
  }, 60_000);

  it('by a reset while nothing can be sent complete every id', async () => {
    for (let run = 0; run < 3; run++) {
      await sendIntoReset({}, { stopAfter: 2e6, rcvbuf: 1 << 20 });
    }
  });

  it.each([
    ['of the peer', { halfCloseAfter: 3e6 }],
    ['of the peer at once', { halfCloseAfter: 1 }],
    ['of our own, to which the peer never answers', { keepOpen: true }],
  ])('by a half-close %s get all they were sent', async (_, receiving) => {
    const rig = await rigUp('veth', { rate: '400mbit' });
    const { report, received } = await sendAll(rig, { ...tcp, sends: 600 }, {}, receiving);
    expectBalanced(report);
    expectConstant(report);
    expect(report.how).toEqual({ zerocopy: report.ids });
    expect(received).toMatchObject({ accepted: 1, resets: 0, resetsSent: 0 });
  });

  describe.each(['close', 'abort'] as const)('in a loop, by %s()', (how) => {
    it.each(['tcp', 'udp'] as const)('leave nothing behind, over %s', async (protocol) => {
      const rig = await rigUp('veth');
      const seed = protocol === 'tcp' ? 'any' : 1;
      await using receiver = await startReceiver({ protocol, namespace: rig.receiver, seed });
      const target = { protocol, address: rig.receiverAddress.v4, port: receiver.port };
      const size = { loops: 300, sends: 6, length: 11 * 1400, segmentSize: 1400 };
      const report = (await new Inside(rig, 'reconnects', {
        ...target,
        ...size,
        how,
      }).report()) as LoopsReport;
      const { ids, how: ways, outcomes, pool } = report;
      expect(report).toMatchObject({ ids: 1800, missing: 0, twice: 0, unknown: 0, inFlight: 0 });
      expect(Object.values(ways).reduce((sum, count) => sum + count, 0)).toBe(ids);
      expect(pool).toMatchObject({ free: pool.count, retired: 0 });
      expectConstant(report);
      if (how === 'close') expect(outcomes).toEqual({ drained: 300 });
      const received = await (protocol === 'tcp'
        ? stopWhenClosed(receiver, 300)
        : stopWhenQuiet(receiver));
      expect(received).toMatchObject({ checked: true, wrongBytes: 0 });
      if (protocol === 'udp') {
        expect(received).toMatchObject({ unique: report.datagrams, corrupt: 0, duplicates: 0 });
      } else if (how === 'close') {
        expect(received).toMatchObject({ bytes: report.bytes, eof: 300, resets: 0 });
      }
    });
  });
});
