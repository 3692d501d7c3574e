import { describe, expect, it, vi } from 'vitest';
import type { PooledBuffer } from '../../../lib/buffers/pooled-buffer.js';
import { spinUntil, turn } from '../../support/deadline.js';
import { fake } from '../support/fake-native.js';
import { makePool, openUdp, sendSome } from '../support/fake-sockets.js';

vi.mock(
  '../../../lib/addon/addon.js',
  async () => (await import('../support/fake-native.js')).module,
);

/** Ten milliseconds, and a turn of the event loop, after which sends are timed anew. */
async function dwell(ms = 10): Promise<void> {
  const end = performance.now() + ms;
  spinUntil(() => performance.now() > end, 'the time passes');
  await turn();
}

const MS = 1e6;

describe('stats() of a socket', () => {
  it('measures from the first call on, and says since when', async () => {
    const { socket, kernel } = await openUdp();
    const pool = makePool();
    sendSome(socket, pool, 2);
    await dwell();
    const before = performance.timeOrigin + performance.now();
    const begun = performance.now();
    const { completionLatency, oldest } = socket.stats();
    expect(oldest?.age).toBeLessThanOrEqual((performance.now() - begun) * MS); // since it is measured
    expect(completionLatency).toMatchObject({ count: 0, p50: 0, p99: 0, max: 0 });
    expect(Math.abs((completionLatency?.since ?? 0) - before)).toBeLessThan(1000);
    expect(oldest?.id).toBe(0);
    sendSome(socket, pool, 1);
    await dwell();
    kernel.finish(0, 2);
    socket.poll();
    // The first two were sent nobody knows when.
    const after = socket.stats().completionLatency;
    expect(after?.count).toBe(1);
    expect(after?.min).toBeGreaterThan(10 * MS);
    expect(after?.since).toBe(completionLatency?.since);
  });

  it('measures from the beginning with the option, and after the end still tells', async () => {
    const { socket, kernel } = await openUdp({ measureLatency: true });
    sendSome(socket, makePool(), 3);
    await dwell();
    kernel.finish(1, 2);
    socket.poll();
    kernel.finish(0);
    await socket.close();
    const { completionLatency, oldest, mostInFlight } = socket.stats();
    expect(completionLatency?.count).toBe(3);
    expect(completionLatency?.p50).toBeGreaterThan(10 * MS);
    expect([oldest, mostInFlight]).toEqual([null, 3]);
  });

  it('has none of a socket that had closed before anybody asked', async () => {
    const { socket } = await openUdp();
    await socket.close();
    expect(socket.stats().completionLatency).toBeNull();
  });

  it('names the oldest in flight, and how old it is', async () => {
    const { socket, kernel } = await openUdp({ measureLatency: true });
    const pool = makePool();
    sendSome(socket, pool, 2);
    await dwell(20);
    const begun = performance.now();
    sendSome(socket, pool, 1);
    expect(socket.stats().oldest?.id).toBe(0);
    expect(socket.stats().oldest?.age).toBeGreaterThan(20 * MS);
    kernel.finish(0, 1);
    socket.poll();
    expect(socket.stats().oldest?.id).toBe(2);
    const { oldest } = socket.stats();
    expect(oldest?.age).toBeLessThanOrEqual((performance.now() - begun) * MS);
    kernel.finishAll();
    socket.poll();
    expect(socket.stats().oldest).toBeNull();
  });

  it('counts the most in flight, which is more than at any completion', async () => {
    const { socket, kernel } = await openUdp();
    const pool = makePool();
    sendSome(socket, pool, 5);
    expect(socket.stats().mostInFlight).toBe(5);
    kernel.finish(0, 3);
    socket.poll();
    sendSome(socket, pool, 3);
    expect(socket.stats()).toMatchObject({ inFlight: 4, mostInFlight: 5 });
    sendSome(socket, pool, 3);
    kernel.finishAll();
    socket.poll();
    expect(socket.stats()).toMatchObject({ inFlight: 0, mostInFlight: 7 });
    expect(pool.stats()).toMatchObject({ inFlight: 0, mostInFlight: 7 });
  });

  it('counts sends that wait for room, fail, or are given up', async () => {
    const { socket, kernel } = await openUdp({ measureLatency: true });
    kernel.room = 1;
    sendSome(socket, makePool(), 3);
    expect(socket.needDrain).toBe(true);
    await dwell();
    await socket.abort();
    const { completionLatency } = socket.stats();
    expect(completionLatency?.count).toBe(3);
    expect(completionLatency?.min).toBeGreaterThan(10 * MS);
  });

  it('times the send in which completions are taken in from after the listeners, not before', async () => {
    const { socket, kernel } = await openUdp({ measureLatency: true });
    const pool = makePool(64);
    let listened = 0;
    socket.once('complete', () => {
      const end = performance.now() + 20;
      spinUntil(() => performance.now() > end, 'the listener computes');
      listened = performance.now();
    });
    sendSome(socket, pool, 10);
    kernel.finishAll();
    for (let i = 0; listened === 0; i++) {
      if (i > 40) throw new Error('no send takes completions in');
      sendSome(socket, pool, 1);
    }
    kernel.finish(10, socket.nextId - 2);
    socket.poll();
    const { id, age } = socket.stats().oldest ?? { id: -1, age: 0 };
    expect(id).toBe(socket.nextId - 1);
    expect(age).toBeLessThanOrEqual((performance.now() - listened) * MS);
  });

  it('needs no record of sends that complete within their calls, and times them', async () => {
    const { socket, kernel } = await openUdp({ measureLatency: true, zeroCopy: 'never' });
    const pool = makePool(4);
    pool.stats();
    sendSome(socket, pool, 2);
    socket.send(new Uint8Array(9));
    expect(kernel.completed).toEqual([]); // their answers have said so
    const end = performance.now() + 10;
    spinUntil(() => performance.now() > end, 'the time passes');
    await turn();
    const { completionLatency } = socket.stats();
    expect(completionLatency?.count).toBe(3);
    expect(completionLatency?.min).toBeGreaterThan(10 * MS); // until their buffers were back
    expect(pool.stats().completionLatency.count).toBe(2);
  });

  it('times runs, batches and plain arrays', async () => {
    const { socket, kernel } = await openUdp({ measureLatency: true });
    const pool = makePool(16);
    const run = pool.tryAcquireRun(4);
    if (run === null) throw new Error('dry');
    socket.sendMany(run, 100);
    await dwell();
    socket.sendMany([pool.tryAcquire(), pool.tryAcquire()] as PooledBuffer[], 100);
    socket.send(new Uint8Array(100));
    await dwell();
    kernel.finish(6);
    kernel.finish(4, 5);
    kernel.finish(0, 3);
    socket.poll();
    const { completionLatency } = socket.stats();
    expect(completionLatency?.count).toBe(7);
    expect(completionLatency?.min).toBeGreaterThan(10 * MS);
    expect(completionLatency?.p50).toBeGreaterThan(20 * MS); // four of seven
    expect(completionLatency?.mean).toBeLessThan(completionLatency?.max as number);
  });
});

describe('stats() of a pool', () => {
  it('has the latency of its own sends, whoever made them', async () => {
    const one = await openUdp();
    const other = await openUdp();
    const pool = makePool();
    const another = makePool();
    sendSome(one.socket, pool, 1);
    expect(pool.stats().completionLatency.count).toBe(0);
    sendSome(one.socket, pool, 2);
    sendSome(one.socket, another, 1);
    one.socket.send(new Uint8Array(9));
    sendSome(one.socket, pool, 1);
    sendSome(other.socket, pool, 2);
    await dwell();
    expect(pool.stats().oldest).toMatchObject({ fd: one.socket.fd, id: 1 });
    one.kernel.finishAll();
    one.socket.poll();
    expect(pool.stats().oldest).toMatchObject({ fd: other.socket.fd, id: 0 });
    expect(pool.stats().oldest?.age).toBeGreaterThan(10 * MS);
    other.kernel.finishAll();
    other.socket.poll();
    const { completionLatency, oldest } = pool.stats();
    expect(completionLatency.count).toBe(5);
    expect(completionLatency.min).toBeGreaterThan(10 * MS);
    expect(oldest).toBeNull();
    expect(another.stats().completionLatency.count).toBe(0);
  });

  it('has none of the plain arrays that are sent between its buffers, however fast', async () => {
    const { socket, kernel } = await openUdp();
    const pool = makePool(4);
    pool.stats();
    for (let round = 0; round < 500; round++) {
      sendSome(socket, pool, 1);
      socket.send(new Uint8Array(9));
      sendSome(socket, pool, 1);
      kernel.finishAll();
      socket.poll();
    }
    expect(pool.stats().completionLatency.count).toBe(1000);
  });

  it('tells the pools of one batch apart', async () => {
    const { socket, kernel } = await openUdp();
    const pools = [makePool(), makePool()];
    for (const pool of pools) pool.stats();
    const batch = [0, 1, 1, 0, 1].map((i) => pools[i]?.tryAcquire() as PooledBuffer);
    socket.sendMany(batch, 10);
    kernel.finishAll();
    socket.poll();
    expect(pools.map((pool) => pool.stats().completionLatency.count)).toEqual([2, 3]);
    expect(fake.violations).toEqual([]);
  });

  it('measures from the beginning with the option', async () => {
    const { BufferPool } = await import('../../../lib/buffers/buffer-pool.js');
    const pool = new BufferPool({ bufferSize: 4096, count: 2, measureLatency: true });
    const { socket, kernel } = await openUdp();
    sendSome(socket, pool, 2);
    kernel.finishAll();
    socket.poll();
    expect(pool.stats().completionLatency.count).toBe(2);
  });
});
