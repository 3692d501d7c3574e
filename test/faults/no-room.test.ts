import { describe, expect, it } from 'vitest';
import { byThread } from './handed-over.mjs';
import {
  clearFaultsAfterEach,
  holdBack,
  keepInFlight,
  sharedTcpReceiver,
  withReceiver,
} from './peers.js';
import { pause, Sender, within } from './sender.mjs';
import { ALWAYS, clearFaults, faults, inject, MSG_ZEROCOPY, SIOCOUTQ } from './zerosend.mjs';

const tcp = sharedTcpReceiver();
clearFaultsAfterEach();

describe.each(['tcp', 'udp'] as const)('%s: no room for now', (protocol) => {
  it.each(['EAGAIN', 'ENOMEM'] as const)('%s: sends wait, in order, and drain', (error) =>
    withReceiver(protocol, tcp, async (receiver) => {
      const sender = await Sender.open(protocol, receiver);
      inject('sendto', { error, times: ALWAYS });
      inject('sendmmsg', { error, times: ALWAYS });
      for (let i = 0; i < 10; i++) expect(sender.send(1000 + i)).toBe('accepted');
      expect(sender.socket.needDrain).toBe(true);
      expect(sender.sendMany([500, 501, 502])).toBe('accepted');
      expect(sender.sendPlain(2000)).toBe('accepted');
      expect(sender.socket.stats().queuedSends).toBe(14);
      inject('sendto', { error, times: 40 });
      await sender.flushed();
      expect(faults('sendto').struck).toBe(40);
      expect(sender.socket.needDrain).toBe(false);
      expect(sender.books.drains).toBe(1);
      expect(sender.socket.stats().noRoom).toBeGreaterThan(40);
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
      expect(report).toMatchObject({ outcome: 'aborted', ids: 6, unfinished: 5 });
      expect((await sender.finish()).problems).toEqual([]);
    }));

  it('EINTR, a thousand times in each call', () =>
    withReceiver(protocol, tcp, async (receiver) => {
      const sender = await Sender.open(protocol, receiver);
      inject('sendto', { error: 'EINTR', times: 1000 });
      expect(sender.send(5000)).toBe('accepted');
      inject('sendmmsg', { error: 'EINTR' });
      inject('sendto', { error: 'EINTR', times: 1000 });
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
      inject('sendto', { error: 'ENOBUFS', only });
      expect(sender.send()).toBe('accepted');
      expect(sender.send()).toBe('accepted');
      await sender.flushed();
      expect(sender.books.ids.history).toMatchObject([{ how: 'inline' }, { how: 'copied' }]);
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
      inject('sendto', { error: 'ENOBUFS', only });
      expect(sender.send()).toBe('accepted');
      await sender.flushed();
      const { noBuffers, inlineFallbacks } = sender.socket.stats();
      expect(noBuffers).toBe(1);
      // docs/submission-thread.md, "when completions are read": there may be nothing left to reap.
      if (!byThread) expect(inlineFallbacks).toBe(0);
      const inline = inlineFallbacks > 0 ? { inline: 1 } : {};
      expect(sender.books.ids.how).toEqual({ copied: 6 - inlineFallbacks, ...inline });
      expect(await sender.finish()).toMatchObject({ problems: [] });
    }));

  it('for ever, with something in flight that does not come back: by copy, in order', () =>
    withReceiver(protocol, tcp, async (receiver) => {
      const sender = await Sender.open(protocol, receiver);
      keepInFlight();
      for (let i = 0; i < 5; i++) expect(sender.send()).toBe('accepted');
      inject('sendto', { error: 'ENOBUFS', only, times: ALWAYS });
      inject('sendmmsg', { error: 'ENOBUFS', only, times: ALWAYS });
      for (let i = 0; i < 20; i++) expect(sender.send(3000 + i)).toBe('accepted');
      expect(sender.sendMany([100, 200, 300])).toBe('accepted');
      expect(sender.socket.stats()).toMatchObject({ inlineFallbacks: 23, queuedSends: 0 });
      inject('recvmsg');
      await sender.flushed();
      expect(sender.books.ids.how).toEqual({ copied: 5, inline: 23 });
      expect(await sender.finish()).toMatchObject({ problems: [] });
    }));

  it('a storm of every second send, in order', () =>
    withReceiver(protocol, tcp, async (receiver) => {
      const sender = await Sender.open(protocol, receiver);
      inject('sendto', { error: 'ENOBUFS', only, chance: 0.5 });
      inject('sendmmsg', { error: 'ENOBUFS', only, chance: 0.5 });
      for (let i = 0; i < 300; i++) {
        if (sender.pool.free < 8) await sender.flushed();
        expect(i % 7 === 0 ? sender.sendMany([900, 901, 902]) : sender.send(1000 + i)).toBe(
          'accepted',
        );
      }
      await sender.flushed();
      expect(faults('sendto').struck).toBeGreaterThan(50);
      expect(sender.socket.stats().inlineFallbacks).toBeGreaterThan(10);
      expect(await sender.finish()).toMatchObject({ problems: [], report: { outcome: 'drained' } });
    }));
});

describe('ENOBUFS of a copying send', () => {
  it('of a stream: it waits for room', async () => {
    const sender = await Sender.tcp(tcp.current);
    inject('sendto', { error: 'ENOBUFS', times: ALWAYS });
    for (let i = 0; i < 5; i++) expect(sender.send()).toBe('accepted');
    expect(sender.socket.needDrain).toBe(true);
    inject('sendto', { error: 'ENOBUFS', times: 30 });
    await sender.flushed();
    expect(faults('sendto').struck).toBe(30);
    expect(sender.books.drains).toBe(1);
    expect(await sender.finish()).toMatchObject({ problems: [] });
  });

  it('of a stream, without end: close() gives up in time', async () => {
    const sender = await Sender.tcp(tcp.current);
    inject('sendto', { error: 'ENOBUFS', times: ALWAYS });
    for (let i = 0; i < 5; i++) expect(sender.send()).toBe('accepted');
    await pause(20);
    const report = await within(sender.socket.close({ timeout: 50 }), 'close');
    expect(report).toMatchObject({ outcome: 'aborted', ids: 5, unfinished: 5 });
    expect((await sender.finish()).problems).toEqual([]);
  });

  const HELD = { error: 'EIO', only: SIOCOUTQ, times: ALWAYS } as const;

  it('of a datagram, with others in the kernel: it waits for room', () =>
    withReceiver('udp', tcp, async (receiver) => {
      const sender = await Sender.udp(receiver);
      inject('ioctl', HELD); // the kernel does not say that it holds nothing
      inject('sendto', { error: 'ENOBUFS', times: ALWAYS });
      for (let i = 0; i < 5; i++) expect(sender.send()).toBe('accepted');
      expect(sender.socket.needDrain).toBe(true);
      inject('sendto', { error: 'ENOBUFS', times: 30 });
      await sender.flushed();
      expect(faults('sendto').struck).toBe(30);
      expect(await sender.finish()).toMatchObject({ problems: [] });
    }));

  it('of a datagram, once, with nothing in the kernel: it had just left', () =>
    withReceiver('udp', tcp, async (receiver) => {
      const sender = await Sender.udp(receiver, { zeroCopy: 'never' });
      inject('sendto', { error: 'ENOBUFS' });
      expect(sender.send()).toBe('accepted');
      expect(sender.socket.stats()).toMatchObject({ noBuffers: 1, queuedSends: 0 });
      expect(await sender.finish()).toMatchObject({ problems: [] });
    }));

  it('of a datagram, with nothing in the kernel: it is refused, and what follows goes out', () =>
    withReceiver('udp', tcp, async (receiver) => {
      const sender = await Sender.udp(receiver);
      inject('sendto', { error: 'ENOBUFS', times: ALWAYS });
      inject('sendmmsg', { error: 'ENOBUFS', times: ALWAYS });
      expect(sender.send()).toBe('ERR_ZEROSEND_SEND_BUFFER_TOO_SMALL');
      // By the submission thread both fail.
      if (!byThread) expect(sender.sendMany([100, 101])).toBe('ERR_ZEROSEND_SEND_BUFFER_TOO_SMALL');
      clearFaults();
      expect(sender.send()).toBe('accepted');
      expect(await sender.finish()).toMatchObject({ problems: [], report: { ids: 1 } });
    }));

  it('of a datagram that waited: it fails, and what follows goes out', () =>
    withReceiver('udp', tcp, async (receiver) => {
      const sender = await Sender.udp(receiver, { zeroCopy: 'never' });
      holdBack();
      for (let i = 0; i < 3; i++) expect(sender.send()).toBe('accepted');
      inject('sendto', { error: 'ENOBUFS', times: 16 });
      await sender.flushed();
      expect(sender.books.ids.how).toEqual({ inline: 2, failed: 1 });
      expect(sender.books.ids.howOf(0)).toBe('failed');
      expect(await sender.finish({ missing: 1 })).toMatchObject({ problems: [] });
    }));

  // Nothing would ever wake the socket but its own trying.
  it.each(['EAGAIN', 'ENOMEM'] as const)(
    '%s without end, with nothing in the kernel, is final after seconds, and costs no core',
    (error) =>
      withReceiver('udp', tcp, async (receiver) => {
        const sender = await Sender.udp(receiver, { zeroCopy: 'never' });
        inject('sendto', { error, times: ALWAYS });
        expect(sender.send()).toBe('accepted');
        await sender.flushed();
        expect(sender.books.ids.how).toEqual({ failed: 1 });
        expect(faults('sendto').struck).toBeLessThan(1000);
        inject('sendto');
        expect(sender.send()).toBe('accepted');
        expect(await sender.finish({ missing: 1 })).toMatchObject({ problems: [] });
      }),
  );
});

describe('sendmmsg stops', () => {
  const lengths = [1000, 1001, 1002, 1003, 1004, 1005];

  // docs/submission-thread.md, "which system call sends": the thread may find some of them by themselves,
  // which go out by sendto.
  it.each([1, 2, 3, 4, 5])('after %i messages: the rest follows', (limit) =>
    withReceiver('udp', tcp, async (receiver) => {
      const sender = await Sender.udp(receiver);
      inject('sendmmsg', { limit, times: ALWAYS });
      expect(sender.sendMany(lengths)).toBe('accepted');
      if (!byThread) expect(faults('sendmmsg').struck).toBe(Math.ceil(6 / limit));
      expect(sender.socket.stats()).toMatchObject({ kernelSends: 6, queuedSends: 0 });
      expect(await sender.finish()).toMatchObject({ problems: [], report: { outcome: 'drained' } });
    }),
  );

  it.each([1, 2, 3, 4, 5])('after %i messages, for want of room: the rest waits', (limit) =>
    withReceiver('udp', tcp, async (receiver) => {
      const sender = await Sender.udp(receiver);
      inject('sendmmsg', { limit }, { error: 'EAGAIN' });
      inject('sendto', { error: 'EAGAIN', times: 10 });
      expect(sender.sendMany(lengths)).toBe('accepted');
      if (!byThread) expect(sender.socket.needDrain).toBe(true);
      await sender.flushed();
      const { kernelSends, queuedSends } = sender.socket.stats();
      expect(kernelSends).toBe(6);
      if (!byThread) expect(queuedSends).toBe(6 - limit);
      expect(queuedSends).toBeGreaterThan(0);
      expect(await sender.finish()).toMatchObject({ problems: [], report: { outcome: 'drained' } });
    }),
  );

  it.each([1, 2, 3, 4, 5])('in the middle of the TCP message number %i', async (limit) => {
    const sender = await Sender.tcp(tcp.current);
    inject('sendmmsg', { limit, bytes: 7 });
    inject('sendto', { error: 'EAGAIN', times: 3 });
    expect(sender.sendMany(lengths)).toBe('accepted');
    if (!byThread) expect(sender.socket.needDrain).toBe(true);
    await sender.flushed();
    const { kernelSends, queuedSends } = sender.socket.stats();
    if (!byThread) expect([kernelSends, queuedSends]).toEqual([7, 7 - limit]);
    expect(queuedSends).toBeGreaterThan(0);
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
