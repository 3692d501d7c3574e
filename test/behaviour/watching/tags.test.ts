import { describe, expect, it } from 'vitest';
import type { PooledBuffer, SendManyOptions, SendOptions } from 'zerosend';
import { within } from '../../support/deadline.js';
import { connectAndMeet, makePool, openTo, startPeer } from '../../support/endpoints.js';

describe('tags', () => {
  it('come back with the ids they were given to, of every kind of send', async () => {
    const peer = await startPeer({ protocol: 'udp', family: 4 });
    const socket = await openTo(peer, { zeroCopy: 'always' });
    const to = { address: '127.0.0.1', port: peer.port };
    const pool = makePool({ bufferSize: 4096, count: 64 });
    const expected = new Map<number, unknown>();
    const got = new Map<number, unknown>();
    const untagged: number[] = [];
    socket.on('complete', ({ first, last, tags }) => {
      for (let id = first; id <= last; id++) {
        expect(got.has(id)).toBe(false);
        const tag = tags?.[id - first];
        if (tag === undefined) untagged.push(id);
        else got.set(id, tag);
      }
      if (tags !== undefined) expect(tags).toHaveLength(last - first + 1);
    });
    let plain = 0;
    for (let round = 0; round < 400; round++) {
      const tag = round % 7 === 0 ? `round ${round}` : { round };
      switch (round % 6) {
        case 0:
          expected.set(socket.send(await pool.acquire(), 100, { tag }), tag);
          break;
        case 1:
          expected.set(socket.send(new Uint8Array(50), undefined, { tag }), tag);
          break;
        case 2: {
          const buffers = [await pool.acquire(), await pool.acquire()] as PooledBuffer[];
          const { first } = socket.sendMany(buffers, [10, 20], { tags: [tag, undefined] });
          expected.set(first, tag);
          plain++;
          break;
        }
        case 3: {
          const run = await pool.acquireRun(5);
          const tags = Array.from({ length: run.count }, (_, i) => [round, i]);
          const { first } = socket.sendMany(run, 30, { tags });
          for (const [i, each] of tags.entries()) expected.set(first + i, each);
          break;
        }
        case 4:
          expected.set(socket.sendTo(await pool.acquire(), 10, to, { tag }), tag);
          break;
        default:
          socket.send(await pool.acquire(), 10);
          plain++;
      }
    }
    await within(socket.flush(), 'all completes');
    expect(got).toEqual(expected);
    expect(untagged).toHaveLength(plain);
  });

  it('are told of sends that waited, failed or were given up, and are let go of', async () => {
    const peer = await startPeer({ protocol: 'tcp', family: 4, paused: true, rcvbuf: 65_536 });
    const socket = await connectAndMeet(peer, { sendBufferSize: 200_000 });
    const seen = new Map<number, [unknown, string]>();
    socket.on('complete', ({ first, last, how, tags }) => {
      for (let id = first; id <= last; id++) seen.set(id, [tags?.[id - first], how]);
    });
    const refs: WeakRef<object>[] = [];
    (() => {
      do {
        const tag = { id: socket.nextId };
        refs.push(new WeakRef(tag));
        socket.send(new Uint8Array(65_536), undefined, { tag });
      } while (!socket.needDrain);
      for (let i = 0; i < 3; i++)
        socket.send(new Uint8Array(10), undefined, { tag: { id: socket.nextId } });
    })();
    await socket.abort();
    expect(seen.size).toBe(socket.nextId);
    for (const [id, [tag]] of seen) expect(tag).toEqual({ id });
    expect(new Set([...seen.values()].map(([, how]) => how))).toContain('failed');
    seen.clear();
    if (globalThis.gc !== undefined) {
      await new Promise((resolve) => setImmediate(resolve));
      globalThis.gc();
      await new Promise((resolve) => setImmediate(resolve));
      globalThis.gc();
      expect(refs.filter((ref) => ref.deref() !== undefined)).toEqual([]);
    }
  });

  it('of a send that throws are not given to the next', async () => {
    const socket = await openTo(await startPeer({ protocol: 'udp', family: 4 }));
    const tags: unknown[] = [];
    socket.on('complete', (range) => tags.push(range.tags));
    expect(() => socket.send(new Uint8Array(10), 11, { tag: 'lost' })).toThrow(/length/);
    socket.send(new Uint8Array(10));
    await within(socket.flush(), 'it completes');
    expect(tags).toEqual([undefined]);
  });

  it.each<[string, unknown, RegExp]>([
    ['a tag that is not in an object', 'tag', /options must be an object/],
    ['an option that there is not', { tags: 1 }, /object with tag, offset only/],
    ['null', null, /options must be an object/],
  ])('of send: %s is refused', async (_name, options, message) => {
    const socket = await openTo(await startPeer({ protocol: 'udp', family: 4 }));
    const send = () => socket.send(new Uint8Array(1), 1, options as SendOptions);
    expect(send).toThrow(message);
    expect(send).toThrow(expect.objectContaining({ code: 'ERR_ZEROSEND_INVALID_ARGUMENT' }));
    expect(socket.nextId).toBe(0);
  });

  it.each<[string, unknown]>([
    ['too few', ['a']],
    ['too many', ['a', 'b', 'c']],
    ['none at all', 5],
    ['null', null],
  ])('of sendMany: %s are refused, and the buffers stay', async (_name, tags) => {
    const socket = await openTo(await startPeer({ protocol: 'udp', family: 4 }));
    const pool = makePool();
    const buffers = [pool.tryAcquire(), pool.tryAcquire()] as PooledBuffer[];
    const options = { tags } as SendManyOptions;
    expect(() => socket.sendMany(buffers, 1, options)).toThrow(
      expect.objectContaining({ code: 'ERR_ZEROSEND_INVALID_ARGUMENT' }),
    );
    const run = pool.tryAcquireRun(2);
    if (run === null) throw new Error('dry');
    expect(() => socket.sendMany(run, 1, options)).toThrow(/options\.tags must be an array of 2/);
    expect(pool.stats().acquired).toBe(4);
    run.release();
    for (const buffer of buffers) buffer.release();
  });
});
