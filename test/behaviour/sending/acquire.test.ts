import { describe, expect, it } from 'vitest';
import type { BufferPool, BufferRun, PooledBuffer } from 'zerosend';
import { turn, within } from '../../support/deadline.js';
import { connectTo, expectAllFree, makePool, openTo, startPeer } from '../../support/endpoints.js';
import { itInline } from '../../support/submit.js';

/** A pool with one buffer, and that buffer. */
function dryPool() {
  const pool = makePool({ bufferSize: 4096, count: 1 });
  return { pool, held: pool.tryAcquire() as PooledBuffer };
}

describe('acquire() on a dry pool', () => {
  it('serves by priority, then first come first served', async () => {
    const { pool, held } = dryPool();
    const order: string[] = [];
    const wait = (name: string, priority?: number) =>
      pool.acquire(priority === undefined ? {} : { priority }).then((buffer) => {
        order.push(name);
        buffer.release();
      });
    const waits = [
      wait('default 1'),
      wait('low', -1),
      wait('high 1', 10),
      wait('default 2'),
      wait('high 2', 10),
      wait('default 3', 0),
      wait('highest', 11),
    ];
    expect(pool.stats()).toMatchObject({ waiting: 7, free: 0 });
    held.release();
    await within(Promise.all(waits), 'seven buffers');
    const expected = ['highest', 'high 1', 'high 2', 'default 1', 'default 2', 'default 3', 'low'];
    expect(order).toEqual(expected);
    expectAllFree(pool);
  });

  it('gives several that come back at once to several who wait, in order', async () => {
    const pool = makePool({ bufferSize: 4096, count: 3 });
    const held = [1, 2, 3].map(() => pool.tryAcquire() as PooledBuffer);
    const got: number[] = [];
    const waits = [0, 1, 2, 3].map((n) =>
      pool.acquire().then((buffer) => {
        got.push(n);
        return buffer;
      }),
    );
    for (const buffer of held) buffer.release();
    const buffers = await within(Promise.all(waits.slice(0, 3)), 'three buffers');
    expect(new Set(buffers).size).toBe(3);
    await turn();
    expect(got).toEqual([0, 1, 2]);
    expect(pool.stats()).toMatchObject({ waiting: 1, acquired: 3 });
    buffers[1]?.release();
    expect(await within(waits[3] as Promise<PooledBuffer>, 'the fourth')).toBe(buffers[1]);
  });

  it('lets those who are served at once go on by priority, too', async () => {
    const pool = makePool({ bufferSize: 4096, count: 2 });
    const held = [1, 2].map(() => pool.tryAcquire() as PooledBuffer);
    const order: string[] = [];
    const goOn = (name: string) => (got: PooledBuffer | BufferRun) => {
      order.push(name);
      got.release();
    };
    const waits = [
      pool.acquire().then(goOn('low')),
      pool.acquireRun(2, { priority: 1 }).then(goOn('high')),
    ];
    for (const buffer of held) buffer.release();
    await within(Promise.all(waits), 'both');
    expect(order).toEqual(['high', 'low']);
  });

  it('gets what a completed send gives back', async () => {
    const peer = await startPeer({ protocol: 'tcp', paused: true, rcvbuf: 32_768 });
    const pool = makePool({ bufferSize: 1 << 20, count: 1 });
    const socket = await connectTo(peer, { zeroCopy: 'always', sendBufferSize: 16_384 });
    socket.send(await pool.acquire(), pool.bufferSize);
    const wait = pool.acquire();
    await turn();
    expect(pool.stats()).toMatchObject({ waiting: 1, inFlight: 1 });
    await peer.resume();
    (await within(wait, 'the buffer')).release();
    expectAllFree(pool);
  });

  it('rejects at once when the signal has been aborted before', async () => {
    const { pool } = dryPool();
    const reason = new Error('enough');
    await expect(pool.acquire({ signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
    expect(pool.stats().waiting).toBe(0);
  });

  it('rejects with the reason when the signal is aborted while it waits', async () => {
    const { pool, held } = dryPool();
    const first = new AbortController();
    const second = new AbortController();
    const reason = new Error('enough');
    const waits = [first, second].map(({ signal }) => pool.acquire({ signal, priority: 5 }));
    const patient = pool.acquire();
    first.abort(reason);
    await expect(within(waits[0]!, 'the rejection')).rejects.toBe(reason);
    second.abort();
    await expect(within(waits[1]!, 'the rejection')).rejects.toMatchObject({ name: 'AbortError' });
    expect(pool.stats().waiting).toBe(1);
    held.release();
    (await within(patient, 'the buffer')).release();
    expectAllFree(pool);
  });

  it('does not keep a free buffer for those who have given up', async () => {
    const { pool, held } = dryPool();
    const controller = new AbortController();
    const wait = pool.acquire({ signal: controller.signal });
    wait.catch(() => {});
    controller.abort();
    held.release(); // in the same turn as the abort
    const buffer = pool.tryAcquire() ?? (await within(pool.acquire(), 'the buffer'));
    expect(buffer).toBe(held);
    await expect(wait).rejects.toThrow();
  });

  it('tryAcquire() does not steal from those who wait', async () => {
    const { pool, held } = dryPool();
    const wait = pool.acquire();
    held.release();
    expect(pool.tryAcquire()).toBeNull();
    expect(await within(wait, 'the buffer')).toBe(held);
    expect(pool.tryAcquire()).toBeNull();
  });

  it.each(['close', 'abort'] as const)(
    'keeps what it was given when the pool is closed or the signal aborted in that moment: %s',
    async (end) => {
      for (const asRun of [false, true]) {
        const { pool, held } = dryPool();
        const controller = new AbortController();
        const { signal } = controller;
        const wait: Promise<BufferRun | PooledBuffer> = asRun
          ? pool.acquireRun(4, { signal })
          : pool.acquire({ signal });
        held.release(); // serves the one who waits
        if (end === 'abort') controller.abort();
        const closed = pool.close();
        const got = await within(wait, 'what was given');
        expect(pool.stats()).toMatchObject({ free: 0, acquired: 1, waiting: 0 });
        got.release();
        await within(closed, 'close()');
        expectAllFree(pool);
      }
    },
  );

  it('leaves the others in line when the first is served and the pool closed', async () => {
    const { pool, held } = dryPool();
    const waits = [pool.acquire(), pool.acquire({ priority: 1 }), pool.acquireRun(2)];
    const ends = Promise.allSettled(waits);
    held.release();
    const closed = pool.close();
    const [low, high, run] = await within(ends, 'those who wait');
    expect(high).toMatchObject({ status: 'fulfilled', value: held });
    for (const end of [low, run]) {
      expect(end).toMatchObject({ reason: { code: 'ERR_ZEROSEND_POOL_CLOSED' } });
    }
    held.release();
    await within(closed, 'close()');
    expectAllFree(pool);
  });

  it('gives the one buffer to nobody else when a listener of the same batch closes', async () => {
    const peer = await startPeer({ protocol: 'tcp', paused: true, rcvbuf: 32_768 });
    const pool = makePool({ bufferSize: 1 << 20, count: 2 });
    const socket = await connectTo(peer, { zeroCopy: 'always', sendBufferSize: 16_384 });
    for (let i = 0; i < 2; i++) socket.send(pool.tryAcquire() as PooledBuffer, pool.bufferSize);
    const wait = pool.acquire();
    const closed = new Promise<void>((resolve, reject) => {
      socket.once('complete', () => void pool.close().then(resolve, reject));
    });
    await peer.resume();
    (await within(wait, 'the buffer')).release();
    await within(closed, 'close()');
    expectAllFree(pool);
  });

  // docs/submission-thread.md, "tryAcquire on a dry pool": no listener runs within it.
  itInline(
    'is refused, and tryAcquire() too, when a listener within it closes the pool',
    async () => {
      const peer = await startPeer({ protocol: 'udp', discard: true });
      const code = 'ERR_ZEROSEND_POOL_CLOSED';
      const socket = await openTo(peer, { zeroCopy: 'never' }); // completes at once
      for (const ask of ['tryAcquire', 'acquire'] as const) {
        const pool = makePool({ bufferSize: 4096, count: 1 });
        socket.send(pool.tryAcquire() as PooledBuffer, 100);
        let closed: Promise<void> | undefined;
        socket.once('complete', () => {
          closed = pool.close();
        });
        await expect((async () => pool[ask]())()).rejects.toMatchObject({ code });
        await within(closed as Promise<void>, 'close()');
        expectAllFree(pool);
      }
    },
  );

  it('belongs to nobody until it has been handed over: a late release of it is refused', async () => {
    const code = 'ERR_ZEROSEND_BUFFER_FREE';
    for (const asRun of [false, true]) {
      const next = (pool: BufferPool) => (asRun ? pool.acquireRun(2) : pool.acquire());
      const free = makePool({ bufferSize: 4096, count: 4 });
      const first = free.tryAcquire() as PooledBuffer;
      first.release();
      const { pool, held } = dryPool();
      const waits = [next(free), next(pool)];
      held.release();
      for (const buffer of [first, held]) {
        expect(() => buffer.release()).toThrow(expect.objectContaining({ code }));
        expect(() => buffer.retain()).toThrow(expect.objectContaining({ code }));
        buffer[Symbol.dispose]();
      }
      for (const got of await within(Promise.all(waits), 'the buffers')) got.release();
      expectAllFree(free);
      expectAllFree(pool);
    }
  });

  it('a late release of a run is refused, too', async () => {
    const pool = makePool({ bufferSize: 4096, count: 2 });
    const run = pool.tryAcquireRun(2) as BufferRun;
    const wait = pool.acquireRun(2);
    run.release();
    expect(() => run.release()).toThrow(
      expect.objectContaining({ code: 'ERR_ZEROSEND_BUFFER_FREE' }),
    );
    (await within(wait, 'the run')).release();
    expectAllFree(pool);
  });

  it('takes a free buffer at once, and only then', async () => {
    const pool = makePool({ bufferSize: 4096, count: 2 });
    const first = await pool.acquire({ priority: -5 });
    const second = await pool.acquire();
    expect(first).not.toBe(second);
    expect(pool.stats()).toMatchObject({ acquired: 2, waiting: 0 });
  });
});

describe('pool.close()', () => {
  it('rejects those who wait and those who come, and waits for buffers that are out', async () => {
    const { pool, held } = dryPool();
    const waits = [pool.acquire(), pool.acquire({ priority: 3 })];
    let closed = false;
    const closing = pool.close().then(() => {
      closed = true;
    });
    const code = 'ERR_ZEROSEND_POOL_CLOSED';
    for (const wait of waits) await expect(wait).rejects.toMatchObject({ code });
    await expect(pool.acquire()).rejects.toMatchObject({ code });
    expect(() => pool.tryAcquire()).toThrow(expect.objectContaining({ code }));
    for (let i = 0; i < 5; i++) await turn();
    expect(closed).toBe(false);
    held.release();
    await within(closing, 'close()');
    expect(pool.close()).toBe(pool.close());
  });

  it('waits for buffers in flight', async () => {
    const peer = await startPeer({ protocol: 'tcp', paused: true, rcvbuf: 32_768 });
    const pool = makePool({ bufferSize: 1 << 20, count: 2 });
    const socket = await connectTo(peer, { zeroCopy: 'always', sendBufferSize: 16_384 });
    for (let i = 0; i < 2; i++) socket.send(await pool.acquire(), pool.bufferSize);
    let closed = false;
    const closing = pool.close().then(() => {
      closed = true;
    });
    for (let i = 0; i < 5; i++) await turn();
    expect(closed).toBe(false);
    expect(pool.inFlight).toBe(2);
    await peer.resume();
    await within(closing, 'close()');
    expectAllFree(pool);
    expect(socket.inFlight).toBe(0);
  });

  it('is what asynchronous disposal does', async () => {
    let pool = makePool({ bufferSize: 4096, count: 1 });
    const held = pool.tryAcquire() as PooledBuffer;
    const disposed = pool[Symbol.asyncDispose]();
    expect(() => pool.tryAcquire()).toThrow(/closed/);
    held.release();
    await within(disposed, 'disposal');

    pool = makePool({ bufferSize: 4096, count: 1 });
    const buffer = pool.tryAcquire() as PooledBuffer;
    buffer[Symbol.dispose]();
    expectAllFree(pool);
    buffer[Symbol.dispose](); // does nothing the second time
    expectAllFree(pool);
    await within(pool.close(), 'close()');
  });
});
