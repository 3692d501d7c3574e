import { describe, expect, it } from 'vitest';
import { canMakeNamespaces, needs } from '../../support/requirements.js';
import { runAlone } from './place.js';

const MODULE = 'link-scenarios.mjs';
const EXACT = { missing: 0, twice: 0, unknown: 0 };
const TOO_LONG = 'ERR_ZEROSEND_FRAME_TOO_LONG';
const DRAINED = { outcome: 'drained', unfinished: 0 };
const DOWN =
  "ZEROSEND_LINK_DOWN interface 'NAME' is down: frames wait in the ring until it is up again";
const NO_CARRIER =
  "ZEROSEND_LINK_DOWN interface 'NAME' has no carrier: it drops what it is given, and " +
  'stats().interfaceDropped counts that';

const tooLong = (most: number, mtu: number, received: number, name = 'NAME') => ({
  code: TOO_LONG,
  message: `a frame must have at most ${most} bytes (4 fewer without a VLAN tag) on ${name}, whose MTU is ${mtu}; received ${received}`,
});

describe('under an open socket', needs(canMakeNamespaces(), 'making network namespaces'), () => {
  describe.each(['packet', 'xdp'] as const)('%s', (kind) => {
    const how = kind === 'packet' ? 'zerocopy' : 'copied';
    const run = (scenario: string) => runAlone(MODULE, scenario, kind);

    it('the MTU dips, comes back and grows: frames keep to what it is', async () => {
      const seen = await run('mtu');
      // The kernel refuses frames of a transmit ring by itself; AF_XDP would send them.
      if (kind === 'xdp') expect(seen.dip).toMatchObject(tooLong(1018, 1000, 1400));
      expect(seen.dipAgain).toMatchObject(tooLong(1018, 1000, 1400));
      expect(seen.dipInfo).toEqual({ mtu: 1000, maxSendLength: 1018 });
      const sent = { first: null, dipShort: null, back: null, grown: null, full: null };
      expect(seen).toMatchObject({ ...sent, grownBatch: null, ...EXACT });
      expect(seen.grownInfo).toEqual({ mtu: 3000, maxSendLength: 3018 });
      expect(seen.beyond).toMatchObject(tooLong(3018, 3000, 3015));
      const { message, ...batch } = tooLong(3018, 3000, 3015);
      expect(seen.beyondBatch).toMatchObject({ ...batch, message: `buffers[1]: ${message}` });
      expect(seen.huge).toEqual({ mtu: 9000, maxSendLength: kind === 'packet' ? 4064 : 4096 });
      const { failed = 0, ...others } = seen.how;
      expect(failed).toBe(seen.dip === null ? 1 : 0);
      expect(others).toEqual({ [how]: 7 });
    });

    it('the MTU shrinks while a program sends without a pause: it is told', async () => {
      const seen = await run('mtuWhileBusy');
      expect(seen).toMatchObject({ refused: TOO_LONG, ...EXACT });
    });

    it('the interface is renamed: what is told is of it, and not of its old name', async () => {
      const seen = await run('renamed');
      expect(seen).toMatchObject({
        before: 'NAME',
        after: { name: 'OTHER', mtu: 1200 },
        same: true,
        refused: tooLong(1218, 1200, 1400, 'OTHER'),
        sent: null,
        closed: 'OTHER',
      });
      expect(seen.report).toMatchObject(DRAINED);
    });

    it('it is removed and made again: an idle socket says so, and a new one works', async () => {
      const seen = await run('removed');
      expect(seen.told).toBe(true);
      const [error, report] = seen.events;
      expect(error).toMatchObject({ code: 'ENXIO', interface: 'NAME' });
      expect(error.message).toContain(`interface 'NAME' (index ${seen.index}) is gone`);
      expect(error.message).toContain('open a new socket');
      expect(report).toMatchObject({ outcome: 'aborted', ids: 1, unfinished: 0 });
      expect(seen.late).toMatchObject({ code: 'ERR_ZEROSEND_SOCKET_CLOSED' });
      expect(seen.late.message).toContain(error.message);
      expect(seen).toMatchObject({ refused: null, how: { [how]: 1 }, ...EXACT });
      expect(seen.report).toMatchObject(DRAINED);
    });

    it('it is removed while frames wait: they have failed, and are free again', async () => {
      const seen = await run('removedWhileDown');
      const report = { outcome: 'aborted', ids: 20, unfinished: 20, error: { code: 'ENXIO' } };
      expect(seen.events).toMatchObject(['ENXIO', report]);
      expect(seen).toMatchObject({ prompt: true, acquired: 0, inFlight: 0, retired: 0 });
      expect(seen).toMatchObject({ how: { failed: 20 }, ...EXACT });
    });

    it('it leaves a bridge: that is not its end', async () => {
      const seen = await run('leavesBridge');
      expect(seen).toMatchObject({ events: [], sent: null, gone: 'up' });
    });

    it('it goes down: one warning each time, and the frames go when it is up', async () => {
      const seen = await run('down');
      expect(seen.warnings).toEqual([DOWN, DOWN]);
      const up = { index: true, up: true, carrier: true, operstate: 'up' };
      const down = { index: true, up: false, carrier: false, operstate: 'down' };
      expect(seen.links).toEqual([up, down, down, up]);
      // Two sockets on the interface are told once.
      expect(seen.arrived).toBe(kind === 'packet' ? 20 : 10);
      expect(seen).toMatchObject({ how: { [how]: 10 }, ...EXACT });
    });

    it('it has no carrier: a warning, and what it drops is counted', async () => {
      const seen = await run('noCarrier');
      expect(seen.warnings).toEqual([NO_CARRIER]);
      const link = { index: 0, up: true, carrier: false, operstate: 'lowerlayerdown' };
      expect(seen).toMatchObject({ link, interfaceDropped: 40, closed: 40 });
      expect(seen.report).toMatchObject(DRAINED);
    });

    it('generate reports what an interface without a carrier has dropped', async () => {
      const report = await run('generateNoCarrier');
      expect(report).toMatchObject({ ended: 'count', packets: 200, interfaceDropped: 200 });
    });

    it('generate and close end where it stays down, and say so', async () => {
      const seen = await run('generateDown');
      expect(seen.warnings).toEqual([DOWN]);
      expect(seen.report).toMatchObject({ ended: 'seconds', packets: 64, unfinished: 64 });
      expect(seen.generated).toBeLessThan(4500); // and not five seconds after the last send
      expect(seen.closing).toBeLessThan(3000); // its timeout is 0.1 s
      const outcome = kind === 'packet' ? 'aborted' : 'revoked';
      expect(seen.closed).toMatchObject({ outcome, ids: 64, unfinished: 64 });
      expect(seen).toMatchObject({
        how: { [kind === 'packet' ? 'failed' : 'revoked']: 64 },
        ...EXACT,
      });
    });

    it('generate goes on over a link that flaps', async () => {
      const seen = await run('generateFlaps');
      const all = { packets: 500, failed: 0, unfinished: 0, arrived: 500 };
      expect(seen).toEqual({ ended: 'count', ...all });
    });

    it('generate rejects when it is removed, with the reason and its report', async () => {
      const seen = await run('generateGone');
      expect(seen.error).toMatchObject({ code: 'ENXIO', interface: 'NAME' });
      expect(seen.error.message).toContain('is gone');
      expect(seen.report).toMatchObject({ ended: 'error', packets: expect.any(Number) });
      expect(seen.report.packets).toBeGreaterThan(50);
      expect(seen.report.sends).toBe(seen.closed.ids);
      expect(seen.raised).toEqual([]); // who waits for generate need not listen to `error`
    });
  });

  it('packets of several frames keep to the MTU of now', async () => {
    const seen = await runAlone(MODULE, 'packets', 'xdp');
    expect(seen).toMatchObject({
      first: null,
      most: 1518,
      grown: { sent: null, most: 5018 },
      shrunk: { sent: tooLong(1018, 1000, 1500), most: 1018 },
      long: tooLong(1018, 1000, 4096),
    });
    expect(seen.report).toMatchObject(DRAINED);
  });

  it('generate over UDP rejects with its report when the way is down', async () => {
    const seen = await runAlone(MODULE, 'generateUdp', 'udp');
    expect(seen).toMatchObject({ ended: 'error', address: '198.18.0.2', some: true });
    expect(['ENETUNREACH', 'ENETDOWN', 'EHOSTUNREACH']).toContain(seen.code);
  });
});

describe('AF_XDP refused', needs(canMakeNamespaces(), 'making network namespaces'), () => {
  it('names interface, queue, and how many queues there are', async () => {
    const seen = await runAlone(MODULE, 'refusedQueues', 'xdp');
    const veth = { interface: 'NAME', queues: 4 };
    expect(seen.noQueue).toMatchObject({ code: 'EINVAL', queue: 7, ...veth });
    expect(seen.noQueue.message).toContain("transmit queue 7 of 'NAME', which has 4 (0 to 3)");
    expect(seen.taken).toMatchObject({ code: 'EBUSY', queue: 1, ...veth });
    expect(seen.taken.message).toContain('is in use by another socket');
    expect(seen.zerocopyVeth).toMatchObject({ code: 'ENOTSUP', queue: 0, ...veth });
    expect(seen.zerocopyIfb).toMatchObject({ code: 'ENOTSUP', interface: 'OTHER', queues: 1 });
    expect(seen.zerocopyLo).toMatchObject({ code: 'ENOTSUP', interface: 'lo', queues: 1 });
    expect(seen.noInterface).toMatchObject({ code: 'ENODEV', interface: 'zlnone' });
  });
});
