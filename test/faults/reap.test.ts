import { describe, expect, it } from 'vitest';
import { describeInline } from '../support/submit.js';
import {
  clearFaultsAfterEach,
  eventually,
  keepInFlight,
  sharedTcpReceiver,
  withReceiver,
} from './peers.js';
import { pause, Sender, within } from './sender.mjs';
import { ALWAYS, type Errno, faults, inject, SO_ERROR } from './zerosend.mjs';

const tcp = sharedTcpReceiver();
clearFaultsAfterEach();

/** The kernel writes a 16-byte header, then the 16 bytes that matter, then an address. */
const WHOLE_COMPLETION = 32;

describe.each(['tcp', 'udp'] as const)('%s: reading completions', (protocol) => {
  it('EINTR, a thousand times', () =>
    withReceiver(protocol, tcp, async (receiver) => {
      const sender = await Sender.open(protocol, receiver);
      keepInFlight();
      for (let i = 0; i < 10; i++) expect(sender.send()).toBe('accepted');
      inject('recvmsg', { error: 'EINTR', times: 1000 });
      await sender.flushed();
      expect(faults('recvmsg').struck).toBe(1000);
      expect(await sender.finish()).toMatchObject({ problems: [], report: { outcome: 'drained' } });
    }));

  it.each(['EAGAIN', 'ENOMEM', 'EIO', 'ECONNREFUSED', 'EFAULT'] as const)(
    '%s for a while: they are read later, without a call of the user',
    (error: Errno) =>
      withReceiver(protocol, tcp, async (receiver) => {
        const sender = await Sender.open(protocol, receiver);
        inject('recvmsg', { error, times: 50 });
        for (let i = 0; i < 10; i++) expect(sender.send()).toBe('accepted');
        await sender.flushed();
        expect(faults('recvmsg').struck).toBe(50);
        expect(sender.books.ids.how).toEqual({ copied: 10 });
        expect(await sender.finish()).toMatchObject({ problems: [], report: { unfinished: 0 } });
      }),
  );

  it.each(['EIO', 'ENOMEM', 'EAGAIN'] as const)('%s for ever: close() revokes in time', (error) =>
    withReceiver(protocol, tcp, async (receiver) => {
      const sender = await Sender.open(protocol, receiver);
      for (let i = 0; i < 4; i++) expect(sender.send()).toBe('accepted');
      await sender.flushed();
      inject('recvmsg', { error, times: ALWAYS });
      for (let i = 0; i < 6; i++) expect(sender.send()).toBe('accepted');
      expect(sender.sendPlain()).toBe('accepted');
      await pause(20);
      expect(sender.socket.inFlight).toBe(7);
      const report = await within(sender.socket.close({ timeout: 60 }), 'close');
      expect(report).toMatchObject({ outcome: 'revoked', ids: 11, unfinished: 7 });
      expect(sender.books.ids.how).toEqual({ copied: 4, revoked: 7 });
      expect((await sender.finish()).problems).toEqual([]);
      expect(sender.pool.stats()).toMatchObject({ free: sender.pool.count, retired: 0 });
    }),
  );

  it('a control message that is cut anywhere: what is lost is revoked, nothing else', () =>
    withReceiver(protocol, tcp, async (receiver) => {
      const sizes = Array.from({ length: 49 }, (_, i) => i);
      const senders: Sender[] = [];
      for (const size of sizes) {
        const sender = await Sender.open(protocol, receiver);
        senders.push(sender);
        // Each completion is read alone, the first with too little room, whoever reads it and when: on a
        // busy machine it may take a while to come.
        inject('recvmsg', { limit: size, times: ALWAYS });
        expect(sender.send()).toBe('accepted');
        await eventually(() => {
          sender.socket.poll();
          const { completed, truncatedMessages } = sender.socket.stats();
          return completed + truncatedMessages;
        }).toBe(1);
        inject('recvmsg');
        expect(sender.send()).toBe('accepted');
        const lost = size < WHOLE_COMPLETION;
        await within(sender.socket.completed(sender.socket.nextId - 1), 'the second send');
        await within(lost ? Promise.resolve() : sender.socket.flush(), `${size} bytes`);
        expect([size, sender.socket.inFlight]).toEqual([size, lost ? 1 : 0]);
        expect(sender.socket.stats().truncatedMessages).toBe(lost ? 1 : 0);
      }
      const closing = senders.map(({ socket }) => socket.close({ timeout: 50 }));
      const reports = await within(Promise.all(closing), 'the close of all');
      for (const [size, report] of reports.entries()) {
        const lost = size < WHOLE_COMPLETION;
        expect([size, report]).toMatchObject([
          size,
          { outcome: lost ? 'revoked' : 'drained', ids: 2, unfinished: lost ? 1 : 0 },
        ]);
      }
      for (const { books, pool } of senders) expect(books.audit([pool])).toEqual([]);
      // The process goes on.
      const sender = await Sender.open(protocol, receiver);
      for (let i = 0; i < 10; i++) expect(sender.send()).toBe('accepted');
      await sender.flushed();
      const report = await within(sender.socket.close(), 'close');
      expect(report).toMatchObject({ outcome: 'drained', ids: 10, unfinished: 0 });
    }));

  it('cut now and then, among others that arrive whole', () =>
    withReceiver(protocol, tcp, async (receiver) => {
      const sender = await Sender.open(protocol, receiver);
      inject('recvmsg', { limit: 10, chance: 0.3 });
      for (let i = 0; i < 40; i++) {
        expect(sender.send()).toBe('accepted');
        sender.socket.poll();
        await pause(0);
      }
      inject('recvmsg');
      await pause(20);
      sender.socket.poll();
      const lost = sender.socket.inFlight;
      expect(lost).toBeGreaterThan(0);
      expect(lost).toBeLessThan(40);
      const report = await within(sender.socket.close({ timeout: 50 }), 'close');
      expect(report).toMatchObject({ outcome: 'revoked', ids: 40, unfinished: lost });
      expect((await sender.finish()).problems).toEqual([]);
    }));
});

// Of an idle socket. The submission thread may read the completion before its socket is armed:
// docs/submission-thread.md, "when completions are read".
describeInline('reading the state of a socket', () => {
  it.each(['EIO', 'ENOMEM'] as const)('UDP: SO_ERROR fails with %s, and nothing is lost', (error) =>
    withReceiver('udp', tcp, async (receiver) => {
      const sender = await Sender.udp(receiver);
      inject('getsockopt', { error, only: SO_ERROR, times: 10 });
      for (let i = 0; i < 10; i++) {
        inject('recvmsg', { error: 'EAGAIN', times: 3 }); // leaves the completion to the poller
        expect(sender.send()).toBe('accepted');
        await pause(3);
      }
      await sender.flushed();
      expect(faults('getsockopt').struck).toBeGreaterThan(0);
      expect(await sender.finish()).toMatchObject({ problems: [], report: { outcome: 'drained' } });
    }),
  );

  it.each(['EIO', 'ENOMEM'] as const)('TCP: SO_ERROR fails with %s: it ends', async (error) => {
    const sender = await Sender.tcp(tcp.current);
    inject('getsockopt', { error, only: SO_ERROR });
    inject('recvmsg', { error: 'EAGAIN', times: 3 }); // leaves the completion to the poller
    expect(sender.send()).toBe('accepted');
    await within(sender.books.closed, 'close');
    expect(sender.books.errors).toMatchObject([{ code: error }]);
    expect(sender.books.ids.how).toEqual({ copied: 1 });
    expect((await sender.finish()).problems).toEqual([]);
  });
});

describe('reading what a TCP peer says', () => {
  const fatal: Errno[] = ['EIO', 'ENOMEM', 'ECONNRESET', 'ETIMEDOUT', 'EBADF'];

  it.each(fatal)('%s ends an idle connection, with one error', async (error) => {
    const sender = await Sender.tcp(tcp.current);
    expect(sender.send()).toBe('accepted');
    await sender.flushed();
    inject('recv', { error });
    await tcp.current.send(100);
    await within(sender.books.closed, 'close');
    expect(sender.books.errors).toMatchObject([{ code: error }]);
    expect(sender.send()).toBe('ERR_ZEROSEND_SOCKET_CLOSED');
    expect((await sender.finish()).problems).toEqual([]);
  });

  it.each(['EINTR', 'EAGAIN', 'ENOTCONN'] as const)('%s does not', async (error) => {
    const sender = await Sender.tcp(tcp.current);
    expect(sender.send()).toBe('accepted');
    await sender.flushed();
    inject('recv', { error, times: 10 });
    await tcp.current.send(100);
    await eventually(() => sender.socket.stats().discardedBytes).toBe(100);
    expect(sender.send()).toBe('accepted');
    await sender.flushed();
    expect(await sender.finish()).toMatchObject({ problems: [], report: { outcome: 'drained' } });
  });

  it('with sends in flight and waiting: the first complete, the second fail', async () => {
    const sender = await Sender.tcp(tcp.current);
    for (let i = 0; i < 3; i++) expect(sender.send()).toBe('accepted');
    inject('sendto', { error: 'EAGAIN', times: ALWAYS });
    for (let i = 0; i < 4; i++) expect(sender.send()).toBe('accepted');
    inject('recv', { error: 'ECONNRESET' });
    await tcp.current.send(1);
    await within(sender.books.closed, 'close');
    expect(sender.books.ids.how).toEqual({ copied: 3, failed: 4 });
    expect(sender.books.errors).toMatchObject([{ code: 'ECONNRESET' }]);
    expect((await sender.finish()).problems).toEqual([]);
  });
});
