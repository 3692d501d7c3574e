import { getEventListeners } from 'node:events';
import { expect, it } from 'vitest';
import type { PooledBuffer } from 'zerosend';
import { within } from '../../support/deadline.js';
import { connectTo, makePool, openTo, startPeer } from '../../support/endpoints.js';

// Node.js warns of a leak at the eleventh listener, and walks all of them whenever one is added or removed.
it('one signal has one listener, whatever waits under it, and none in the end', async () => {
  const peer = await startPeer({ protocol: 'udp' });
  const tcp = await startPeer({ protocol: 'tcp' });
  const { signal } = new AbortController();
  const listeners = () => getEventListeners(signal, 'abort').length;
  const pools = Array.from({ length: 3 }, () => makePool({ bufferSize: 4096, count: 1 }));
  const held = pools.map((pool) => pool.tryAcquire() as PooledBuffer);
  const shares = pools.map((pool) => pool.share({ limit: 1 }));
  const waits = [...pools, ...shares].map((pool) => pool.acquire({ signal }));
  expect(listeners()).toBe(1);
  const connects = Array.from({ length: 3 }, () => connectTo(tcp, { signal }));
  expect(listeners()).toBe(1);
  const sockets = [await openTo(peer), await openTo(peer), ...(await Promise.all(connects))];
  for (const socket of sockets) socket.send(Buffer.alloc(100));
  const flushes = sockets.map((socket) => socket.flush({ signal }));
  const closes = sockets.map((socket) => socket.close({ signal }));
  expect(listeners()).toBe(1);
  await within(Promise.all([...flushes, ...closes]), 'the sockets');
  for (const buffer of held) buffer.release();
  await within(Promise.all(waits.map(async (wait) => (await wait).release())), 'the buffers');
  expect(listeners()).toBe(0);
});

it('each that closes under a signal gives up when that is aborted', async () => {
  const tcp = await startPeer({ protocol: 'tcp', paused: true, rcvbuf: 32_768 });
  const sockets = [await connectTo(tcp), await connectTo(tcp)];
  const controller = new AbortController();
  for (const socket of sockets) for (let i = 0; i < 64; i++) socket.send(Buffer.alloc(1 << 20));
  const closes = sockets.map((socket) => socket.close({ signal: controller.signal }));
  controller.abort();
  for (const report of await within(Promise.all(closes), 'both')) {
    expect(report.outcome).not.toBe('drained');
  }
});
