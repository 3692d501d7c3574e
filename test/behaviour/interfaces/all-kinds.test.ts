import { once } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import { describe, expect, it } from 'vitest';
import { BufferPool, type CloseReport, type PooledBuffer } from 'zerosend';
import { IdChecker } from '../../../rig/ids.mjs';
import { needsRig } from '../../rig/needs.js';
import { event, within } from '../../support/deadline.js';
import { addsUp, codeOf, EXACT, type Kind, open, type Place, take } from './kinds.mjs';
import { stageOf } from './place.js';

const KINDS: Kind[] = ['tcp', 'udp', 'packet', 'xdp'];
/** What a completion says on veth with XDP: AF_XDP has no zero copy there. */
const HOW = { tcp: 'zerocopy', udp: 'zerocopy', packet: 'zerocopy', xdp: 'copied' };

async function opened(kind: Kind, place: Place, count?: number) {
  const { socket, pool, length, ring } = await open(kind, place, count);
  const send = async (sends: number) => {
    for (let i = 0; i < sends; i++) {
      socket.send(pool.tryAcquire() ?? (await pool.acquire()), length);
    }
  };
  return { socket, pool, length, ring, send, ids: IdChecker.of(socket) };
}

const here = await needsRig('veth', { here: true });

describe('every kind of socket', here, () => {
  const stage = stageOf();

  describe.each(KINDS)('%s', (kind) => {
    it('numbers sends from 0 and completes each exactly once', async () => {
      const { socket, pool, length, ids } = await opened(kind, stage);
      let next = 0;
      for (let i = 0; i < 400; i++) {
        if (i % 5 === 0) {
          if (pool.free === 0) await socket.flush();
          expect(socket.send(Buffer.alloc(length, 1))).toBe(next++);
        } else if (i % 7 === 0) {
          const batch: PooledBuffer[] = [];
          while (batch.length < 4) batch.push(pool.tryAcquire() ?? (await pool.acquire()));
          const range = socket.sendMany(batch, length);
          expect(range).toEqual({ first: next, last: next + 3 });
          next += 4;
        } else {
          expect(socket.send(pool.tryAcquire() ?? (await pool.acquire()), length)).toBe(next++);
        }
        expect(addsUp(pool)).toBe(true);
      }
      await socket.flush();
      expect(pool.free).toBe(pool.count);
      const report = await socket.close();
      expect(next).toBeGreaterThan(500);
      expect(report).toMatchObject({ outcome: 'drained', ids: next, unfinished: 0 });
      expect(ids.result()).toMatchObject({ ids: next, ...EXACT });
      expect(Object.keys(ids.how)).toContain(HOW[kind]);
    });

    it('refuses bad sends without taking an id', async () => {
      const { socket, pool, length, ring, ids } = await opened(kind, stage);
      const buffer = take(pool);
      const range = 'ERR_ZEROSEND_OUT_OF_RANGE';
      const argument = 'ERR_ZEROSEND_INVALID_ARGUMENT';
      for (const wrong of [0, -1, 1.5, Number.NaN, buffer.bytes.length + 1]) {
        expect(
          codeOf(() => socket.send(buffer, wrong)),
          String(wrong),
        ).toBe(range);
      }
      expect(codeOf(() => socket.send(buffer))).toBe(argument);
      expect(codeOf(() => socket.send(new Uint8Array(0)))).toBe(range);
      expect(codeOf(() => socket.send('text' as never))).toBe(argument);
      const foreign = take(new BufferPool({ count: 1 }));
      if (ring) expect(codeOf(() => socket.send(foreign, length))).toBe('ERR_ZEROSEND_WRONG_POOL');
      expect(codeOf(() => socket.sendMany([buffer, null as never], length))).toBe(argument);
      expect([socket.nextId, pool.acquired]).toEqual([0, 1]);
      expect(socket.send(buffer, length)).toBe(0);
      expect(codeOf(() => buffer.release())).toBe('ERR_ZEROSEND_BUFFER_IN_FLIGHT');
      await socket.flush();
      expect(codeOf(() => socket.send(buffer, length))).toBe('ERR_ZEROSEND_BUFFER_FREE');
      await socket.close();
      expect(codeOf(() => socket.send(Buffer.alloc(length)))).toBe('ERR_ZEROSEND_SOCKET_CLOSED');
      expect(ids.result()).toMatchObject({ ids: 1, ...EXACT });
    });

    it('gets its buffers back in a loop that never yields', async () => {
      const { socket, pool, length, ids } = await opened(kind, stage, 32);
      const deadline = Date.now() + 10_000;
      let sent = 0;
      while (sent < 2000 && Date.now() < deadline) {
        const buffer = pool.tryAcquire();
        if (buffer === null) continue;
        socket.send(buffer, length);
        sent++;
      }
      expect((await socket.close()).outcome).toBe('drained');
      expect(ids.result()).toMatchObject({ ids: 2000, ...EXACT });
    });

    it('tells an idle program', async () => {
      const { socket, send } = await opened(kind, stage);
      for (let id = 0; id < 3; id++) {
        const completed = event(socket, 'complete', 3000);
        await send(1);
        expect(await completed).toEqual({ first: id, last: id, how: HOW[kind] });
        await delay(20);
      }
      await socket.close();
    });

    it('can be waited for', async () => {
      const { socket, send } = await opened(kind, stage);
      await send(2);
      for (const id of [1, 0, 0]) await socket.completed(id);
      const never = socket.completed(99);
      await expect(never).rejects.toMatchObject({ code: 'ERR_ZEROSEND_OUT_OF_RANGE' });
      await send(1);
      await socket.flush();
      expect(socket.inFlight).toBe(0);
      const report = await socket.close();
      expect(report).toMatchObject({ outcome: 'drained', ids: 3, unfinished: 0 });
      expect(await socket.close()).toBe(report);
      expect(socket.fd).toBe(-1);
      expect(Object.keys(socket)).toEqual(['_events', '_eventsCount']); // the emitter's
    });

    it('survives the end of worker threads that send', async () => {
      const { rig: _, ...place } = stage;
      for (let round = 0; round < 6; round++) {
        const worker = new Worker(new URL('worker.mjs', import.meta.url), {
          workerData: { kind, place },
        });
        await within(once(worker, 'message'), 'a worker that sends');
        await worker.terminate();
      }
      // The thread's sockets are gone, so that this one can have the queue.
      const { socket, send } = await opened(kind, stage);
      await send(1);
      expect(await socket.close()).toMatchObject({ outcome: 'drained', ids: 1, unfinished: 0 });
    });
  });
});

describe('every kind of socket on a slow link', here, () => {
  // 200 frames of 1000 bytes take three times as long as the deadline that they are closed by.
  const stage = stageOf({ rate: '5mbit' });

  /** What it took, and what it came to. */
  async function timed(ending: Promise<CloseReport>) {
    const start = Date.now();
    return { report: await ending, ms: Date.now() - start };
  }

  describe.each(KINDS)('%s', (kind) => {
    it('aborts with sends outstanding', async () => {
      const { socket, pool, length, ids } = await opened(kind, stage, 256);
      for (let i = 0; i < 250; i++) socket.send(take(pool), length);
      const { report, ms } = await timed(socket.abort());
      expect(ms).toBeLessThan(2000);
      expect(socket.fd).toBe(-1);
      const { revoked = 0, failed = 0 } = ids.how;
      expect(ids.result()).toMatchObject({ ids: 250, ...EXACT });
      expect(report).toMatchObject({ ids: 250, unfinished: revoked + failed });
      // Frames of AF_XDP in copy mode do not wait in the queueing discipline.
      if (kind !== 'xdp') expect(report.outcome).not.toBe('drained');
    });

    it('closes by its deadline', async () => {
      const { socket, send, ids } = await opened(kind, stage, 256);
      await send(200);
      // Frames go on leaving, and it is the signal that ends it.
      const signal = AbortSignal.timeout(100);
      const { report, ms } = await timed(socket.close({ timeout: 100, signal }));
      expect(ms).toBeLessThan(3000);
      expect(ids.result()).toMatchObject({ ids: 200, ...EXACT });
      if (kind === 'udp' || kind === 'packet') expect(report.unfinished).toBeGreaterThan(0);
    });
  });
});

describe('every kind of socket, slower than it sends', here, () => {
  const stage = stageOf({ rate: '200mbit' });

  it.each(KINDS)('%s completes everything', async (kind) => {
    const { socket, send, ids } = await opened(kind, stage, 64);
    await send(1500);
    const report = await socket.close({ timeout: 20_000 });
    expect(report).toMatchObject({ outcome: 'drained', ids: 1500, unfinished: 0 });
    expect(ids.result()).toMatchObject({ ids: 1500, ...EXACT });
  });
});
