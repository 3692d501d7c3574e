import { expect, it, vi } from 'vitest';
import { KIND_COPIED } from '../../../lib/addon/addon.js';
import { BufferPool } from '../../../lib/buffers/buffer-pool.js';
import type { PooledBuffer } from '../../../lib/buffers/pooled-buffer.js';
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
