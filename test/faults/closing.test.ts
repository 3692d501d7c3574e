import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { describe, expect, it } from 'vitest';
import { startReceiver } from '../../rig/index.mjs';
import { clearFaultsAfterEach, sharedTcpReceiver, withReceiver } from './peers.js';
import { openDescriptors, pause, Sender, within } from './sender.mjs';
import {
  ALWAYS,
  clearFaults,
  EPOLL_CTL_DEL,
  type Errno,
  faults,
  inject,
  reportedRanges,
} from './zerosend.mjs';

const tcp = sharedTcpReceiver();
clearFaultsAfterEach();

const ERRORS: Errno[] = ['ENOTCONN', 'ENOBUFS', 'ENOMEM', 'EINVAL'];

describe('TCP: shutdown fails', () => {
  it.each(ERRORS)('with %s: close() still waits for everything', async (error) => {
    const before = openDescriptors();
    const sender = await Sender.tcp(tcp.current, { zeroCopy: 'auto' });
    for (let i = 0; i < 10; i++) expect(sender.send(i % 2 ? 30_000 : 100)).toBe('accepted');
    inject('shutdown', { error });
    const report = await within(sender.socket.close(), 'close');
    expect(faults('shutdown').struck).toBe(1);
    expect(report).toMatchObject({ outcome: 'drained', ids: 10, unfinished: 0 });
    expect((await sender.finish()).problems).toEqual([]);
    expect(openDescriptors()).toBe(before);
  });

  it('with sends that wait for room: they go out first', async () => {
    const sender = await Sender.tcp(tcp.current);
    inject('sendto', { error: 'EAGAIN', times: ALWAYS });
    inject('shutdown', { error: 'ENOTCONN' });
    for (let i = 0; i < 10; i++) expect(sender.send()).toBe('accepted');
    const closing = sender.socket.close();
    expect(faults('shutdown').calls).toBe(0);
    inject('sendto', { error: 'EAGAIN', times: 20 });
    expect(await within(closing, 'close')).toMatchObject({
      outcome: 'drained',
      ids: 10,
      unfinished: 0,
    });
    expect(faults('shutdown').struck).toBe(1);
    expect((await sender.finish()).problems).toEqual([]);
  });
});

describe('TCP: the reset of an abort fails', () => {
  it.each([...ERRORS, 'EINTR', 'ECONNREFUSED'] as const)('with %s: it revokes', async (error) => {
    const before = openDescriptors();
    const sender = await Sender.tcp(tcp.current);
    for (let i = 0; i < 3; i++) expect(sender.send()).toBe('accepted');
    await sender.flushed();
    inject('recvmsg', { error: 'EAGAIN', times: ALWAYS });
    for (let i = 0; i < 3; i++) expect(sender.send()).toBe('accepted');
    expect(sender.sendPlain()).toBe('accepted');
    inject('sendto', { error: 'EAGAIN', times: ALWAYS });
    for (let i = 0; i < 2; i++) expect(sender.send()).toBe('accepted');
    inject('connect', { error });
    const report = await within(sender.socket.abort(), 'abort');
    expect(faults('connect').struck).toBe(1);
    expect(report).toMatchObject({ outcome: 'revoked', ids: 9, unfinished: 6 });
    expect(sender.books.ids.how).toEqual({ copied: 3, revoked: 4, failed: 2 });
    expect(sender.books.errors).toEqual([]);
    expect(sender.pool.free).toBe(sender.pool.count);
    expect((await sender.finish()).problems).toEqual([]);
    expect(openDescriptors()).toBe(before);
  });

  it('at the timeout of close(): it ends all the same', async () => {
    const sender = await Sender.tcp(tcp.current);
    inject('recvmsg', { error: 'EAGAIN', times: ALWAYS });
    inject('connect', { error: 'ENOMEM', times: ALWAYS });
    inject('shutdown', { error: 'ENOTCONN', times: ALWAYS });
    for (let i = 0; i < 5; i++) expect(sender.send()).toBe('accepted');
    const report = await within(sender.socket.close({ timeout: 50 }), 'close', 2000);
    expect(report).toMatchObject({ outcome: 'revoked', ids: 5, unfinished: 5 });
    expect((await sender.finish()).problems).toEqual([]);
  });
});

describe('TCP: what the kernel tells of sends that were given up', () => {
  it('is no repetition, though the poller thread reads it after the abort', async () => {
    const options = { protocol: 'tcp', seed: 'any', rcvbuf: 4096, paused: true } as const;
    const peer = await startReceiver(options);
    try {
      const sender = await Sender.tcp(peer);
      for (let i = 0; i < 16; i++) expect(sender.send(65_536)).toBe('accepted');
      // Nothing moves any more, and the socket is armed: the reset will wake the poller thread.
      let before = sender.socket.stats();
      for (let wakes = -1; wakes !== before.wakes; before = sender.socket.stats()) {
        wakes = before.wakes;
        await pause(20);
      }
      const { notifications } = before;
      inject('recvmsg', { error: 'EAGAIN' }); // of abort() itself
      const ended = sender.socket.abort();
      // This thread has no turn in which it would close the descriptor.
      const end = performance.now() + 8000;
      while (sender.socket.stats().notifications === notifications) {
        expect(performance.now(), 'no notification is read').toBeLessThan(end);
      }
      const report = await within(ended, 'abort');
      expect(report.outcome).toBe('revoked');
      expect(sender.socket.stats().revoked).toBeGreaterThan(0);
      expect(sender.books.audit([sender.pool])).toEqual([]);
    } finally {
      await peer[Symbol.asyncDispose]();
    }
  });
});

describe.each(['tcp', 'udp'] as const)('%s: all at once', (protocol) => {
  it('every call of closing fails, with sends in flight and sends that wait', () =>
    withReceiver(protocol, tcp, async (receiver) => {
      const before = openDescriptors();
      const sender = await Sender.open(protocol, receiver);
      inject('recvmsg', { error: 'EIO', times: ALWAYS });
      for (let i = 0; i < 3; i++) expect(sender.send()).toBe('accepted');
      inject('sendto', { error: 'EAGAIN', times: ALWAYS });
      for (let i = 0; i < 3; i++) expect(sender.send()).toBe('accepted');
      for (const call of ['shutdown', 'connect', 'getsockopt', 'madvise'] as const) {
        inject(call, { error: 'EIO', times: ALWAYS });
      }
      inject('epoll_ctl', { error: 'ENOENT', only: EPOLL_CTL_DEL, times: ALWAYS });
      inject('mmap', { error: 'ENOMEM', times: ALWAYS });
      await pause(10);
      const report = await within(sender.socket.close({ timeout: 30 }), 'close', 2000);
      expect(report).toMatchObject({ outcome: 'revoked', ids: 6, unfinished: 6 });
      expect(sender.books.ids.how).toEqual({ revoked: 3, failed: 3 });
      expect(sender.pool.stats()).toMatchObject({ inFlight: 0, acquired: 0, retired: 3 });
      expect(sender.books.errors.length).toBeLessThanOrEqual(1);
      expect((await sender.finish()).problems).toEqual([]);
      expect(openDescriptors()).toBe(before);
    }));
});

describe.each(['tcp', 'udp'] as const)(
  '%s: a thread that ends with sends in flight',
  (protocol) => {
    it('goes, though its memory cannot be parted from the kernel', () =>
      withReceiver(protocol, tcp, async (receiver) => {
        const before = openDescriptors();
        const peer = { host: '127.0.0.1', port: receiver.port };
        for (let i = 0; i < 2; i++) {
          const worker = new Worker(new URL('programs/worker.mjs', import.meta.url), {
            workerData: { protocol, peer },
          });
          const [inFlight] = await within(once(worker, 'message'), 'the sends of the worker');
          expect(inFlight).toBe(15);
          for (const call of ['clone_process', 'mmap', 'remap', 'madvise', 'connect'] as const) {
            inject(call, { error: 'ENOMEM', times: ALWAYS });
          }
          inject('epoll_ctl', { error: 'ENOENT', only: EPOLL_CTL_DEL, times: ALWAYS });
          await within(worker.terminate(), 'the end of the worker');
          clearFaults();
        }
        expect(openDescriptors()).toBe(before);
        const sender = await Sender.open(protocol, receiver);
        for (let i = 0; i < 5; i++) expect(sender.send()).toBe('accepted');
        await sender.flushed();
        expect(sender.books.ids.how).toEqual({ copied: 5 });
        await within(sender.socket.close(), 'close');
      }));

    /** Ends a worker with ten kernel ids in flight, half of them of plain memory. */
    async function endWorker(
      peer: object,
      before: () => void,
      meanwhile = async () => {},
    ): Promise<void> {
      const worker = new Worker(new URL('programs/worker.mjs', import.meta.url), {
        workerData: { protocol, peer },
      });
      await within(once(worker, 'message'), 'the sends of the worker');
      before();
      await within(Promise.all([worker.terminate(), meanwhile()]), 'the end of the worker');
    }

    // The heap takes plain memory back when the thread has ended: nobody can hold it any longer.
    it('tries again to part plain memory from the kernel', () =>
      withReceiver(protocol, tcp, async (receiver) => {
        await endWorker({ host: '127.0.0.1', port: receiver.port }, () => {
          inject('clone_process', { error: 'EAGAIN', times: 3 });
        });
        expect(faults('clone_process')).toEqual({ calls: 4, struck: 3 });
      }));

    it('waits for the kernel where plain memory cannot be parted', () =>
      withReceiver(protocol, tcp, async (receiver) => {
        reportedRanges();
        inject('sendmsg'); // counts from here on: each question for the kernel's count takes an id
        const blind = () => {
          inject('clone_process', { error: 'EAGAIN', times: ALWAYS });
          inject('recvmsg', { error: 'EAGAIN', times: ALWAYS });
        };
        // The thread has begun to end, and waits, when it has tried to part the memory again.
        const seeing = async () => {
          while (faults('clone_process').struck < 3) await pause(1);
          inject('recvmsg');
        };
        await endWorker({ host: '127.0.0.1', port: receiver.port }, blind, seeing);
        const ids = reportedRanges().map(([first, last]) => last - first + 1);
        expect(ids.reduce((sum, count) => sum + count, 0)).toBe(10 + faults('sendmsg').calls);
      }));
  },
);
