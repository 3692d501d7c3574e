import { describe, expect, it } from 'vitest';
import type { PooledBuffer, TcpSocket } from 'zerosend';
import { Completions } from '../../support/completions.js';
import { StreamContent } from '../../support/content.js';
import { event, turn, within } from '../../support/deadline.js';
import {
  connectTo,
  expectAllFree,
  families,
  makePool,
  overLoopback,
  startPeer,
} from '../../support/endpoints.js';
import { expectIntact } from '../../support/receiver.js';

const SIZE = 65_536;

/** Sends until the kernel has no room. */
function fill(socket: TcpSocket, content: StreamContent): void {
  while (!socket.needDrain) {
    const bytes = Buffer.alloc(SIZE);
    content.fill(bytes);
    socket.send(bytes);
    if (socket.nextId > 5000) throw new Error('there is always room');
  }
}

/**
 * Sends until no more goes out: what looks full at first may find room while windows open. Nothing
 * moves any more once the peer, which does not read, has acknowledged all that its window allowed.
 */
async function fillForGood(socket: TcpSocket, content: StreamContent) {
  for (;;) {
    fill(socket, content);
    const before = socket.inFlight;
    await new Promise((settle) => setTimeout(settle, 50));
    const underWay = socket.info().tcp?.unacknowledgedSegments;
    if (socket.needDrain && socket.inFlight === before && underWay === 0) return;
  }
}

for (const family of families) {
  describe(`a peer that stops reading, over IPv${family}`, overLoopback(family), () => {
    it.each(['always', 'never'] as const)(
      'zeroCopy %s: sends queue up, needDrain says so, drain comes when they are gone',
      async (zeroCopy) => {
        const peer = await startPeer({ protocol: 'tcp', family, paused: true, rcvbuf: 65_536 });
        // A fixed size: the kernel's autotuning would find room again and again.
        const socket = await connectTo(peer, { zeroCopy, sendBufferSize: 200_000 });
        const completions = new Completions(socket);
        const content = new StreamContent();
        let drains = 0;
        let neededWithin: boolean | null = null;
        socket.on('drain', () => {
          drains++;
          neededWithin = socket.needDrain;
        });
        expect(socket.needDrain).toBe(false);
        await fillForGood(socket, content);
        drains = 0;
        // More than the kernel's buffers could still grow by (net.ipv4.tcp_wmem).
        for (let i = 0; i < 150; i++) {
          const bytes = Buffer.alloc(SIZE);
          content.fill(bytes);
          socket.send(bytes);
        }
        for (let i = 0; i < 5; i++) await turn();
        expect([drains, socket.needDrain]).toEqual([0, true]);
        expect(socket.stats().queuedSends).toBeGreaterThan(20);
        expect(socket.inFlight).toBeGreaterThan(20);

        const drained = event(socket, 'drain');
        await peer.resume();
        await drained;
        expect([drains, neededWithin]).toEqual([1, false]);
        await within(socket.flush(), 'flush()');
        completions.expectEachOnce(socket.nextId);
        await expectIntact(peer, { bytes: content.position });

        // And a second time: stop, fill, go on.
        await peer.pause();
        await fillForGood(socket, content);
        drains = 0;
        const again = event(socket, 'drain');
        await peer.resume();
        await again;
        expect(drains).toBe(1);
        await expectIntact(peer, { bytes: content.position });
      },
    );
  });
}

describe('maxQueuedSends', () => {
  it('is where send() throws, and a throwing send takes no id', async () => {
    const peer = await startPeer({ protocol: 'tcp', paused: true, rcvbuf: 65_536 });
    const pool = makePool();
    const socket = await connectTo(peer, {
      zeroCopy: 'always',
      maxQueuedSends: 4,
      sendBufferSize: 200_000,
    });
    const completions = new Completions(socket);
    const content = new StreamContent();
    await fillForGood(socket, content);
    const next = async () => {
      const buffer = await pool.acquire();
      content.fill(buffer.bytes, 1000);
      return buffer;
    };
    for (let i = 0; i < 3; i++) socket.send(await next(), 1000);

    const code = 'ERR_ZEROSEND_QUEUE_FULL';
    const buffer = await next();
    const id = socket.nextId;
    expect(() => socket.send(buffer, 1000)).toThrow(expect.objectContaining({ code }));
    expect(() => socket.send(Buffer.alloc(1))).toThrow(expect.objectContaining({ code }));
    expect(() => socket.sendMany([buffer], 1000)).toThrow(expect.objectContaining({ code }));
    expect(socket.nextId).toBe(id);
    expect([pool.acquired, pool.inFlight]).toEqual([1, 3]);

    const drained = event(socket, 'drain');
    await peer.resume();
    await drained;
    expect(socket.send(buffer, 1000)).toBe(id);
    await within(socket.flush(), 'flush()');
    completions.expectEachOnce(id + 1);
    expectAllFree(pool);
    await expectIntact(peer, { bytes: content.position });
  });

  it('bounds a batch, which could otherwise never be accepted', async () => {
    const peer = await startPeer({ protocol: 'tcp' });
    const pool = makePool();
    const socket = await connectTo(peer, { maxQueuedSends: 2 });
    const buffers = [await pool.acquire(), await pool.acquire(), await pool.acquire()];
    const code = 'ERR_ZEROSEND_OUT_OF_RANGE';
    expect(() => socket.sendMany(buffers, 100)).toThrow(expect.objectContaining({ code }));
    expect(socket.nextId).toBe(0);
    expect(pool.acquired).toBe(3);
    for (const buffer of buffers) buffer.release();
  });

  it('makes sendMany() accept all or none', async () => {
    const peer = await startPeer({ protocol: 'tcp', paused: true, rcvbuf: 65_536 });
    const pool = makePool();
    const socket = await connectTo(peer, {
      zeroCopy: 'always',
      maxQueuedSends: 4,
      sendBufferSize: 200_000,
    });
    const content = new StreamContent();
    fill(socket, content);
    const buffers = Array.from({ length: 4 }, () => pool.tryAcquire() as PooledBuffer);
    const id = socket.nextId;
    const code = 'ERR_ZEROSEND_QUEUE_FULL';
    expect(() => socket.sendMany(buffers, 1000)).toThrow(expect.objectContaining({ code }));
    expect([socket.nextId, pool.acquired, pool.inFlight]).toEqual([id, 4, 0]);

    for (const buffer of buffers.slice(0, 3)) content.fill(buffer.bytes, 1000);
    const range = socket.sendMany(buffers.slice(0, 3), 1000);
    expect(range).toEqual({ first: id, last: id + 2 });
    buffers[3]?.release();
    await peer.resume();
    await within(socket.flush(), 'flush()');
    expectAllFree(pool);
    await expectIntact(peer, { bytes: content.position });
  });
});
