// Ends on the fake addon: close, abort, deadlines, retired memory, and those who wait for ids.
import { describe, expect, it, vi } from 'vitest';
import type { PooledBuffer } from '../../lib/pooled-buffer.js';
import { fake } from './fake-native.js';
import { connectTcp, makePool, openUdp, record, sendSome, turns } from './fake-sockets.js';

vi.mock('../../lib/native.js', async () => (await import('./fake-native.js')).module);

/** Runs a test with timers that only `advance` moves. */
async function withTimers(test: (advance: (ms: number) => Promise<void>) => Promise<void>) {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  try {
    await test(async (ms) => {
      vi.advanceTimersByTime(ms);
      await turns(3);
    });
  } finally {
    vi.useRealTimers();
  }
}

describe('close', () => {
  it('of an idle socket ends at once', async () => {
    const { socket, kernel } = await openUdp();
    const log = record(socket);
    const closed = socket.close();
    expect(kernel.closing).toBe(true);
    expect(await closed).toMatchObject({ outcome: 'drained', ids: 0, unfinished: 0 });
    expect(log).toEqual(['close drained 0 0']);
    expect(socket.fd).toBe(-1);
    expect(fake.isOpen(kernel.handle)).toBe(false);
  });

  it('waits for what is in flight and what is queued', async () => {
    const { socket, kernel } = await connectTcp();
    const log = record(socket);
    kernel.room = 1;
    sendSome(socket, makePool(), 3);
    const closed = socket.close();
    await turns(3);
    kernel.finish(0);
    fake.wake();
    expect(log).toEqual(['0-0 zerocopy']);
    kernel.room = 5;
    fake.wake();
    kernel.finish(1, 2);
    fake.wake();
    expect(await closed).toMatchObject({ outcome: 'drained', ids: 3, unfinished: 0 });
    expect(log).toEqual(['0-0 zerocopy', 'drain', '1-2 zerocopy', 'close drained 3 0']);
  });

  it('returns one promise to all who call it', async () => {
    const { socket } = await openUdp();
    const closed = socket.close();
    expect(socket.close({ timeout: 1 })).toBe(closed);
    expect(socket.abort()).toBe(closed);
    await closed;
    expect(socket.close()).toBe(closed);
    expect(socket.abort()).toBe(closed);
  });

  it('gives up at its deadline, and not before', async () => {
    await withTimers(async (advance) => {
      const { socket, kernel } = await openUdp();
      const log = record(socket);
      const pool = makePool();
      sendSome(socket, pool, 3);
      kernel.finish(1);
      const closed = socket.close({ timeout: 250 });
      await advance(249);
      expect(kernel.aborted).toBe(false);
      expect(log).toEqual(['1-1 zerocopy']);
      await advance(1);
      expect(await closed).toMatchObject({ outcome: 'revoked', ids: 3, unfinished: 2 });
      expect(log.slice(1)).toEqual(['0-0 revoked', '2-2 revoked', 'close revoked 3 2']);
      expect(pool.free).toBe(8);
    });
  });

  it('gives up after five seconds when it is not told otherwise', async () => {
    await withTimers(async (advance) => {
      const { socket, kernel } = await openUdp();
      sendSome(socket, makePool(), 1);
      const closed = socket.close();
      await advance(4999);
      expect(kernel.aborted).toBe(false);
      await advance(1);
      expect(await closed).toMatchObject({ outcome: 'revoked', unfinished: 1 });
    });
  });

  it('leaves no deadline behind when it has drained', async () => {
    await withTimers(async (advance) => {
      const { socket, kernel } = await openUdp();
      const log = record(socket);
      await socket.close({ timeout: 10 });
      expect(vi.getTimerCount()).toBe(0);
      await advance(1000);
      expect(kernel.aborted).toBe(false);
      expect(log).toEqual(['close drained 0 0']);
    });
  });

  it.each([-1, 1.5, 2 ** 31, Number.NaN, '5', null])('refuses the timeout %o', async (timeout) => {
    const { socket, kernel } = await openUdp();
    expect(() => socket.close({ timeout: timeout as number })).toThrow(/options.timeout must be/);
    expect(kernel.closing).toBe(false);
    expect(socket.send(new Uint8Array(1))).toBe(0);
    kernel.finishAll();
  });

  it('of a TCP socket waits until the peer has acknowledged inline data', async () => {
    await withTimers(async (advance) => {
      const { socket, kernel } = await connectTcp({ zeroCopy: 'never' });
      const log = record(socket);
      kernel.unacknowledged = 10;
      socket.send(new Uint8Array(10));
      const closed = socket.close();
      for (let i = 0; i < 20; i++) await advance(2);
      expect(log).toEqual(['0-0 inline']);
      kernel.unacknowledged = 0;
      await advance(2);
      expect(await closed).toMatchObject({ outcome: 'drained', ids: 1, unfinished: 0 });
      expect(vi.getTimerCount()).toBe(0);
    });
  });

  it('stops waiting for acknowledgements at its deadline', async () => {
    await withTimers(async (advance) => {
      const { socket, kernel } = await connectTcp({ zeroCopy: 'never' });
      kernel.unacknowledged = 10;
      socket.send(new Uint8Array(10));
      const closed = socket.close({ timeout: 50 });
      for (let i = 0; i < 30; i++) await advance(2);
      expect(await closed).toMatchObject({ outcome: 'aborted', ids: 1, unfinished: 0 });
      await advance(100);
      expect(vi.getTimerCount()).toBe(0);
    });
  });

  it('gives the pool up, so that it can close', async () => {
    const { socket, kernel } = await openUdp();
    const pool = makePool();
    sendSome(socket, pool, 2);
    const released = fake.releasedSlabs.length;
    const poolClosed = pool.close();
    kernel.finish(0);
    socket.poll();
    expect(fake.releasedSlabs).toHaveLength(released);
    await socket.abort();
    await poolClosed;
    expect(fake.releasedSlabs).toHaveLength(released + 1);
  });

  it('keeps the counts of a socket that is gone', async () => {
    const { socket, kernel } = await openUdp();
    sendSome(socket, makePool(), 2);
    kernel.finishAll();
    await socket.close();
    expect(socket.stats()).toMatchObject({ sends: 2, completed: 2, inFlight: 0 });
    expect(socket.info()).toMatchObject({ protocol: 'udp', local: undefined, mtu: undefined });
  });
});

describe('abort', () => {
  it('fails what is queued, revokes what the kernel has, and does so after it returns', async () => {
    const { socket, kernel } = await connectTcp();
    const log = record(socket);
    const pool = makePool();
    kernel.room = 2;
    sendSome(socket, pool, 4);
    const aborted = socket.abort();
    expect(log).toEqual([]);
    expect(await aborted).toMatchObject({ outcome: 'revoked', ids: 4, unfinished: 4 });
    expect(log).toEqual(['0-1 revoked', '2-3 failed', 'close revoked 4 4']);
    expect(pool.free).toBe(8);
  });

  it("says 'aborted' when nothing had to be revoked", async () => {
    const { socket, kernel } = await connectTcp();
    kernel.room = 0;
    sendSome(socket, makePool(), 2);
    expect(await socket.abort()).toMatchObject({ outcome: 'aborted', ids: 2, unfinished: 2 });
  });

  it('ends a close that waits', async () => {
    const { socket } = await openUdp();
    sendSome(socket, makePool(), 1);
    const closed = socket.close({ timeout: 60_000 });
    await turns(3);
    await socket.abort();
    expect(await closed).toMatchObject({ outcome: 'revoked', unfinished: 1 });
  });

  it('brings more ranges than one batch holds', async () => {
    const { socket, kernel } = await openUdp();
    const pool = makePool(3000);
    sendSome(socket, pool, 3000);
    for (let id = 0; id < 3000; id += 2) kernel.finish(id);
    const report = await socket.abort();
    expect(report).toMatchObject({ outcome: 'revoked', ids: 3000, unfinished: 1500 });
    expect(pool.free).toBe(3000);
  });
});

describe('memory that cannot be parted from the kernel', () => {
  it('is never handed out again', async () => {
    const { socket, kernel } = await openUdp();
    const pool = makePool(4);
    const buffers = Array.from({ length: 4 }, () => pool.tryAcquire() as PooledBuffer);
    for (const buffer of buffers) socket.send(buffer, 10);
    kernel.irreplaceable.add(1).add(2);
    expect(await socket.abort()).toMatchObject({ outcome: 'revoked', ids: 4, unfinished: 4 });
    expect(pool.stats()).toMatchObject({ free: 2, acquired: 0, inFlight: 0, retired: 2 });
    const left = [pool.tryAcquire(), pool.tryAcquire(), pool.tryAcquire()];
    expect(left.map((buffer) => buffer?.index).sort()).toEqual([0, 3, undefined]);
    for (const buffer of left) buffer?.release();
    await pool.close(); // does not wait for what will never come back
  });
});

describe('waiting for ids', () => {
  it('completed() is over when its id has completed', async () => {
    const { socket, kernel } = await openUdp();
    sendSome(socket, makePool(), 3);
    let over = false;
    const waiting = socket.completed(1).then(() => {
      over = true;
    });
    kernel.finish(0);
    kernel.finish(2);
    socket.poll();
    await turns(1);
    expect(over).toBe(false);
    kernel.finish(1);
    socket.poll();
    await waiting;
    await socket.completed(1);
    await expect(socket.completed(3)).rejects.toMatchObject({ code: 'ERR_ZEROSEND_OUT_OF_RANGE' });
    await expect(socket.completed(-1)).rejects.toThrow(/received number -1/);
  });

  it('flush() covers the ids so far, and not those to come', async () => {
    const { socket, kernel } = await openUdp();
    const pool = makePool();
    await socket.flush();
    sendSome(socket, pool, 2);
    const flushed = socket.flush();
    sendSome(socket, pool, 2);
    kernel.finish(0, 1);
    socket.poll();
    await flushed;
    expect(socket.inFlight).toBe(2);
    kernel.finishAll();
  });

  it('both are over when the socket is, whatever became of the ids', async () => {
    const { socket } = await openUdp();
    sendSome(socket, makePool(), 3);
    const waiting = [socket.completed(2), socket.flush()];
    await socket.abort();
    await Promise.all(waiting);
    await socket.completed(0);
    await socket.flush();
  });

  it('both take a signal', async () => {
    const { socket, kernel } = await openUdp();
    sendSome(socket, makePool(), 1);
    const controller = new AbortController();
    const { signal } = controller;
    const waiting = [socket.completed(0, { signal }), socket.flush({ signal })];
    for (const one of waiting) one.catch(() => {});
    controller.abort('enough');
    for (const one of waiting) await expect(one).rejects.toBe('enough');
    await expect(socket.completed(0, { signal })).rejects.toBe('enough');
    await expect(socket.flush({ signal })).rejects.toBe('enough');
    kernel.finishAll();
  });

  it('are over before the complete event, and in time for what a listener does', async () => {
    const { socket, kernel } = await openUdp();
    sendSome(socket, makePool(), 2);
    let pending = 0;
    socket.on('complete', () => {
      pending = socket.inFlight;
    });
    const waiting = socket.completed(0);
    kernel.finish(0);
    socket.poll();
    await waiting;
    expect(pending).toBe(1);
    kernel.finishAll();
  });
});
