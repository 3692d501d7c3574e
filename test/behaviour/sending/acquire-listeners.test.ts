// A dry pool asks its sockets for completions within `acquire`, so listeners run between the checks of the
// call and its waiting: whatever they do counts.
import { expect } from 'vitest';
import type { BufferPool, BufferRun, PooledBuffer, PoolShare, UdpSocket } from 'zerosend';
import { within } from '../../support/deadline.js';
import { makePool, openTo, startPeer } from '../../support/endpoints.js';
import { itInline } from '../../support/submit.js';

const code = (code: string) => expect.objectContaining({ code: `ERR_ZEROSEND_${code}` });
const take = (from: BufferPool | PoolShare) => from.tryAcquire() as PooledBuffer;

/** A pool with one buffer, which is in flight and comes back as soon as the socket is asked. */
async function dryPool(from = (pool: BufferPool): BufferPool | PoolShare => pool) {
  const socket = await openTo(await startPeer({ protocol: 'udp' }));
  const pool = makePool({ bufferSize: 4096, count: 1 });
  const source = from(pool);
  socket.send(take(source), 100);
  return { pool, source, socket };
}

/** Has a listener take the buffer that comes back, and do something else. */
function grab(socket: UdpSocket, from: BufferPool | PoolShare, then: () => void) {
  const held: PooledBuffer[] = [];
  socket.once('complete', () => {
    held.push(take(from));
    then();
  });
  return held;
}

itInline.each(['acquire', 'acquireRun'] as const)(
  '%s() rejects with the reason when a listener that it runs aborts the signal',
  async (call) => {
    const shared = (pool: BufferPool) => pool.share({ limit: 1 });
    const sources = [
      [(pool: BufferPool) => pool, (pool: BufferPool) => pool],
      [(pool: BufferPool) => pool, shared], // waits for the pool
      [shared, null], // waits for the share
    ] as const;
    for (const [from, other] of sources) {
      const { pool, source, socket } = await dryPool(from);
      const controller = new AbortController();
      const { signal } = controller;
      const held = grab(socket, source, () => controller.abort('enough'));
      const asked = other?.(pool) ?? source;
      const waits: Promise<BufferRun | PooledBuffer> =
        call === 'acquire' ? asked.acquire({ signal }) : asked.acquireRun(2, { signal });
      expect(held).toHaveLength(1);
      await expect(within(waits, 'the rejection')).rejects.toBe('enough');
      expect(pool.stats().waiting).toBe(0);
      held[0]?.release();
    }
  },
);

itInline('a share that a listener of acquire() closes ends that call, and closes', async () => {
  const { pool, socket } = await dryPool();
  const share = pool.share({ limit: 1 });
  let closing: Promise<void> | undefined;
  const held = grab(socket, pool, () => {
    closing = share.close();
  });
  await expect(within(share.acquire(), 'the rejection')).rejects.toEqual(code('POOL_CLOSED'));
  await within(closing as Promise<void>, 'the share');
  held[0]?.release();
});

itInline('a share that a listener of tryAcquire() closes hands nothing out any more', async () => {
  const { pool, socket } = await dryPool();
  const share = pool.share({ limit: 1 });
  let closing: Promise<void> | undefined;
  socket.once('complete', () => {
    closing = share.close();
  });
  expect(() => share.tryAcquire()).toThrow('the share of the pool is closed');
  expect(pool.free).toBe(1);
  await within(closing as Promise<void>, 'the share');
});

itInline(
  'a share keeps to its limit when a listener acquires while another call gives up',
  async () => {
    const { pool, source, socket } = await dryPool((own) => own.share({ limit: 1 }));
    await within(socket.flush(), 'the first send');
    const share = source as PoolShare;
    const held = take(pool).retain();
    const controller = new AbortController();
    const first = share.acquire({ signal: controller.signal }); // in the line of the pool
    const second = share.acquire(); // in that of the share
    const third = new Promise<PooledBuffer>((resolve) => {
      socket.once('complete', () => resolve(share.acquire()));
    });
    for (let i = 0; i < 2; i++) socket.send(held, 100);
    controller.abort('enough');
    await expect(within(first, 'the rejection')).rejects.toBe('enough');
    const buffer = await within(second, 'the second');
    await within(socket.flush(), 'flush');
    expect(share.stats()).toMatchObject({ used: 1, free: 0, waiting: 1, mostUsed: 1 });
    buffer.release();
    (await within(third, 'the third')).release();
    expect(pool.free).toBe(1);
  },
);
