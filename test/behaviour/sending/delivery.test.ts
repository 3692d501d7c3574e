import { describe, expect, it } from 'vitest';
import type { BufferPool, CompletionRange, ZeroCopySocket } from 'zerosend';
import { Completions } from '../../support/completions.js';
import { type Content, DatagramContent, StreamContent } from '../../support/content.js';
import { event, spinUntil, turn, within } from '../../support/deadline.js';
import { connectTo, expectAllFree, makePool, openTo, startPeer } from '../../support/endpoints.js';
import { expectIntact } from '../../support/receiver.js';
import { byThread } from '../../support/submit.js';

/** Sends `count` buffers without ever yielding to the event loop. */
function sendInATightLoop(
  socket: ZeroCopySocket,
  pool: BufferPool,
  content: Content,
  { count, length }: { count: number; length: number },
): void {
  let turned = false;
  setImmediate(() => {
    turned = true;
  });
  const end = performance.now() + 20_000;
  while (socket.nextId < count) {
    if (performance.now() > end) throw new Error(`no buffer came back: ${socket.nextId} sent`);
    const buffer = pool.tryAcquire();
    if (buffer === null) continue;
    content.fill(buffer.bytes, length);
    socket.send(buffer, length);
  }
  expect(turned).toBe(false);
}

// Listeners run with every 16th send: docs/submission-thread.md, "tryAcquire on a dry pool".
const UNTOLD = byThread ? 64 : 0;

describe('a loop that never yields gets its buffers back', () => {
  it.each(['always', 'auto', 'never'] as const)('UDP, zeroCopy %s', async (zeroCopy) => {
    // More than the receiver's socket buffer holds would be dropped: it is 32 MB at most.
    const work = { count: 1500, length: 3000 };
    const peer = await startPeer({ protocol: 'udp' });
    const pool = makePool({ bufferSize: 4096, count: 4 });
    const socket = await openTo(peer, { zeroCopy });
    const completions = new Completions(socket);
    sendInATightLoop(socket, pool, new DatagramContent(), work);
    expect(completions.completed).toBeGreaterThanOrEqual(work.count - pool.count - UNTOLD);
    await within(socket.flush(), 'flush()');
    completions.expectEachOnce(work.count);
    expectAllFree(pool);
    await expectIntact(peer, { datagrams: work.count });
  });

  it.each(['always', 'auto', 'never'] as const)('TCP, zeroCopy %s', async (zeroCopy) => {
    const work = { count: 1500, length: 65_000 };
    const peer = await startPeer({ protocol: 'tcp' });
    const pool = makePool({ count: 4 });
    const socket = await connectTo(peer, { zeroCopy });
    const completions = new Completions(socket);
    sendInATightLoop(socket, pool, new StreamContent(), work);
    expect(completions.completed).toBeGreaterThanOrEqual(work.count - pool.count - UNTOLD);
    await within(socket.flush(), 'flush()');
    completions.expectEachOnce(work.count);
    expectAllFree(pool);
    await expectIntact(peer, { bytes: work.count * work.length });
  });

  it('TCP through a queue that a slow reader fills again and again', async () => {
    const work = { count: 300, length: 65_000 };
    const peer = await startPeer({ protocol: 'tcp', rate: 40_000_000, rcvbuf: 65_536 });
    const pool = makePool({ count: 4 });
    const socket = await connectTo(peer, { zeroCopy: 'always', sendBufferSize: 16_384 });
    const completions = new Completions(socket);
    sendInATightLoop(socket, pool, new StreamContent(), work);
    expect(socket.stats().queuedSends).toBeGreaterThan(10); // how often depends on the machine
    await within(socket.flush(), 'flush()');
    completions.expectEachOnce(work.count);
    await expectIntact(peer, { bytes: work.count * work.length });
  });
});

describe('an idle program gets its complete event without any further call', () => {
  const cases = [
    ['UDP, zero copy', 'udp', 'always', 'copied'],
    ['UDP, inline', 'udp', 'never', 'inline'],
    ['TCP, zero copy', 'tcp', 'always', 'copied'],
    ['TCP, inline', 'tcp', 'never', 'inline'],
    ['UDP, below the threshold', 'udp', 'auto', 'inline'],
  ] as const;

  it.each(cases)('%s', async (_, protocol, zeroCopy, how) => {
    const peer = await startPeer({ protocol });
    const socket = await (protocol === 'udp' ? openTo : connectTo)(peer, { zeroCopy });
    // Three times: from idle to busy and back.
    for (let id = 0; id < 3; id++) {
      const complete = event<CompletionRange>(socket, 'complete');
      expect(socket.send(Buffer.alloc(1000))).toBe(id);
      expect(await complete).toEqual({ first: id, last: id, how });
    }
  });

  it('long after the sends, when the peer takes up reading', async () => {
    const peer = await startPeer({ protocol: 'tcp', paused: true, rcvbuf: 32_768 });
    const pool = makePool();
    const socket = await connectTo(peer, { zeroCopy: 'always' });
    const completions = new Completions(socket);
    const content = new StreamContent();
    for (let i = 0; i < pool.count; i++) {
      const buffer = await pool.acquire();
      content.fill(buffer.bytes);
      socket.send(buffer, buffer.bytes.length);
    }
    for (let i = 0; i < 10; i++) await turn(); // idle: the poller thread has taken over
    expect(completions.completed).toBeLessThan(pool.count);
    await peer.resume();
    await within(completions.reached(pool.count), 'all completions');
    completions.expectEachOnce(pool.count);
    expectAllFree(pool);
    await expectIntact(peer, { bytes: content.position });
  });
});

describe('poll()', () => {
  it.each([
    ['udp', 'always'],
    ['udp', 'never'],
    ['tcp', 'always'],
    ['tcp', 'never'],
  ] as const)('delivers synchronously: %s, zeroCopy %s', async (protocol, zeroCopy) => {
    const peer = await startPeer({ protocol });
    const pool = makePool();
    const socket = await (protocol === 'udp' ? openTo : connectTo)(peer, { zeroCopy });
    const completions = new Completions(socket);
    for (let i = 0; i < 5; i++) socket.send((await pool.acquire()).retain(), 1000);
    expect(pool.acquired).toBe(5);
    let counted = completions.completed;
    spinUntil(() => {
      counted += socket.poll();
      expect(completions.completed).toBe(counted);
      return counted === 5;
    }, 'five completions by poll()');
    completions.expectEachOnce(5);
    expect(socket.inFlight).toBe(0);
    expect(socket.poll()).toBe(0);
  });

  it('counts what completed, also when a listener sends on', async () => {
    const peer = await startPeer({ protocol: 'udp' });
    const socket = await openTo(peer, { zeroCopy: 'never' });
    socket.once('complete', () => {
      for (let i = 0; i < 3; i++) socket.send(Buffer.alloc(100));
    });
    socket.send(Buffer.alloc(100));
    expect(socket.poll()).toBeGreaterThanOrEqual(1);
  });

  it('has given the buffers back before the listeners run', async () => {
    const peer = await startPeer({ protocol: 'udp' });
    const pool = makePool({ count: 4 });
    const socket = await openTo(peer, { zeroCopy: 'always' });
    const seen: number[] = [];
    socket.on('complete', ({ last }) => seen.push(pool.free - last - 1));
    for (let i = 0; i < 4; i++) socket.send(await pool.acquire(), 1000);
    await within(socket.flush(), 'flush()');
    expect(seen.length).toBeGreaterThan(0);
    expect(Math.min(...seen)).toBeGreaterThanOrEqual(0);
  });
});

describe('memory of a plain array', () => {
  it('is kept until the completion, also when nobody else refers to it', async () => {
    const peer = await startPeer({ protocol: 'tcp', paused: true, rcvbuf: 32_768 });
    const socket = await connectTo(peer, { zeroCopy: 'always' });
    const content = new StreamContent();
    const size = 200_000;
    for (let i = 0; i < 10; i++) {
      const bytes = Buffer.alloc(size);
      content.fill(bytes);
      socket.send(bytes);
    }
    // What is collected now would be overwritten by what is allocated next.
    for (let i = 0; i < 20; i++) {
      globalThis.gc?.();
      for (let j = 0; j < 5; j++) Buffer.alloc(size, 0xee);
    }
    expect(socket.inFlight).toBeGreaterThan(0);
    await peer.resume();
    await expectIntact(peer, { bytes: content.position });
    await within(socket.flush(), 'flush()');
  });
});
