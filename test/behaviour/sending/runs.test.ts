import { describe, expect, it } from 'vitest';
import type { BufferPool, BufferRun, ZeroCopySocket } from 'zerosend';
import { Completions } from '../../support/completions.js';
import { type Content, DatagramContent, randomFrom, StreamContent } from '../../support/content.js';
import { event, within } from '../../support/deadline.js';
import { connectTo, expectAllFree, makePool, openTo, startPeer } from '../../support/endpoints.js';
import { expectIntact } from '../../support/receiver.js';
import { byThread } from '../../support/submit.js';

/** The counts add up, whatever is under way. */
function expectSound({ free, acquired, inFlight, count }: BufferPool): void {
  expect(free + acquired + inFlight).toBe(count);
}

function fill(run: BufferRun, content: Content, lengths: readonly number[]): void {
  for (const [i, length] of lengths.entries()) content.fill(run.bytes(i), length);
}

/** Sends runs, single buffers and arrays in turn; returns how many sends, and bytes, that makes. */
async function sendMixed(
  socket: ZeroCopySocket,
  pool: BufferPool,
  content: Content,
  smallest: number,
): Promise<{ sends: number; bytes: number }> {
  const random = randomFrom(7);
  let sends = 0;
  let bytes = 0;
  for (let round = 0; round < 60; round++) {
    const run = await within(pool.acquireRun(random(1, 12)), 'acquireRun()');
    const lengths = Array.from({ length: run.count }, () => random(smallest, 12_000));
    const same = lengths.fill(lengths[0] as number, 0, round % 2 ? run.count : 0);
    fill(run, content, same);
    expectSound(pool);
    const length = round % 2 ? (lengths[0] as number) : lengths;
    const { first, last } = socket.sendMany(run, length);
    expect([first, last]).toEqual([sends, sends + run.count - 1]);
    expectSound(pool);
    sends += run.count;
    bytes += lengths.reduce((sum, each) => sum + each, 0);
    if (round % 3 === 0) {
      const buffer = await within(pool.acquire(), 'acquire()');
      content.fill(buffer.bytes, 11_000);
      expect(socket.send(buffer, 11_000)).toBe(sends++);
      bytes += 11_000;
    }
    // What UDP sends faster than its receiver reads would be lost.
    if (round % 10 === 9) await within(socket.flush(), 'flush()');
  }
  return { sends, bytes };
}

describe.each(['always', 'auto', 'never'] as const)('runs, zeroCopy %s', (zeroCopy) => {
  it('reach a UDP peer whole, each with an id of its own', async () => {
    const peer = await startPeer({ protocol: 'udp' });
    const pool = makePool({ bufferSize: 12_288, count: 32 });
    const socket = await openTo(peer, { zeroCopy });
    const completions = new Completions(socket);
    const { sends } = await sendMixed(socket, pool, new DatagramContent(), 64);
    await within(socket.flush(), 'flush()');
    completions.expectEachOnce(sends);
    expectAllFree(pool);
    await expectIntact(peer, { datagrams: sends });
  });

  it('reach a TCP peer whole and in order', async () => {
    const peer = await startPeer({ protocol: 'tcp' });
    const pool = makePool({ bufferSize: 12_288, count: 32 });
    const socket = await connectTo(peer, { zeroCopy });
    const completions = new Completions(socket);
    const { sends, bytes } = await sendMixed(socket, pool, new StreamContent(), 1);
    await within(socket.flush(), 'flush()');
    completions.expectEachOnce(sends);
    expectAllFree(pool);
    await expectIntact(peer, { bytes });
  });
});

describe('a run', () => {
  it('copies below the threshold and not above it, each length by itself', async () => {
    const peer = await startPeer({ protocol: 'udp' });
    const pool = makePool({ bufferSize: 65_536, count: 4 });
    const socket = await openTo(peer, { zeroCopy: 'auto', zeroCopyThreshold: 4096 });
    const completions = new Completions(socket);
    const run = pool.tryAcquireRun(4) as BufferRun;
    const lengths = [100, 4096, 4095, 50_000];
    fill(run, new DatagramContent(), lengths);
    socket.sendMany(run, lengths);
    await within(socket.flush(), 'flush()');
    const inline = lengths.map((_, id) => completions.howOf(id) === 'inline');
    expect(inline).toEqual([true, false, true, false]);
    expect(socket.stats().kernelIds).toBe(2);
    await expectIntact(peer, { datagrams: 4 });
  });

  it('waits for room behind what waits, and leaves in order', async () => {
    const peer = await startPeer({ protocol: 'tcp' });
    const socket = await connectTo(peer, { zeroCopy: 'always', sendBufferSize: 65_536 });
    const pool = makePool({ bufferSize: 65_536, count: 128 });
    const completions = new Completions(socket);
    const content = new StreamContent();
    let sends = 0;
    const drained = event(socket, 'drain');
    for (let run = pool.tryAcquireRun(50); run !== null; run = pool.tryAcquireRun(50)) {
      fill(run, content, Array(run.count).fill(65_536));
      socket.sendMany(run, 65_536);
      sends += run.count;
      if (socket.needDrain) break;
    }
    if (!byThread) expect(socket.needDrain).toBe(true); // else as soon as the thread has found no room
    await within(drained, 'drain');
    await within(socket.flush(), 'flush()');
    completions.expectEachOnce(sends);
    expectAllFree(pool);
    await expectIntact(peer, { bytes: sends * 65_536 });
  });

  it('of which much has not left yet comes back whole after abort', async () => {
    const peer = await startPeer({ protocol: 'tcp', paused: true });
    const socket = await connectTo(peer, { zeroCopy: 'always' });
    const pool = makePool({ bufferSize: 65_536, count: 256 });
    const completions = new Completions(socket);
    const runs: BufferRun[] = [];
    for (let run = pool.tryAcquireRun(100); run !== null; run = pool.tryAcquireRun(100)) {
      socket.sendMany(run, 65_536);
      runs.push(run);
    }
    expect(runs.map(({ count }) => count)).toEqual([100, 100, 56]);
    const { ids, unfinished } = await within(socket.abort(), 'abort()');
    expect(ids).toBe(256);
    expect(unfinished).toBeGreaterThan(100);
    completions.expectEachOnce(256);
    expectAllFree(pool);
  });

  it('stays with its user when its send is refused, and no id is taken', async () => {
    const peer = await startPeer({ protocol: 'udp' });
    const socket = await openTo(peer, { maxQueuedSends: 8 });
    const pool = makePool({ bufferSize: 4096, count: 16 });
    const run = pool.tryAcquireRun(9) as BufferRun;
    const expectRefused = (length: unknown, code: string) => {
      expect(() => socket.sendMany(run, length as number)).toThrow(
        expect.objectContaining({ code }),
      );
      expect(socket.nextId).toBe(0);
      expect(pool).toMatchObject({ free: 7, acquired: 9, inFlight: 0 });
    };
    expectRefused(100, 'ERR_ZEROSEND_OUT_OF_RANGE'); // more than could wait
    run.release();
    const four = pool.tryAcquireRun(4) as BufferRun;
    for (const length of [0, -1, 4097, 1.5, Number.NaN, [1, 2, 0, 4], [1, 2, 3, 4097]]) {
      expect(() => socket.sendMany(four, length)).toThrow(
        expect.objectContaining({ code: 'ERR_ZEROSEND_OUT_OF_RANGE' }),
      );
    }
    for (const length of ['100', null, undefined, [1, 2, 3], [1, 2, 3, 4, 5], {}]) {
      expect(() => socket.sendMany(four, length as number)).toThrow(
        expect.objectContaining({ code: 'ERR_ZEROSEND_INVALID_ARGUMENT' }),
      );
    }
    await socket.close();
    expect(() => socket.sendMany(four, 100)).toThrow(
      expect.objectContaining({ code: 'ERR_ZEROSEND_SOCKET_CLOSED' }),
    );
    expect(pool).toMatchObject({ free: 12, acquired: 4, inFlight: 0 });
    four.release();
    expect(() => four.release()).toThrow(
      expect.objectContaining({ code: 'ERR_ZEROSEND_BUFFER_FREE' }),
    );
    expectAllFree(pool);
  });

  it('that was sent cannot be sent again', async () => {
    const peer = await startPeer({ protocol: 'udp' });
    const socket = await openTo(peer);
    const pool = makePool({ bufferSize: 4096, count: 4 });
    const run = pool.tryAcquireRun(4) as BufferRun;
    fill(run, new DatagramContent(), [100, 100, 100, 100]);
    socket.sendMany(run, 100);
    const codes = ['ERR_ZEROSEND_BUFFER_IN_FLIGHT', 'ERR_ZEROSEND_BUFFER_FREE'];
    for (const code of codes) {
      expect(() => socket.sendMany(run, 100)).toThrow(expect.objectContaining({ code }));
      await within(socket.flush(), 'flush()');
    }
    expect(socket.nextId).toBe(4);
    expectAllFree(pool);
  });

  it('of a pool that verifies behaves the same', async () => {
    const peer = await startPeer({ protocol: 'udp' });
    const pool = makePool({ bufferSize: 12_288, count: 32, verify: true });
    const socket = await openTo(peer, { zeroCopy: 'always' });
    const completions = new Completions(socket);
    const { sends } = await sendMixed(socket, pool, new DatagramContent(), 64);
    await within(socket.flush(), 'flush()');
    completions.expectEachOnce(sends);
    const run = pool.tryAcquireRun(5) as BufferRun;
    const { bytes } = { bytes: run.bytes(4) };
    expect(bytes).toHaveLength(12_288);
    run.release();
    expect(() => run.bytes(4)).toThrow(
      expect.objectContaining({ code: 'ERR_ZEROSEND_STALE_HANDLE' }),
    );
    expectAllFree(pool);
    await pool.close();
    await expectIntact(peer, { datagrams: sends });
  });
});
