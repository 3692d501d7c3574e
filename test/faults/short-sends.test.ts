import { describe, expect, it } from 'vitest';
import { byThread, expectNeedsDrain } from '../support/submit.js';
import { clearFaultsAfterEach, eventually, sharedTcpReceiver } from './peers.js';
import { Sender } from './sender.mjs';
import { ALWAYS, clearFaults, faults, inject, MSG_ZEROCOPY, reportedRanges } from './zerosend.mjs';

const tcp = sharedTcpReceiver();
clearFaultsAfterEach();

// On TCP the kernel may take any part of a send. One send, one id, one completion all the same.
describe('a send that the kernel takes in pieces', () => {
  it.each([
    // 600 pieces in all: each counts two pages against RLIMIT_MEMLOCK, of which a user has 8 MiB.
    { what: 'single bytes', length: 100, limit: 1, pieces: 100 },
    { what: 'all but one byte', length: 4000, limit: 3999, pieces: 2 },
    { what: 'halves', length: 60_000, limit: 30_000, pieces: 2 },
    { what: 'all of it', length: 4000, limit: 4000, pieces: 1 },
    { what: 'odd pieces', length: 65_536, limit: 4097, pieces: 16 },
  ])('$what', async ({ length, limit, pieces }) => {
    const sender = await Sender.tcp(tcp.current);
    inject('sendto', { limit, times: ALWAYS });
    const sends = 6;
    for (let i = 0; i < sends; i++) {
      expect(i % 2 === 0 ? sender.send(length) : sender.sendPlain(length)).toBe('accepted');
    }
    await sender.flushed();
    expect(sender.socket.stats()).toMatchObject({
      sends,
      copied: sends,
      kernelSends: sends * pieces,
      kernelIds: sends * pieces,
    });
    expect(await sender.finish()).toMatchObject({ problems: [], report: { outcome: 'drained' } });
  });

  it('pieces of random sizes', async () => {
    const seed = Number(process.env.ZEROSEND_SEED ?? Date.now() % 2 ** 31);
    const sender = await Sender.tcp(tcp.current);
    clearFaults(seed);
    inject('sendto', { limit: 0, chance: 0.9 });
    for (let i = 0; i < 200; i++) {
      if (sender.pool.free < 4) await sender.flushed();
      expect(sender.send(8 + ((i * 7919) % 65_000)), `ZEROSEND_SEED=${seed}`).toBe('accepted');
    }
    await sender.flushed();
    const { kernelSends } = sender.socket.stats();
    expect(kernelSends).toBeGreaterThan(400);
    expect(await sender.finish(), `ZEROSEND_SEED=${seed}`).toMatchObject({
      problems: [],
      report: { outcome: 'drained', ids: 200, unfinished: 0 },
    });
  });

  it('has its id complete with the last piece, not with one before', async () => {
    const sender = await Sender.tcp(tcp.current);
    // Two pieces go out and are notified; the rest has no room.
    inject('sendto', { limit: 100, times: 2 }, { error: 'EAGAIN', times: ALWAYS });
    reportedRanges();
    expect(sender.send(4000)).toBe('accepted');
    const notified = new Set<number>();
    await eventually(() => {
      sender.socket.poll();
      for (const range of reportedRanges()) for (const id of range) notified.add(id);
      return [...notified].sort();
    }).toEqual([0, 1]);
    expect(sender.socket.stats()).toMatchObject({ completed: 0 });
    expect(sender.socket.inFlight).toBe(1);
    expect(sender.pool.inFlight).toBe(1);
    inject('sendto');
    await sender.flushed();
    expect(sender.socket.stats()).toMatchObject({ completed: 1, kernelIds: 3 });
    expect(await sender.finish()).toMatchObject({ problems: [] });
  });

  it('has its id complete when the first piece is free, if that comes last', async () => {
    const sender = await Sender.tcp(tcp.current);
    inject('recvmsg', { error: 'EAGAIN', times: ALWAYS });
    // The last piece is copied, which is never notified.
    inject('sendto', { limit: 100 }, { error: 'ENOBUFS', only: MSG_ZEROCOPY });
    expect(sender.send(4000)).toBe('accepted');
    sender.socket.poll();
    expect(sender.socket.inFlight).toBe(1);
    inject('recvmsg');
    await sender.flushed();
    expect(sender.books.ids.history).toEqual([{ first: 0, last: 0, how: 'inline' }]);
    expect(await sender.finish()).toMatchObject({ problems: [] });
  });

  it('is inline if any piece was copied, and waits for the others', async () => {
    const sender = await Sender.tcp(tcp.current);
    const only = MSG_ZEROCOPY;
    const cut = { limit: 1000 };
    inject('recvmsg', { error: 'EAGAIN', times: ALWAYS }); // nothing to reap instead
    inject('sendto', cut, { error: 'ENOBUFS', only }, cut, cut, { error: 'ENOBUFS', only }, cut);
    expect(sender.send(10_000)).toBe('accepted');
    expect(sender.send(10_000)).toBe('accepted');
    expect(sender.socket.inFlight).toBe(2);
    inject('recvmsg');
    await sender.flushed();
    expect(sender.books.ids.howOf(0)).toBe('inline');
    expect(sender.books.ids.howOf(1)).toBe('copied');
    expect(sender.socket.stats()).toMatchObject({ inlined: 1, copied: 1, inlineFallbacks: 2 });
    expect(await sender.finish()).toMatchObject({ problems: [], report: { outcome: 'drained' } });
  });

  it('waits between its pieces, and those behind it wait with it', async () => {
    const sender = await Sender.tcp(tcp.current);
    const cut = { limit: 700 };
    const full = { error: 'EAGAIN', times: 3 } as const;
    const plan = [cut, full, cut, cut, full, cut, full, cut, full];
    // The submission thread might be through before anybody has seen that sends wait.
    inject('sendto', ...(byThread ? [{ error: 'EAGAIN', times: ALWAYS } as const] : plan));
    for (let i = 0; i < 8; i++) expect(sender.send(2000 + i)).toBe('accepted');
    expect(sender.sendMany([300, 301, 302])).toBe('accepted');
    await expectNeedsDrain(sender.socket);
    if (byThread) inject('sendto', ...plan);
    await sender.flushed();
    expect(faults('sendto').struck).toBe(17);
    expect(sender.books.drains).toBeGreaterThanOrEqual(1);
    expect(await sender.finish()).toMatchObject({ problems: [], report: { outcome: 'drained' } });
  });
});
