// Ends on the fake addon: close, abort, deadlines, retired memory, and those who wait for ids.
import { getEventListeners } from 'node:events';
import { describe, expect, it, vi } from 'vitest';
import type { PooledBuffer } from '../../../lib/buffers/pooled-buffer.js';
import type { CompletionRange } from '../../../lib/engine/events.js';
import type { TcpSocket } from '../../../lib/sockets/tcp.js';
import { type FakeSocket, fake } from '../support/fake-native.js';
import { connectTcp, makePool, openUdp, record, sendSome, turns } from '../support/fake-sockets.js';

vi.mock(
  '../../../lib/addon/addon.js',
  async () => (await import('../support/fake-native.js')).module,
);
// The library keeps the timers that it was loaded with; those of these tests are the program's.
vi.mock('../../../lib/base/timers.js', async (original) => ({
  ...(await original<typeof import('../../../lib/base/timers.js')>()),
  setTimeout: (...given: Parameters<typeof setTimeout>) => setTimeout(...given),
  clearTimeout: (timer: NodeJS.Timeout) => clearTimeout(timer),
}));

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

  it('leaves nobody to wait for room, also where what waited has failed', async () => {
    const { socket, kernel } = await connectTcp();
    kernel.room = 1;
    sendSome(socket, makePool(), 3);
    expect(socket.needDrain).toBe(true);
    expect(await socket.abort()).toMatchObject({ ids: 3, unfinished: 3 });
    expect(socket.needDrain).toBe(false);
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

  const moves: Record<string, (kernel: FakeSocket) => void> = {
    'an id completes': (kernel) => kernel.finish([...kernel.withKernel][0] as number),
    'a queued send is taken': (kernel) => {
      kernel.room++;
    },
    'a peer acknowledges': (kernel) => {
      kernel.acknowledged++;
    },
  };
  it.each(Object.entries(moves))(
    'counts its timeout from the last progress: %s',
    async (_, progress) => {
      await withTimers(async (advance) => {
        const { socket, kernel } = await connectTcp();
        kernel.room = 20;
        sendSome(socket, makePool(64), 40);
        const closed = socket.close({ timeout: 250 });
        for (let i = 0; i < 10; i++) {
          for (let waited = 0; waited < 240; waited += 20) await advance(20);
          expect(kernel.aborted).toBe(false);
          progress(kernel);
          fake.wake();
        }
        // From here on nothing moves. It was looked at every 32 ms.
        for (let waited = 0; waited < 240; waited += 20) await advance(20);
        expect(kernel.aborted).toBe(false);
        for (let waited = 0; waited < 60; waited += 20) await advance(20);
        expect(kernel.aborted).toBe(true);
        expect(await closed).toMatchObject({ outcome: 'revoked', error: null });
      });
    },
  );

  it('counts the earliest timeout of several, progress or not', async () => {
    await withTimers(async (advance) => {
      const { socket, kernel } = await openUdp();
      sendSome(socket, makePool(), 2);
      const closed = socket.close({ timeout: 60_000 });
      await advance(100);
      socket.close({ timeout: 80 });
      socket.close({ timeout: 40_000 });
      for (let i = 0; i < 7; i++) await advance(10);
      expect(kernel.aborted).toBe(false);
      await advance(10);
      expect(kernel.aborted).toBe(true);
      await closed;
    });
  });

  it('gives up when its signal is aborted, whatever moves', async () => {
    const { socket, kernel } = await openUdp();
    sendSome(socket, makePool(), 3);
    const controller = new AbortController();
    const closed = socket.close({ signal: controller.signal });
    await turns(2);
    kernel.finish(0);
    expect(kernel.aborted).toBe(false);
    controller.abort();
    expect(await closed).toMatchObject({ outcome: 'revoked', ids: 3, unfinished: 2 });
    expect(getEventListeners(controller.signal, 'abort')).toHaveLength(0);
  });

  it('gives up at once for a signal that was aborted before', async () => {
    const { socket, kernel } = await openUdp();
    sendSome(socket, makePool(), 1);
    const closed = socket.close({ signal: AbortSignal.abort() });
    expect(kernel.aborted).toBe(true);
    expect(await closed).toMatchObject({ outcome: 'revoked' });
  });

  it.each([0, 'signal', null, {}])('refuses the signal %o', async (signal) => {
    const { socket, kernel } = await openUdp();
    expect(() => socket.close({ signal: signal as AbortSignal })).toThrow(/signal must be/);
    expect(kernel.closing).toBe(false);
    await socket.close();
  });

  it('says how much was taken and acknowledged', async () => {
    const { socket, kernel } = await connectTcp();
    sendSome(socket, makePool(), 2);
    kernel.finishAll();
    kernel.description.acknowledged = 123;
    const sent = kernel.sends.reduce((sum, { length }) => sum + length, 0);
    const report = await socket.close();
    expect(report).toMatchObject({ bytesAccepted: sent, bytesAcknowledged: 123, error: null });
    // Whatever the cause: not all has arrived.
    expect(report.outcome).toBe(sent > 123 ? 'aborted' : 'drained');
  });

  it('is not fooled by a reset that nobody has told of yet', async () => {
    const { socket, kernel } = await connectTcp();
    const log = record(socket);
    socket.on('error', () => {});
    sendSome(socket, makePool(), 2);
    kernel.finishAll();
    socket.poll();
    kernel.failure = 104;
    const report = await socket.close();
    expect(report).toMatchObject({ outcome: 'aborted', ids: 2, unfinished: 0 });
    expect(report.error).toMatchObject({ code: 'ECONNRESET' });
    expect(log.slice(-2)).toEqual(['error ECONNRESET', 'close aborted 2 0']);
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

  it('keeps both ends of a connection that is gone', async () => {
    const { socket, kernel } = await connectTcp();
    kernel.description.local = { address: '198.18.0.2', port: 40_000 };
    const { local, remote } = socket.info();
    expect(remote).toBeDefined();
    // The kernel knows neither any more.
    kernel.description.local = { address: '0.0.0.0', port: 0 };
    delete kernel.description.remote;
    await socket.abort();
    expect(socket.info()).toMatchObject({ local, remote });
  });

  it('keeps the counts of a socket that is gone', async () => {
    const { socket, kernel } = await openUdp();
    sendSome(socket, makePool(), 2);
    kernel.finishAll();
    await socket.close();
    expect(socket.stats()).toMatchObject({ sends: 2, completed: 2, inFlight: 0 });
    expect(socket.info()).toMatchObject({ protocol: 'udp', mtu: undefined });
  });
});

describe('disposal', () => {
  it('rejects with the report when the socket has not drained', async () => {
    const { socket, kernel } = await connectTcp();
    socket.on('error', () => {});
    kernel.room = 1;
    sendSome(socket, makePool(), 3);
    const disposed = socket[Symbol.asyncDispose]();
    kernel.finishAll();
    kernel.break(104);
    fake.wake();
    const error = await disposed.catch((reason) => reason);
    expect(error).toMatchObject({ code: 'ERR_ZEROSEND_NOT_DRAINED' });
    expect(error.message).toMatch(/aborted, 2 of 3 ids unfinished.*ECONNRESET/);
    expect(error.cause).toMatchObject({ code: 'ECONNRESET' });
    expect(error.report).toEqual(await socket.close());
  });

  it('resolves when it has', async () => {
    const { socket, kernel } = await openUdp();
    sendSome(socket, makePool(), 2);
    kernel.finishAll();
    expect(await socket[Symbol.asyncDispose]()).toBeUndefined();
  });
});

describe('a failed range', () => {
  it.each([
    ['abort()', 'ERR_ZEROSEND_ABORTED', (socket: TcpSocket) => void socket.abort()],
    ['a reset', 'ECONNRESET', (_: TcpSocket, kernel: FakeSocket) => kernel.break(104)],
    ['an errno without a name', 'E4000', (_: TcpSocket, kernel: FakeSocket) => kernel.break(4000)],
  ] as const)('has the code of its reason: %s', async (_, code, end) => {
    const { socket, kernel } = await connectTcp();
    socket.on('error', () => {});
    const ranges: CompletionRange[] = [];
    socket.on('complete', (range) => ranges.push(range));
    kernel.room = 1;
    sendSome(socket, makePool(), 3);
    kernel.finish(0);
    end(socket, kernel);
    fake.wake();
    await socket.close();
    expect(ranges).toEqual([
      { first: 0, last: 0, how: 'zerocopy' },
      { first: 1, last: 2, how: 'failed', code },
    ]);
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
