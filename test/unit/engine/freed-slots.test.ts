import { expect, it, vi } from 'vitest';
import { KIND_COPIED } from '../../../lib/addon/addon.js';
import { BufferPool } from '../../../lib/buffers/buffer-pool.js';
import type { PooledBuffer } from '../../../lib/buffers/pooled-buffer.js';
import { coreOf } from '../../../lib/engine/socket.js';
import { openUdp } from '../support/fake-sockets.js';

vi.mock(
  '../../../lib/addon/addon.js',
  async () => (await import('../support/fake-native.js')).module,
);

// The first record frees the slot of a share, for which a call of the share waits. The pool's own
// line comes first and takes the slot, so the pool is dry again: it asks its sockets, while the
// second record still lies where the addon writes what it answers.
it('records are not overwritten while they are taken in', async () => {
  const pool = new BufferPool({ bufferSize: 4096, count: 4 });
  const share = pool.share({ limit: 1 });
  const a = await openUdp({ zeroCopy: 'always' });
  const b = await openUdp({ zeroCopy: 'always' });
  const told: string[] = [];
  for (const [name, { socket }] of Object.entries({ a, b })) {
    socket.on('complete', ({ first, last, how }) => told.push(`${name} ${first}-${last} ${how}`));
  }
  a.socket.send(share.tryAcquire() as PooledBuffer, 1000);
  a.socket.send(pool.tryAcquire() as PooledBuffer, 1000);
  for (let i = 0; i < 2; i++) b.socket.send(pool.tryAcquire() as PooledBuffer, 1000);
  const waiting = [pool.acquire(), share.acquire()];
  for (const { kernel } of [a, b]) {
    kernel.finish(0);
    kernel.finish(1, 1, KIND_COPIED);
  }
  a.socket.poll();
  for (const buffer of await Promise.all(waiting)) buffer.release();
  b.socket.poll();
  expect(told.sort()).toEqual(['a 0-0 zerocopy', 'a 1-1 copied', 'b 0-0 zerocopy', 'b 1-1 copied']);
  expect([a.socket.inFlight, b.socket.inFlight, pool.free]).toEqual([0, 0, 4]);
});

// It may be in the middle of a batch, of looking back, or of a send that has no id yet.
it.each(['a release', 'looking back'])(
  '%s that frees a slot has no socket polled',
  async (what) => {
    const pool = new BufferPool({ bufferSize: 4096, count: 2 });
    const share = pool.share({ limit: 1 });
    const a = await openUdp({ zeroCopy: 'always' });
    const b = await openUdp({ zeroCopy: 'always' });
    const buffer = share.tryAcquire() as PooledBuffer;
    if (what === 'looking back') a.socket.send(buffer, 1000);
    b.socket.send(pool.tryAcquire() as PooledBuffer, 1000);
    const waiting = [pool.acquire(), share.acquire()];
    const { polls } = b.kernel;
    b.kernel.finish(0);
    if (what === 'looking back') coreOf(a.socket).completions.giveBack(0, 0);
    else buffer.release();
    expect(b.kernel.polls).toBe(polls);
    b.socket.poll();
    for (const served of await Promise.all(waiting)) served.release();
    a.kernel.finishAll();
    a.socket.poll();
    expect(pool.free).toBe(2);
  },
);
