import { describe, expect, it } from 'vitest';
import { Completions } from '../../support/completions.js';
import { randomFrom, StreamContent } from '../../support/content.js';
import { within } from '../../support/deadline.js';
import {
  connectTo,
  expectAllFree,
  families,
  makePool,
  overLoopback,
  startPeer,
} from '../../support/endpoints.js';
import { expectIntact } from '../../support/receiver.js';

const sizes = { bufferSize: 1 << 20, count: 24 };

for (const family of families) {
  describe(`sends that the kernel takes in pieces, over IPv${family}`, overLoopback(family), () => {
    it.each([
      ['always', 'copied'],
      ['never', 'inline'],
    ] as const)('zeroCopy %s: one id and one completion each', async (zeroCopy, how) => {
      const peer = await startPeer({ protocol: 'tcp', family, paused: true, rcvbuf: 32_768 });
      const pool = makePool(sizes);
      const socket = await connectTo(peer, { zeroCopy, sendBufferSize: 16_384 });
      const completions = new Completions(socket);
      const content = new StreamContent();
      const random = randomFrom(3);

      for (let i = 0; i < 60; i++) {
        if (i === 20) await peer.resume();
        const length = i % 4 === 0 ? random(1, 100) : random(200_000, pool.bufferSize);
        if (i % 5 === 4) {
          const bytes = Buffer.alloc(length);
          content.fill(bytes);
          expect(socket.send(bytes)).toBe(i);
        } else {
          const buffer = await pool.acquire();
          content.fill(buffer.bytes, length);
          expect(socket.send(buffer, length)).toBe(i);
        }
      }
      await within(socket.flush(), 'flush()', 20_000);
      completions.expectEachOnce(60);
      expect(completions.how).toEqual({ [how]: 60 });
      expectAllFree(pool);
      await expectIntact(peer, { bytes: content.position });

      const stats = socket.stats();
      expect(stats.kernelSends).toBeGreaterThan(10 * stats.sends);
      expect(stats.kernelIds).toBe(zeroCopy === 'always' ? stats.kernelSends : 0);
      expect(stats.queuedSends).toBeGreaterThan(20);
    });

    it('completes no send before its last piece is free', async () => {
      const half = sizes.bufferSize / 2;
      const peer = await startPeer({ protocol: 'tcp', family, stopAfter: half, rcvbuf: 32_768 });
      const pool = makePool(sizes);
      const socket = await connectTo(peer, { zeroCopy: 'always', sendBufferSize: 16_384 });
      const completions = new Completions(socket);
      const content = new StreamContent();
      const buffer = await pool.acquire();
      content.fill(buffer.bytes);
      socket.send(buffer, buffer.bytes.length);
      await peer.until(({ bytes }) => bytes === half);
      // What the peer has read is acknowledged, so those pieces are free.
      expect(socket.poll()).toBe(0);
      const { notifications, kernelSends } = socket.stats();
      expect(notifications).toBeGreaterThan(0);
      expect(kernelSends).toBeGreaterThan(3);
      expect(completions.completed).toBe(0);
      expect(pool.inFlight).toBe(1);

      await peer.resume();
      await within(completions.reached(1), 'the completion');
      completions.expectEachOnce(1);
      expectAllFree(pool);
      await expectIntact(peer, { bytes: content.position });
    });
  });
}
