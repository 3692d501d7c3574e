import { describe, expect, it } from 'vitest';
import { clearFaultsAfterEach, sharedTcpReceiver, withReceiver } from './peers.js';
import { pause, Sender, within } from './sender.mjs';
import { ALWAYS, clearFaults, type Errno, faults, inject, MSG_ZEROCOPY } from './zerosend.mjs';

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
/** Tell of an earlier datagram. */
const SOFT: Errno[] = ['ECONNREFUSED', 'EHOSTUNREACH', 'ENETUNREACH', 'EPROTO', 'ENOPROTOOPT'];

/** Stops what is sent from now on before it reaches the kernel: it queues. */
function holdBack(): void {
  inject('sendmsg', { error: 'EAGAIN', times: ALWAYS });
  inject('sendmmsg', { error: 'EAGAIN', times: ALWAYS });
}

/** Stops completions from being read, so that what is sent stays in flight. */
function keepInFlight(): void {
  inject('recvmsg', { error: 'EAGAIN', times: ALWAYS });
}

async function expectSelfClosed(sender: Sender, code: Errno): Promise<void> {
  // By itself, not when a close() would give up.
  await within(sender.books.closed, `the close that follows ${code}`, 4000);
  expect(sender.books.errors).toMatchObject([{ code, syscall: 'sendmsg' }]);
  expect(sender.books.report).toMatchObject({ outcome: 'aborted' });
  // And nothing is taken any more.
  expect(sender.send()).toBe('ERR_ZEROSEND_SOCKET_CLOSED');
  expect(sender.sendMany([1000])).toBe('ERR_ZEROSEND_SOCKET_CLOSED');
  expect((await sender.finish()).problems).toEqual([]);
}

describe('TCP: an error that ends the connection', () => {
  it.each(FATAL)('%s at the first send', async (error) => {
    const sender = await Sender.tcp(tcp.current);
    inject('sendmsg', { error });
    expect(sender.send()).toBe(error);
    await expectSelfClosed(sender, error);
    expect(sender.books.accepted).toBe(0);
  });

  it.each(FATAL)('%s with sends in flight, which still complete', async (error) => {
    const sender = await Sender.tcp(tcp.current);
    keepInFlight();
    for (let i = 0; i < 5; i++) expect(sender.send()).toBe('accepted');
    inject('sendmsg', { error });
    expect(sender.send()).toBe(error);
    expect(sender.socket.inFlight).toBe(5);
    inject('recvmsg'); // the completions can be read again
    await expectSelfClosed(sender, error);
    expect(sender.books.tally()).toEqual({ copied: 5 });
  });

  it.each(FATAL)('%s while sends wait for room, which fail', async (error) => {
    const sender = await Sender.tcp(tcp.current);
    expect(sender.send()).toBe('accepted');
    holdBack();
    for (let i = 0; i < 5; i++) expect(sender.send()).toBe('accepted');
    expect(sender.socket.needDrain).toBe(true);
    inject('sendmsg', { error });
    await expectSelfClosed(sender, error);
    expect(sender.books.tally()).toEqual({ copied: 1, failed: 5 });
  });

  it.each([...FATAL, ...OWN_FAULT])('%s after a part of a send, which fails', async (error) => {
    const sender = await Sender.tcp(tcp.current);
    inject('sendmsg', { limit: 500, times: 2 }, { error });
    expect(sender.send(4000)).toBe('accepted');
    await expectSelfClosed(sender, error);
    expect(sender.books.tally()).toEqual({ failed: 1 });
    expect(sender.socket.stats()).toMatchObject({ kernelSends: 2, kernelIds: 2 });
  });

  it('EPIPE within sendMany ends it: what is left fails', async () => {
    const sender = await Sender.tcp(tcp.current, { zeroCopy: 'auto' });
    // Three calls, since zero-copied and copied messages cannot share one; the second is refused.
    inject('sendmmsg', { skip: 1, error: 'EPIPE' });
    inject('sendmsg', { error: 'EPIPE' });
    expect(sender.sendMany([100, 20_000, 100])).toBe('accepted');
    await expectSelfClosed(sender, 'EPIPE');
    expect(sender.books.tally()).toEqual({ inline: 1, failed: 2 });
  });
});

describe('TCP: an error about one message', () => {
  it.each(OWN_FAULT)('%s is thrown, and what follows goes out', async (error) => {
    const sender = await Sender.tcp(tcp.current);
    expect(sender.send()).toBe('accepted');
    inject('sendmsg', { error, times: 3 });
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
    inject('sendmsg', { skip: 1, error });
    await expectSelfClosed(sender, error);
    expect(sender.books.tally()).toEqual({ copied: 1, failed: 3 });
  });

  it.each(OWN_FAULT)('%s within sendMany ends the connection', async (error) => {
    const sender = await Sender.tcp(tcp.current, { zeroCopy: 'auto' });
    inject('sendmmsg', { skip: 1, error });
    inject('sendmsg', { error });
    expect(sender.sendMany([100, 20_000, 100])).toBe('accepted');
    await expectSelfClosed(sender, error);
    expect(sender.books.tally()).toEqual({ inline: 1, failed: 2 });
  });
});

const TOO_LONG = 'ERR_ZEROSEND_DATAGRAM_TOO_LONG';
const codeOfUdp = (error: Errno) => (['EINVAL', 'EMSGSIZE'].includes(error) ? TOO_LONG : error);

describe('UDP: an error about one datagram', () => {
  const errors: Errno[] = [...OWN_FAULT, 'EIO', 'ENETDOWN', 'EDESTADDRREQ', 'EACCES'];

  it.each(errors)('%s is thrown, and what follows goes out', (error) =>
    withReceiver('udp', tcp, async (receiver) => {
      const sender = await Sender.udp(receiver);
      expect(sender.send()).toBe('accepted');
      inject('sendmsg', { error, times: 3 });
      inject('sendmmsg', { error, times: 1 });
      expect(sender.send()).toBe(codeOfUdp(error));
      expect(sender.sendPlain()).toBe(codeOfUdp(error));
      expect(sender.sendMany([1000, 1000])).toBe(codeOfUdp(error));
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
      inject('sendmsg', { skip: 1, error });
      await sender.flushed();
      expect(sender.books.tally()).toEqual({ copied: 3, failed: 1 });
      expect(sender.books.how.get(1)).toBe('failed');
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
      inject('sendmsg', { error });
      expect(sender.sendMany([1000, 1001, 1002, 1003, 1004])).toBe('accepted');
      await sender.flushed();
      expect(sender.books.how.get(2)).toBe('failed');
      expect(sender.books.tally()).toEqual({ copied: 4, failed: 1 });
      expect(await sender.finish({ missing: 1 })).toMatchObject({ problems: [] });
    }),
  );
});

describe('UDP: an error that tells of an earlier datagram', () => {
  it.each(SOFT)('%s is passed over', (error) =>
    withReceiver('udp', tcp, async (receiver) => {
      const sender = await Sender.udp(receiver);
      inject('sendmsg', { error });
      expect(sender.send()).toBe('accepted');
      inject('sendmmsg', { error });
      expect(sender.sendMany([1000, 1000])).toBe('accepted');
      expect(sender.socket.stats().softErrors).toBeGreaterThanOrEqual(1);
      expect(await sender.finish()).toMatchObject({ problems: [] });
    }),
  );

  it.each(SOFT)('%s twice is an error of this one', (error) =>
    withReceiver('udp', tcp, async (receiver) => {
      const sender = await Sender.udp(receiver);
      inject('sendmsg', { error, times: 2 });
      expect(sender.send()).toBe(error);
      expect(sender.send()).toBe('accepted');
      expect(await sender.finish()).toMatchObject({ problems: [] });
    }),
  );
});

describe.each(['tcp', 'udp'] as const)('%s: no room for now', (protocol) => {
  it.each(['EAGAIN', 'ENOMEM'] as const)('%s: sends wait, in order, and drain', (error) =>
    withReceiver(protocol, tcp, async (receiver) => {
      const sender = await Sender.open(protocol, receiver);
      const times = 40;
      inject('sendmsg', { error, times });
      inject('sendmmsg', { error, times: 2 });
      for (let i = 0; i < 10; i++) expect(sender.send(1000 + i)).toBe('accepted');
      expect(sender.socket.needDrain).toBe(true);
      expect(sender.sendMany([500, 501, 502])).toBe('accepted');
      expect(sender.sendPlain(2000)).toBe('accepted');
      await sender.flushed();
      expect(faults('sendmsg').struck).toBe(times);
      expect(sender.socket.needDrain).toBe(false);
      expect(sender.books.drains).toBe(1);
      expect(sender.socket.stats()).toMatchObject({ queuedSends: 14, noRoom: times });
      expect(await sender.finish()).toMatchObject({ problems: [], report: { outcome: 'drained' } });
    }),
  );

  it('without end: sends wait up to maxQueuedSends, and close() gives up in time', () =>
    withReceiver(protocol, tcp, async (receiver) => {
      const sender = await Sender.open(protocol, receiver, { maxQueuedSends: 5 });
      expect(sender.send()).toBe('accepted');
      holdBack();
      for (let i = 0; i < 5; i++) expect(sender.send()).toBe('accepted');
      expect(sender.send()).toBe('ERR_ZEROSEND_QUEUE_FULL');
      expect(sender.sendMany([1000, 1000])).toBe('ERR_ZEROSEND_QUEUE_FULL');
      const start = performance.now();
      const report = await within(sender.socket.close({ timeout: 100 }), 'close');
      expect(performance.now() - start).toBeGreaterThan(90);
      expect(report).toEqual({ outcome: 'aborted', ids: 6, unfinished: 5 });
      expect((await sender.finish()).problems).toEqual([]);
    }));

  it('EINTR, a thousand times in each call', () =>
    withReceiver(protocol, tcp, async (receiver) => {
      const sender = await Sender.open(protocol, receiver);
      inject('sendmsg', { error: 'EINTR', times: 1000 });
      expect(sender.send(5000)).toBe('accepted');
      inject('sendmmsg', { error: 'EINTR' });
      inject('sendmsg', { error: 'EINTR', times: 1000 });
      expect(sender.sendMany([1000, 2000, 3000])).toBe('accepted');
      expect(sender.books.accepted).toBe(4);
      expect(sender.socket.needDrain).toBe(false);
      expect(await sender.finish()).toMatchObject({ problems: [], report: { outcome: 'drained' } });
    }));
});

describe.each(['tcp', 'udp'] as const)('%s: ENOBUFS', (protocol) => {
  // As the kernel does it: only what is to be pinned can exceed a limit.
  const only = MSG_ZEROCOPY;

  it('once, with nothing in flight: goes out by copy', () =>
    withReceiver(protocol, tcp, async (receiver) => {
      const sender = await Sender.open(protocol, receiver);
      inject('sendmsg', { error: 'ENOBUFS', only });
      expect(sender.send()).toBe('accepted');
      expect(sender.send()).toBe('accepted');
      await sender.flushed();
      expect(sender.books.ranges).toMatchObject([{ how: 'inline' }, { how: 'copied' }]);
      expect(sender.socket.stats()).toMatchObject({
        noBuffers: 1,
        inlineFallbacks: 1,
        queuedSends: 0,
      });
      expect(await sender.finish()).toMatchObject({ problems: [] });
    }));

  it('once, with something to reap: reaps and tries again', () =>
    withReceiver(protocol, tcp, async (receiver) => {
      const sender = await Sender.open(protocol, receiver);
      for (let i = 0; i < 5; i++) expect(sender.send()).toBe('accepted');
      inject('sendmsg', { error: 'ENOBUFS', only });
      expect(sender.send()).toBe('accepted');
      await sender.flushed();
      expect(sender.books.tally()).toEqual({ copied: 6 });
      expect(sender.socket.stats()).toMatchObject({ noBuffers: 1, inlineFallbacks: 0 });
      expect(await sender.finish()).toMatchObject({ problems: [] });
    }));

  it('for ever, with something in flight that does not come back: by copy, in order', () =>
    withReceiver(protocol, tcp, async (receiver) => {
      const sender = await Sender.open(protocol, receiver);
      keepInFlight();
      for (let i = 0; i < 5; i++) expect(sender.send()).toBe('accepted');
      inject('sendmsg', { error: 'ENOBUFS', only, times: ALWAYS });
      inject('sendmmsg', { error: 'ENOBUFS', only, times: ALWAYS });
      for (let i = 0; i < 20; i++) expect(sender.send(3000 + i)).toBe('accepted');
      expect(sender.sendMany([100, 200, 300])).toBe('accepted');
      expect(sender.socket.stats()).toMatchObject({ inlineFallbacks: 23, queuedSends: 0 });
      inject('recvmsg');
      await sender.flushed();
      expect(sender.books.tally()).toEqual({ copied: 5, inline: 23 });
      expect(await sender.finish()).toMatchObject({ problems: [] });
    }));

  it('a storm of every second send, in order', () =>
    withReceiver(protocol, tcp, async (receiver) => {
      const sender = await Sender.open(protocol, receiver);
      inject('sendmsg', { error: 'ENOBUFS', only, chance: 0.5 });
      inject('sendmmsg', { error: 'ENOBUFS', only, chance: 0.5 });
      for (let i = 0; i < 300; i++) {
        if (sender.pool.free < 8) await sender.flushed();
        expect(i % 7 === 0 ? sender.sendMany([900, 901, 902]) : sender.send(1000 + i)).toBe(
          'accepted',
        );
      }
      await sender.flushed();
      expect(faults('sendmsg').struck).toBeGreaterThan(50);
      expect(sender.socket.stats().inlineFallbacks).toBeGreaterThan(10);
      expect(await sender.finish()).toMatchObject({ problems: [], report: { outcome: 'drained' } });
    }));

  it('of copying sends, too: they wait for room', () =>
    withReceiver(protocol, tcp, async (receiver) => {
      const sender = await Sender.open(protocol, receiver);
      inject('sendmsg', { error: 'ENOBUFS', times: 30 });
      for (let i = 0; i < 5; i++) expect(sender.send()).toBe('accepted');
      expect(sender.socket.needDrain).toBe(true);
      await sender.flushed();
      expect(faults('sendmsg').struck).toBe(30);
      expect(sender.books.drains).toBe(1);
      expect(await sender.finish()).toMatchObject({ problems: [] });
    }));

  it('of copying sends without end, with nothing in flight: close() gives up in time', () =>
    withReceiver(protocol, tcp, async (receiver) => {
      const sender = await Sender.open(protocol, receiver);
      inject('sendmsg', { error: 'ENOBUFS', times: ALWAYS });
      for (let i = 0; i < 5; i++) expect(sender.send()).toBe('accepted');
      await pause(20);
      const report = await within(sender.socket.close({ timeout: 50 }), 'close');
      expect(report).toEqual({ outcome: 'aborted', ids: 5, unfinished: 5 });
      expect((await sender.finish()).problems).toEqual([]);
    }));
});

describe('sendmmsg stops', () => {
  const lengths = [1000, 1001, 1002, 1003, 1004, 1005];

  it.each([1, 2, 3, 4, 5])('after %i messages: the rest follows', (limit) =>
    withReceiver('udp', tcp, async (receiver) => {
      const sender = await Sender.udp(receiver);
      inject('sendmmsg', { limit, times: ALWAYS });
      expect(sender.sendMany(lengths)).toBe('accepted');
      expect(faults('sendmmsg').struck).toBe(Math.ceil(6 / limit));
      expect(sender.socket.stats()).toMatchObject({ kernelSends: 6, queuedSends: 0 });
      expect(await sender.finish()).toMatchObject({ problems: [], report: { outcome: 'drained' } });
    }),
  );

  it.each([1, 2, 3, 4, 5])('after %i messages, for want of room: the rest waits', (limit) =>
    withReceiver('udp', tcp, async (receiver) => {
      const sender = await Sender.udp(receiver);
      inject('sendmmsg', { limit }, { error: 'EAGAIN' });
      inject('sendmsg', { error: 'EAGAIN', times: 10 });
      expect(sender.sendMany(lengths)).toBe('accepted');
      expect(sender.socket.needDrain).toBe(true);
      await sender.flushed();
      expect(sender.socket.stats()).toMatchObject({ kernelSends: 6, queuedSends: 6 - limit });
      expect(await sender.finish()).toMatchObject({ problems: [], report: { outcome: 'drained' } });
    }),
  );

  it.each([1, 2, 3, 4, 5])('in the middle of the TCP message number %i', async (limit) => {
    const sender = await Sender.tcp(tcp.current);
    inject('sendmmsg', { limit, bytes: 7 });
    inject('sendmsg', { error: 'EAGAIN', times: 3 });
    expect(sender.sendMany(lengths)).toBe('accepted');
    expect(sender.socket.needDrain).toBe(true);
    await sender.flushed();
    expect(sender.socket.stats()).toMatchObject({ kernelSends: 7, queuedSends: 7 - limit });
    expect(await sender.finish()).toMatchObject({ problems: [], report: { outcome: 'drained' } });
  });

  it('at its first message', async () => {
    const sender = await Sender.tcp(tcp.current);
    inject('sendmmsg', { error: 'ENOMEM', times: 3 });
    expect(sender.sendMany(lengths)).toBe('accepted');
    clearFaults();
    expect(await sender.finish()).toMatchObject({ problems: [], report: { outcome: 'drained' } });
  });
});
