import { describe, expect, it } from 'vitest';
import { BufferPool, type PooledBuffer, PoolShare } from 'zerosend';
import { StreamContent } from '../../support/content.js';
import { within } from '../../support/deadline.js';
import { connectTo, expectAllFree, makePool, openTo, startPeer } from '../../support/endpoints.js';

const code = (code: string) => expect.objectContaining({ code: `ERR_ZEROSEND_${code}` });
const take = (from: BufferPool | PoolShare) => from.tryAcquire() as PooledBuffer;
/** Notes in which order promises are served. */
function noting(order: string[]) {
  return <T>(name: string, promise: Promise<T>): Promise<T> =>
    promise.then((value) => {
      order.push(name);
      return value;
    });
}

describe('a share of a pool', () => {
  it('has at most its limit out, whoever has how many besides', () => {
    const pool = makePool({ bufferSize: 4096, count: 8 });
    const [one, two] = [pool.share({ limit: 3 }), pool.share({ limit: 8 })];
    const held = [take(one), take(one), take(one)];
    expect(one.tryAcquire()).toBeNull();
    expect([one.used, one.free, one.limit, one.bufferSize]).toEqual([3, 0, 3, 4096]);
    const others = [take(two), take(two), take(pool)];
    expect([two.used, two.free, pool.free, pool.acquired]).toEqual([2, 2, 2, 6]);
    held.pop()?.release();
    held.push(take(one));
    expect(one.tryAcquireRun(4)).toBeNull();
    for (const buffer of [...held, ...others]) buffer.release();
    expect([one.used, two.used, pool.free]).toEqual([0, 0, 8]);
    expect(one.stats()).toEqual({ limit: 3, used: 0, free: 3, waiting: 0, dry: 2, mostUsed: 3 });
  });

  it('hands out runs up to its limit, each slot of which counts until it is back', async () => {
    const peer = await startPeer({ protocol: 'udp' });
    const socket = await openTo(peer);
    const pool = makePool({ bufferSize: 4096, count: 16 });
    const share = pool.share({ limit: 5 });
    const run = share.tryAcquireRun(64);
    expect([run?.count, share.used, pool.acquired]).toEqual([5, 5, 5]);
    if (run === null) return;
    socket.sendMany(run, 100);
    await within(socket.flush(), 'flush');
    expect([share.used, pool.free]).toEqual([0, 16]);
    const [first, second] = [await share.acquireRun(2), await share.acquireRun(64)];
    expect([first.count, second.count, share.used]).toEqual([2, 3, 5]);
    first.release();
    second.release();
    expect([share.used, pool.free]).toEqual([0, 16]);
  });

  it('leaves the others what they need where connections have stalled', async () => {
    const stalled = await startPeer({ protocol: 'tcp', paused: true, rcvbuf: 32_768 });
    const peer = await startPeer({ protocol: 'tcp' });
    const pool = makePool({ bufferSize: 65_536, count: 16 });
    const doomed = await Promise.all(
      Array.from({ length: 4 }, () => connectTo(stalled, { sendBufferSize: 16_384 })),
    );
    const shares = doomed.map((socket) => {
      const share = pool.share({ limit: 3 });
      void (async () => {
        for (;;) socket.send(await share.acquire(), 65_536);
      })().catch(() => {});
      return share;
    });
    await expect.poll(() => shares.map(({ used }) => used)).toEqual([3, 3, 3, 3]);
    expect(pool.stats()).toMatchObject({ free: 4, waiting: 4 });
    // One that reads goes on with the four that are left, by way of the pool or a share of it.
    const socket = await connectTo(peer);
    const stream = new StreamContent();
    for (const from of [pool, pool.share({ limit: 4 })]) {
      for (let i = 0; i < 30; i++) {
        const buffer = await within(from.acquire(), 'a buffer');
        stream.fill(buffer.bytes);
        socket.send(buffer, 65_536);
      }
    }
    await within(socket.flush(), 'flush');
    await peer.until(({ bytes }) => bytes === stream.position);
    expect(await peer.report()).toMatchObject({ wrongBytes: 0 });
    const closed = shares.map((share) => share.close());
    for (const each of doomed) await within(each.abort(), 'the end');
    await within(Promise.all(closed), 'shares whose buffers were given up');
    expectAllFree(pool);
  });

  it('waits for its limit by itself, and for the pool with all others, in their order', async () => {
    const pool = makePool({ bufferSize: 4096, count: 4 });
    const [one, two] = [pool.share({ limit: 2 }), pool.share({ limit: 3 })];
    const held = [take(one), take(one)];
    const order: string[] = [];
    const note = noting(order);
    const limited = note('one', one.acquire());
    const urgent = note('one, urgent', one.acquire({ priority: 1 }));
    const rest = [take(two), take(two)];
    const ofPool = note('pool', pool.acquire());
    const ofTwo = note('two', two.acquire());
    expect([one.stats().waiting, two.stats().waiting, pool.stats().waiting]).toEqual([2, 1, 4]);
    held[0]?.release(); // `one` has room for the urgent, which has its priority in the line of the pool, too
    (await ofPool).release();
    (await urgent).release();
    (await ofTwo).release();
    (await limited).release();
    expect(order).toEqual(['pool', 'one, urgent', 'two', 'one']);
    for (const buffer of [held[1], ...rest]) buffer?.release();
    expect([one.used, two.used, pool.free, pool.stats().waiting]).toEqual([0, 0, 4, 0]);
  });

  it('gives its place to the next when one gives up, wherever that waits', async () => {
    const pool = makePool({ bufferSize: 4096, count: 2 });
    const share = pool.share({ limit: 1 });
    const held = [take(pool), take(pool)];
    const [here, there] = [new AbortController(), new AbortController()];
    const first = share.acquire({ signal: there.signal }); // in the line of the pool
    const second = share.acquire({ signal: here.signal });
    const third = share.acquire();
    expect(share.stats()).toMatchObject({ waiting: 3, used: 0 });
    here.abort(new Error('here'));
    await expect(second).rejects.toThrow('here');
    there.abort(new Error('there'));
    await expect(first).rejects.toThrow('there');
    expect(share.stats()).toMatchObject({ waiting: 1, used: 0 });
    held.pop()?.release();
    (await within(third, 'the third')).release();
    held.pop()?.release();
    expect([share.used, pool.free]).toEqual([0, 2]);
  });

  it('closes by itself: those who wait are rejected, and the pool goes on', async () => {
    const pool = makePool({ bufferSize: 4096, count: 2 });
    const share = pool.share({ limit: 1 });
    const [mine, theirs] = [take(share), take(pool)];
    const waits = share.acquire();
    const other = pool.acquire();
    let done = false;
    const closing = share.close().then(() => {
      done = true;
    });
    await expect(waits).rejects.toEqual(code('POOL_CLOSED'));
    expect(() => share.tryAcquire()).toThrow('the share of the pool is closed');
    await expect(share.acquire()).rejects.toEqual(code('POOL_CLOSED'));
    theirs.release();
    (await other).release();
    expect(done).toBe(false); // `mine` is out
    mine.release();
    await within(closing, 'the share');
    expect(share.close()).toBe(share.close());
    take(pool).release();
    expect(pool.free).toBe(2);
  });

  it('rejects those of it who wait in the line of the pool', async () => {
    const pool = makePool({ bufferSize: 4096, count: 1 });
    const held = take(pool);
    const share = pool.share({ limit: 1 });
    const waits = share.acquire();
    const other = pool.acquire();
    const closing = share.close();
    await expect(waits).rejects.toEqual(code('POOL_CLOSED'));
    await within(closing, 'the share');
    held.release();
    (await other).release();
  });

  it('ends with its pool', async () => {
    const pool = new BufferPool({ bufferSize: 4096, count: 2 });
    const share = pool.share({ limit: 1 });
    const mine = take(share);
    const waits = share.acquire();
    const other = pool.share({ limit: 2 });
    take(pool).retain().release();
    const closing = pool.close();
    await expect(waits).rejects.toThrow(/^the pool is closed$/);
    expect(() => other.tryAcquire()).toThrow('the pool is closed');
    expect(() => pool.share({ limit: 1 })).toThrow(code('POOL_CLOSED'));
    const ends = share.close();
    mine.release();
    await within(ends, 'the share');
    const left = pool.acquired;
    expect(left).toBe(1);
    void closing;
  });

  it('takes in completions where a loop never yields, and may be sent by several sockets', async () => {
    const peer = await startPeer({ protocol: 'udp' });
    const sockets = [await openTo(peer), await openTo(peer)];
    const pool = makePool({ bufferSize: 4096, count: 8 });
    const share = pool.share({ limit: 2 });
    let sent = 0;
    for (const end = performance.now() + 5000; sent < 200 && performance.now() < end; ) {
      const buffer = share.tryAcquire();
      if (buffer === null) continue;
      sockets[sent++ % 2]?.send(buffer.retain(), 100);
      buffer.release();
    }
    expect(sent).toBe(200);
    await Promise.all(sockets.map((socket) => within(socket.flush(), 'flush')));
    expect([share.used, pool.free]).toEqual([0, 8]);
  });

  it('counts what is retired as back, and verifies as its pool does', async () => {
    const pool = makePool({ bufferSize: 4096, count: 4, verify: true });
    const share = pool.share({ limit: 2 });
    const buffer = take(share);
    buffer.release();
    expect(() => buffer.bytes).toThrow(code('STALE_HANDLE'));
    const run = share.tryAcquireRun(3);
    expect([run?.count, share.used]).toEqual([2, 2]);
    run?.release();
    expect(share.used).toBe(0);
  });

  it.each([
    [undefined, 'INVALID_ARGUMENT'],
    [{}, 'INVALID_ARGUMENT'],
    [{ limit: '2' }, 'INVALID_ARGUMENT'],
    [{ limit: 0 }, 'OUT_OF_RANGE'],
    [{ limit: 1.5 }, 'OUT_OF_RANGE'],
    [{ limit: 5 }, 'OUT_OF_RANGE'],
    [{ limit: 2, most: 3 }, 'INVALID_ARGUMENT'],
  ])('is refused with the options %j', (options, name) => {
    const pool = makePool({ bufferSize: 4096, count: 4 });
    expect(() => pool.share(options as { limit: number })).toThrow(code(name));
  });

  it('is made by its pool only', () => {
    const Made = PoolShare as unknown as new (...given: unknown[]) => PoolShare;
    const pool = makePool({ bufferSize: 4096, count: 4 });
    for (const given of [[], [pool], [pool, {}, 1]]) {
      expect(() => new Made(...given)).toThrow(code('ILLEGAL_CONSTRUCTOR'));
    }
  });
});
