import { describe, expect, it } from 'vitest';
import type { PooledBuffer } from 'zerosend';
import { turn, within } from '../support/deadline.js';
import { connectTo, expectAllFree, makePool, startPeer } from '../support/endpoints.js';

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
