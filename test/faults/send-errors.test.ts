import { describe, expect, it } from 'vitest';
import { itInline } from '../support/submit.js';
import { byThread } from './handed-over.mjs';
import {
  clearFaultsAfterEach,
  holdBack,
  keepInFlight,
  sharedTcpReceiver,
  withReceiver,
} from './peers.js';
import { Sender, within } from './sender.mjs';
import { ALWAYS, type Errno, faults, inject, UdpSocket } from './zerosend.mjs';

const tcp = sharedTcpReceiver();
clearFaultsAfterEach();

/** End a connection. */
const FATAL: Errno[] = [
  'EPIPE',
  'ECONNRESET',
  'ETIMEDOUT',
  'EIO',
  'ENOTCONN',
  'ENETUNREACH',
  'EHOSTUNREACH',
];
/** Are about the one message. */
const OWN_FAULT: Errno[] = ['EFAULT', 'EINVAL', 'EMSGSIZE', 'EPERM', 'ENOTSUP'];
/** Tell of an earlier datagram, and of nothing else. */
const EARLIER: Errno[] = ['ECONNREFUSED', 'EPROTO', 'ENOPROTOOPT'];
/** Tell of an earlier datagram, or, when they go on, of this one. */
const MAYBE: Errno[] = ['EHOSTUNREACH', 'ENETUNREACH', 'EACCES', 'EMSGSIZE', 'ENOTSUP'];
const SOFT: Errno[] = [...EARLIER, ...MAYBE];

async function expectSelfClosed(sender: Sender, code: Errno): Promise<void> {
  // By itself, not when a close() would give up.
  await within(sender.books.closed, `the close that follows ${code}`, 4000);
  expect(sender.books.errors).toMatchObject([{ code, syscall: 'sendto' }]);
  expect(sender.books.report).toMatchObject({ outcome: 'aborted' });
  // And nothing is taken any more.
  expect(sender.send()).toBe('ERR_ZEROSEND_SOCKET_CLOSED');
  expect(sender.sendMany([1000])).toBe('ERR_ZEROSEND_SOCKET_CLOSED');
  expect((await sender.finish()).problems).toEqual([]);
}

describe('TCP: an error that ends the connection', () => {
  it.each(FATAL)('%s at the first send', async (error) => {
    const sender = await Sender.tcp(tcp.current);
    inject('sendto', { error });
    expect(sender.send()).toBe(error);
    await expectSelfClosed(sender, error);
    expect(sender.books.accepted).toBe(0);
  });

  it.each(FATAL)('%s with sends in flight, which still complete', async (error) => {
    const sender = await Sender.tcp(tcp.current);
    keepInFlight();
    for (let i = 0; i < 5; i++) expect(sender.send()).toBe('accepted');
    inject('sendto', { error });
    expect(sender.send()).toBe(error);
    expect(sender.socket.inFlight).toBe(5);
    inject('recvmsg'); // the completions can be read again
    await expectSelfClosed(sender, error);
    expect(sender.books.ids.how).toEqual({ copied: 5 });
  });

  it.each(FATAL)('%s while sends wait for room, which fail', async (error) => {
    const sender = await Sender.tcp(tcp.current);
    expect(sender.send()).toBe('accepted');
    holdBack();
    for (let i = 0; i < 5; i++) expect(sender.send()).toBe('accepted');
    expect(sender.socket.needDrain).toBe(true);
    inject('sendto', { error });
    await expectSelfClosed(sender, error);
    expect(sender.books.ids.how).toEqual({ copied: 1, failed: 5 });
  });

  it.each([...FATAL, ...OWN_FAULT])('%s after a part of a send, which fails', async (error) => {
    const sender = await Sender.tcp(tcp.current);
    inject('sendto', { limit: 500, times: 2 }, { error });
    expect(sender.send(4000)).toBe('accepted');
    await expectSelfClosed(sender, error);
    expect(sender.books.ids.how).toEqual({ failed: 1 });
    expect(sender.socket.stats()).toMatchObject({ kernelSends: 2, kernelIds: 2 });
  });

  it('EPIPE within sendMany ends it: what is left fails', async () => {
    const sender = await Sender.tcp(tcp.current, { zeroCopy: 'auto' });
    // Three calls, since zero-copied and copied messages cannot share one; the second is refused.
    inject('sendmmsg', { skip: 1, error: 'EPIPE' });
    inject('sendto', { error: 'EPIPE' });
    expect(sender.sendMany([100, 20_000, 100])).toBe('accepted');
    await expectSelfClosed(sender, 'EPIPE');
    expect(sender.books.ids.how).toEqual({ inline: 1, failed: 2 });
  });
});

describe('TCP: an error about one message', () => {
  // By the submission thread it is a hole in the stream: see docs/submission-thread.md.
  itInline.each(OWN_FAULT)('%s is thrown, and what follows goes out', async (error) => {
    const sender = await Sender.tcp(tcp.current);
    expect(sender.send()).toBe('accepted');
    inject('sendto', { error, times: 3 });
    inject('sendmmsg', { error, times: 1 });
    expect(sender.send()).toBe(error);
    expect(sender.sendPlain()).toBe(error);
    expect(sender.sendMany([1000, 1000])).toBe(error);
    expect(sender.send()).toBe('accepted');
    expect(sender.sendMany([1000, 1000])).toBe('accepted');
    await sender.flushed();
    expect(await sender.finish()).toMatchObject({
      problems: [],
      report: { ids: 4, unfinished: 0 },
    });
    expect(sender.books.errors).toEqual([]);
  });

  // A stream with a hole in it is worth nothing: the peer would take what follows for what is missing.
  it.each(OWN_FAULT)('%s of a send that had been accepted ends the connection', async (error) => {
    const sender = await Sender.tcp(tcp.current);
    holdBack();
    for (let i = 0; i < 4; i++) expect(sender.send()).toBe('accepted');
    inject('sendto', { skip: 1, error });
    await expectSelfClosed(sender, error);
    expect(sender.books.ids.how).toEqual({ copied: 1, failed: 3 });
  });

  it.each(OWN_FAULT)('%s within sendMany ends the connection', async (error) => {
    const sender = await Sender.tcp(tcp.current, { zeroCopy: 'auto' });
    inject('sendmmsg', { skip: 1, error });
    inject('sendto', { error });
    expect(sender.sendMany([100, 20_000, 100])).toBe('accepted');
    await expectSelfClosed(sender, error);
    expect(sender.books.ids.how).toEqual({ inline: 1, failed: 2 });
  });
});

const TOO_LONG = 'ERR_ZEROSEND_DATAGRAM_TOO_LONG';
const codeOfUdp = (error: Errno) => (error === 'EMSGSIZE' ? TOO_LONG : error);

describe('UDP: an error about one datagram', () => {
  const errors: Errno[] = ['EFAULT', 'EINVAL', 'EPERM', 'EIO', 'ENETDOWN', 'EDESTADDRREQ'];

  it.each(errors)('%s is thrown, and what follows goes out', (error) =>
    withReceiver('udp', tcp, async (receiver) => {
      const sender = await Sender.udp(receiver);
      expect(sender.send()).toBe('accepted');
      inject('sendto', { error, times: 3 });
      inject('sendmmsg', { error, times: 1 });
      expect(sender.send()).toBe(codeOfUdp(error));
      expect(sender.sendPlain()).toBe(codeOfUdp(error));
      // By the submission thread the first of them fails alone.
      if (!byThread) expect(sender.sendMany([1000, 1000])).toBe(codeOfUdp(error));
      else inject('sendto');
      inject('sendmmsg');
      expect(sender.send()).toBe('accepted');
      expect(sender.sendMany([1000, 1000])).toBe('accepted');
      await sender.flushed();
      expect(await sender.finish()).toMatchObject({ problems: [], report: { outcome: 'drained' } });
    }),
  );

  it.each(errors)('%s of one that waited: it fails alone', (error) =>
    withReceiver('udp', tcp, async (receiver) => {
      const sender = await Sender.udp(receiver);
      holdBack();
      for (let i = 0; i < 4; i++) expect(sender.send()).toBe('accepted');
      inject('sendto', { skip: 1, error });
      await sender.flushed();
      expect(sender.books.ids.how).toEqual({ copied: 3, failed: 1 });
      expect(sender.books.ids.howOf(1)).toBe('failed');
      expect(sender.send()).toBe('accepted');
      expect(await sender.finish({ missing: 1 })).toMatchObject({
        problems: [],
        report: { outcome: 'aborted', ids: 5, unfinished: 1 },
      });
    }),
  );

  it.each(errors)('%s within sendMany: it fails alone', (error) =>
    withReceiver('udp', tcp, async (receiver) => {
      const sender = await Sender.udp(receiver);
      inject('sendmmsg', { limit: 2 }, { error });
      inject('sendto', { error });
      expect(sender.sendMany([1000, 1001, 1002, 1003, 1004])).toBe('accepted');
      await sender.flushed();
      expect(sender.books.ids.howOf(2)).toBe('failed');
      expect(sender.books.ids.how).toEqual({ copied: 4, failed: 1 });
      expect(await sender.finish({ missing: 1 })).toMatchObject({ problems: [] });
    }),
  );
});

describe('UDP: an error that tells of an earlier datagram', () => {
  it.each(SOFT)('%s is passed over', (error) =>
    withReceiver('udp', tcp, async (receiver) => {
      const sender = await Sender.udp(receiver);
      inject('sendto', { error });
      expect(sender.send()).toBe('accepted');
      inject('sendmmsg', { error });
      expect(sender.sendMany([1000, 1000])).toBe('accepted');
      expect(sender.socket.stats().softErrors).toBeGreaterThanOrEqual(1);
      expect(await sender.finish()).toMatchObject({ problems: [] });
    }),
  );

  it.each(SOFT)('%s is passed over as often as a flood of ICMP has it', (error) =>
    withReceiver('udp', tcp, async (receiver) => {
      const sender = await Sender.udp(receiver);
      inject('sendto', { error, times: 60 });
      expect(sender.send()).toBe('accepted');
      expect(sender.socket.stats()).toMatchObject({ softErrors: 60, queuedSends: 0 });
      inject('sendto', { error, times: 60 });
      inject('sendmmsg', { error });
      expect(sender.sendMany([1000, 1001, 1002, 1003])).toBe('accepted');
      expect(sender.socket.stats().softErrors).toBe(121);
      // sendmmsg does not say why it stops; what it does not stop at again was an earlier one's.
      inject('sendmmsg', { limit: 2 });
      expect(sender.sendMany([1000, 1001, 1002, 1003])).toBe('accepted');
      expect(sender.socket.stats().softErrors).toBe(122);
      expect(await sender.finish()).toMatchObject({ problems: [] });
    }),
  );

  it.each(MAYBE)('%s without end is an error of this one', (error) =>
    withReceiver('udp', tcp, async (receiver) => {
      const sender = await Sender.udp(receiver);
      inject('sendto', { error, times: ALWAYS });
      expect(sender.send()).toBe(codeOfUdp(error));
      inject('sendto');
      expect(sender.send()).toBe('accepted');
      // Nor was it an error about an earlier one.
      expect(sender.socket.stats().softErrors).toBe(0);
      expect(await sender.finish()).toMatchObject({ problems: [] });
    }),
  );

  // No route and no firewall answers these.
  it.each(EARLIER)('%s is never an error of this one: it waits', (error) =>
    withReceiver('udp', tcp, async (receiver) => {
      const sender = await Sender.udp(receiver);
      inject('sendto', { error, times: ALWAYS });
      expect(sender.send()).toBe('accepted');
      expect(sender.send()).toBe('accepted');
      expect(sender.socket.stats().queuedSends).toBe(2);
      inject('sendto');
      await sender.flushed();
      expect(sender.books.ids.how.failed).toBeUndefined();
      expect(await sender.finish()).toMatchObject({ problems: [] });
    }),
  );

  it('a socket without a peer hears of none, and is told at once', () =>
    withReceiver('udp', tcp, async (receiver) => {
      const socket = await UdpSocket.open();
      const to = { address: '127.0.0.1', port: receiver.port };
      inject('sendto', { error: 'EHOSTUNREACH', times: ALWAYS });
      expect(() => socket.sendTo(new Uint8Array(10), 10, to)).toThrow('EHOSTUNREACH');
      expect(faults('sendto').struck).toBe(1);
      inject('sendto');
      expect((await socket.close()).ids).toBe(0);
    }));
});
