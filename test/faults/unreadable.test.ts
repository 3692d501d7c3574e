import { describe, expect, it } from 'vitest';
import { clearFaultsAfterEach, sharedTcpReceiver, withReceiver } from './peers.js';
import { answerOf } from './run-program.js';
import { Sender, within } from './sender.mjs';
import { ALWAYS, type Errno, faults, inject } from './zerosend.mjs';

const tcp = sharedTcpReceiver();
clearFaultsAfterEach();

// What a filter of system calls (seccomp) answers, and what no kernel answers twice.
const errors: Errno[] = ['EPERM', 'EACCES', 'ENOSYS', 'EIO'];

describe.each(['tcp', 'udp'] as const)('%s: an error queue that cannot be read', (protocol) => {
  it.each(errors)('%s for ever ends the socket: what is in flight is revoked', (error) =>
    withReceiver(protocol, tcp, async (receiver) => {
      const sender = await Sender.open(protocol, receiver);
      for (let i = 0; i < 3; i++) expect(sender.send()).toBe('accepted');
      await sender.flushed();
      inject('recvmsg', { error, times: ALWAYS });
      for (let i = 0; i < 4; i++) expect(sender.send()).toBe('accepted');
      expect(sender.sendPlain()).toBe('accepted');
      await within(sender.books.closed, 'the end of the socket');
      expect(sender.books.errors).toMatchObject([{ code: error, syscall: 'recvmsg' }]);
      expect(sender.books.ids.how).toEqual({ copied: 3, revoked: 5 });
      expect(sender.books.report).toMatchObject({ outcome: 'revoked', ids: 8, unfinished: 5 });
      const { calls } = faults('recvmsg');
      expect(sender.send()).toBe('ERR_ZEROSEND_SOCKET_CLOSED');
      expect((await sender.finish()).problems).toEqual([]);
      expect(faults('recvmsg').calls).toBeLessThanOrEqual(calls);
      expect(sender.pool.stats()).toMatchObject({ free: sender.pool.count, retired: 0 });
    }),
  );
});

it('a UDP socket that waits for timestamps only ends as well', () =>
  withReceiver('udp', tcp, async (receiver) => {
    const sender = await Sender.udp(receiver, { timestamps: 'software', zeroCopy: 'never' });
    inject('recvmsg', { error: 'EPERM', times: ALWAYS });
    expect(sender.send()).toBe('accepted');
    await within(sender.books.closed, 'the end of the socket');
    expect(sender.books.errors).toMatchObject([{ code: 'EPERM', syscall: 'recvmsg' }]);
    expect(sender.books.ids.how).toEqual({ inline: 1 });
    expect((await sender.finish()).problems).toEqual([]);
  }));

it('the poller thread ends a socket while JavaScript aborts one with buffers of the same pool', async () => {
  expect(await answerOf('ended-together', {})).toEqual({ outcome: 'revoked', free: 8, retired: 0 });
});
