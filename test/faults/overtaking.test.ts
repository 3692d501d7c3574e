import { describe, expect, it } from 'vitest';
import { until, within } from '../support/deadline.js';
import { addPair, ownLinks } from '../support/links.js';
import { ALWAYS, clearFaults, inject, XdpSocket } from './zerosend.mjs';

const RING = 64;

describe('a packet out of several frames', ownLinks(), () => {
  it('does not overtake what is published before it and has found no room', async () => {
    const { name } = addPair();
    for (let round = 0; round < 20; round++) {
      const options = { frames: RING, submit: 'thread' } as const;
      const socket = await XdpSocket.open({ interface: name, ...options });
      const ends: string[] = [];
      socket.on('complete', ({ first, last, how }) => void ends.fill(how, first, last + 1));
      const { pool } = socket;
      const [frame, ...parts] = await Promise.all([pool.acquire(), pool.acquire(), pool.acquire()]);
      for (const { bytes } of [frame, ...parts]) bytes.fill(2);
      inject('sendto', { error: 'ENETDOWN', times: ALWAYS });
      frame.retain(RING - 1);
      for (let i = 0; i < RING; i++) socket.send(frame, 100);
      const plain = socket.send(Buffer.alloc(100, 2));
      await until(() => socket.stats().submit?.depth === 1, 'the ring to be full');
      // There is no room for the frame while it is handed over, and there is after that. (The poller
      // thread may have the one or the other of these kicks.)
      inject('sendto', { error: 'ENETDOWN', times: 2 });
      ends.length = RING + 2;
      try {
        socket.sendPacket(parts, [100, 100]);
      } catch (error) {
        expect(error).toMatchObject({ code: 'ERR_ZEROSEND_QUEUE_FULL' });
        for (const part of parts) part.release();
      }
      clearFaults();
      await within(socket.flush(), 'all frames to leave');
      expect(ends[plain]).toBe('inline');
      expect(await socket.close()).toMatchObject({ outcome: 'drained', ids: socket.nextId });
      expect(pool.free).toBe(RING);
    }
  });
});
