import { describe, expect, it } from 'vitest';
import { itInline } from '../support/submit.js';
import { clearFaultsAfterEach, eventually, sharedTcpReceiver, withReceiver } from './peers.js';
import { pause, Sender, within } from './sender.mjs';
import {
  ALWAYS,
  EPOLL_CTL_ADD,
  EPOLL_CTL_DEL,
  EPOLL_CTL_MOD,
  type Errno,
  faults,
  inject,
} from './zerosend.mjs';

const tcp = sharedTcpReceiver();
clearFaultsAfterEach();

/** Leaves the completions to come to the poller thread, so that everything hangs on arming. */
function leaveToPoller(): void {
  inject('recvmsg', { error: 'EAGAIN', times: 3 });
}

describe.each(['tcp', 'udp'] as const)('%s: waiting for events', (protocol) => {
  // The submission thread may leave nothing to the poller thread here.
  itInline.each(['EINTR', 'EINVAL', 'EBADF', 'EFAULT'] as const)(
    'epoll_wait fails with %s, five hundred times: nothing is lost',
    (error: Errno) =>
      withReceiver(protocol, tcp, async (receiver) => {
        const sender = await Sender.open(protocol, receiver);
        inject('epoll_wait', { error, times: 500 });
        for (let i = 0; i < 30; i++) {
          leaveToPoller();
          expect(sender.send()).toBe('accepted');
          await sender.flushed();
        }
        await eventually(() => faults('epoll_wait').struck).toBe(500);
        expect(sender.send()).toBe('accepted');
        await sender.flushed();
        expect(sender.socket.stats().wakes).toBeGreaterThan(10);
        expect(await sender.finish()).toMatchObject({
          problems: [],
          report: { outcome: 'drained' },
        });
      }),
  );

  // As where somebody else has closed the descriptor. docs/submission-thread.md, "when completions are
  // read": the next three tests are about what JavaScript has left to be armed for, and the submission
  // thread, which looks again and again before it sleeps, leaves nothing.
  itInline.each(['EPERM', 'ENOENT', 'EBADF'] as const)(
    'arming fails with %s when JavaScript goes idle: the socket ends, with its completions',
    (error: Errno) =>
      withReceiver(protocol, tcp, async (receiver) => {
        const sender = await Sender.open(protocol, receiver);
        leaveToPoller();
        for (let i = 0; i < 3; i++) expect(sender.send()).toBe('accepted');
        inject('epoll_ctl', { error, times: ALWAYS });
        await sender.flushed();
        await within(sender.books.closed, 'close', 1000);
        expect(sender.books.ids.how).toEqual({ copied: 3 });
        expect(sender.books.errors).toMatchObject([{ code: error }]);
        expect(sender.send()).toBe('ERR_ZEROSEND_SOCKET_CLOSED');
        expect((await sender.finish()).problems).toEqual([]);
      }),
  );

  itInline.each(['ENOMEM', 'ENOSPC'] as const)(
    'there is no room for a registration (%s): it is polled until there is',
    (error: Errno) =>
      withReceiver(protocol, tcp, async (receiver) => {
        const sender = await Sender.open(protocol, receiver);
        expect(sender.send()).toBe('accepted');
        for (let i = 0; i < 3; i++) sender.socket.poll(); // busy, and so not registered
        inject('epoll_ctl', { error, only: EPOLL_CTL_ADD, times: ALWAYS });
        inject('sendto', { error: 'EAGAIN', times: 20 });
        for (let i = 0; i < 5; i++) expect(sender.send()).toBe('accepted');
        await sender.flushed();
        expect(faults('epoll_ctl').struck).toBeGreaterThan(0);
        inject('epoll_ctl');
        const { wakes } = sender.socket.stats();
        for (let i = 0; i < 100 && sender.socket.stats().wakes === wakes; i++) {
          leaveToPoller();
          expect(sender.send()).toBe('accepted');
          await sender.flushed();
        }
        expect(sender.socket.stats().wakes).toBeGreaterThan(wakes);
        expect(sender.books.ids.how).toEqual({ copied: sender.books.accepted });
        expect(await sender.finish()).toMatchObject({ problems: [], report: { unfinished: 0 } });
      }),
  );

  itInline.each(['ENOMEM', 'EINTR'] as const)(
    'a registration cannot be removed (%s): it goes on serving',
    (error: Errno) =>
      withReceiver(protocol, tcp, async (receiver) => {
        const sender = await Sender.open(protocol, receiver);
        expect(sender.send()).toBe('accepted');
        await sender.flushed();
        inject('epoll_ctl', { error, only: EPOLL_CTL_DEL, times: ALWAYS });
        for (let i = 0; i < 5; i++) {
          expect(sender.send()).toBe('accepted');
          for (let j = 0; j < 3; j++) sender.socket.poll(); // busy, and so not to be registered
          leaveToPoller();
          expect(sender.send()).toBe('accepted');
          await sender.flushed();
        }
        expect(faults('epoll_ctl').struck).toBeGreaterThan(0);
        expect(sender.books.errors).toEqual([]);
        expect(sender.books.ids.how).toEqual({ copied: 11 });
        expect(await sender.finish()).toMatchObject({
          problems: [],
          report: { outcome: 'drained' },
        });
      }),
  );

  it('arming fails on the poller thread: the socket ends, with its completions', () =>
    withReceiver(protocol, tcp, async (receiver) => {
      const sender = await Sender.open(protocol, receiver);
      inject('recvmsg', { error: 'EAGAIN', times: ALWAYS }); // so that it wakes again and again
      for (let i = 0; i < 3; i++) expect(sender.send()).toBe('accepted');
      inject('epoll_ctl', { only: EPOLL_CTL_MOD, error: 'ENOMEM', times: ALWAYS });
      await eventually(() => sender.send()).toBe('ERR_ZEROSEND_SOCKET_CLOSED');
      expect(faults('epoll_ctl').struck).toBeGreaterThan(0);
      inject('recvmsg');
      sender.socket.poll();
      await within(sender.books.closed, 'close', 1000);
      expect(sender.books.ids.how).toEqual({ copied: sender.books.accepted });
      expect(sender.books.errors).toMatchObject([{ code: 'ENOMEM' }]);
      expect((await sender.finish()).problems).toEqual([]);
    }));

  it('arming fails while sends wait for room: they fail, and the socket ends', () =>
    withReceiver(protocol, tcp, async (receiver) => {
      const sender = await Sender.open(protocol, receiver);
      inject('sendto', { error: 'EAGAIN', times: ALWAYS });
      for (let i = 0; i < 3; i++) expect(sender.send()).toBe('accepted');
      inject('epoll_ctl', { error: 'EBADF', times: ALWAYS });
      await within(sender.books.closed, 'close');
      expect(sender.books.errors).toMatchObject([{ code: 'EBADF' }]);
      expect(sender.books.ids.how).toEqual({ failed: 3 });
      expect((await sender.finish()).problems).toEqual([]);
    }));

  it('close() ends in time although nothing can be armed', () =>
    withReceiver(protocol, tcp, async (receiver) => {
      const sender = await Sender.open(protocol, receiver);
      inject('recvmsg', { error: 'EAGAIN', times: ALWAYS });
      for (let i = 0; i < 3; i++) expect(sender.send()).toBe('accepted');
      inject('epoll_ctl', { error: 'EBADF', times: ALWAYS });
      const report = await within(sender.socket.close({ timeout: 100 }), 'close', 2000);
      expect(report).toMatchObject({ outcome: 'revoked', ids: 3, unfinished: 3 });
      expect((await sender.finish()).problems).toEqual([]);
    }));
});

it('arming fails for a connection that idles: it ends', async () => {
  const sender = await Sender.tcp(tcp.current);
  await pause(5);
  inject('epoll_ctl', { error: 'ENOMEM' });
  await tcp.current.send(1); // wakes the poller, which cannot arm it again
  await within(sender.books.closed, 'close');
  expect(sender.books.errors).toMatchObject([{ code: 'ENOMEM' }]);
  expect((await sender.finish()).problems).toEqual([]);
});

itInline('no room to register a connection that has failed: its completions are read', async () => {
  const sender = await Sender.tcp(tcp.current);
  expect(sender.send()).toBe('accepted');
  for (let i = 0; i < 3; i++) sender.socket.poll(); // busy, and so not registered
  inject('recvmsg', { error: 'EAGAIN', times: ALWAYS });
  for (let i = 0; i < 2; i++) expect(sender.send()).toBe('accepted');
  inject('sendto', { error: 'EBADF' });
  expect(sender.send()).toBe('EBADF');
  inject('epoll_ctl', { error: 'ENOSPC', only: EPOLL_CTL_ADD, times: ALWAYS });
  await eventually(() => faults('epoll_ctl').struck).toBeGreaterThan(0);
  inject('epoll_ctl');
  inject('recvmsg');
  await within(sender.books.closed, 'close', 3000); // not after five seconds, by giving up
  expect(sender.books.ids.how).toEqual({ copied: 3 });
  expect(sender.books.errors).toMatchObject([{ code: 'EBADF' }]);
  expect((await sender.finish()).problems).toEqual([]);
});
