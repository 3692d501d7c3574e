// Slices of buffers, and runs that are shortened or split: what arrives is what was meant, and every
// buffer is back once.
import { describe, expect, it } from 'vitest';
import type { BufferPool, BufferRun, PooledBuffer, ZeroCopySocket } from 'zerosend';
import { Completions } from '../../support/completions.js';
import { DatagramContent, StreamContent } from '../../support/content.js';
import { within } from '../../support/deadline.js';
import { connectTo, expectAllFree, makePool, openTo, startPeer } from '../../support/endpoints.js';
import { expectIntact } from '../../support/receiver.js';
import { coded, expectError, outOfRange, thrownBy, wrongType } from '../input/expectations.js';

const SIZE = 16_384;

const take = (pool: BufferPool, count: number) =>
  Array.from({ length: count }, () => pool.tryAcquire() as PooledBuffer);

describe.each(['always', 'never'] as const)('a slice, zeroCopy %s', (zeroCopy) => {
  it.each(['udp', 'tcp'] as const)('of any sort of memory reaches a %s peer', async (protocol) => {
    const peer = await startPeer({ protocol });
    const pool = makePool({ bufferSize: SIZE, count: 64 });
    const content = protocol === 'udp' ? new DatagramContent() : new StreamContent();
    const socket: ZeroCopySocket =
      protocol === 'udp' ? await openTo(peer, { zeroCopy }) : await connectTo(peer, { zeroCopy });
    const completions = new Completions(socket);
    /** Content in the middle of what is else 0xff. */
    const lay = (bytes: Uint8Array, offset: number, length: number) => {
      bytes.fill(0xff);
      content.fill(bytes.subarray(offset), length);
    };
    let sends = 0;
    let total = 0;
    for (const [offset, length] of [
      [0, 100],
      [1, 12_000],
      [5000, 64],
      [SIZE - 64, 64],
    ] as const) {
      const [buffer, ...several] = take(pool, 4) as [PooledBuffer, ...PooledBuffer[]];
      lay(buffer.bytes, offset, length);
      expect(socket.send(buffer, length, { offset })).toBe(sends++);
      const plain = new Uint8Array(SIZE);
      lay(plain, offset, length);
      expect(socket.send(plain, length, { offset, tag: 'plain' })).toBe(sends++);
      const end = new Uint8Array(offset + length);
      lay(end, offset, length);
      expect(socket.send(end, undefined, { offset })).toBe(sends++); // to its end
      for (const { bytes } of several) lay(bytes, offset, length);
      socket.sendMany(several, length, { offset });
      const run = pool.tryAcquireRun(3) as BufferRun;
      const begins = [offset, 0, offset];
      for (const [i, begin] of begins.entries()) lay(run.bytes(i), begin, length);
      socket.sendMany(run, [length, length, length], { offset: begins });
      const uniform = pool.tryAcquireRun(2) as BufferRun;
      for (const i of [0, 1]) lay(uniform.bytes(i), offset, length);
      socket.sendMany(uniform, length, { offset });
      sends += 8;
      total += 11 * length;
      await within(socket.flush(), 'flush()');
    }
    completions.expectEachOnce(sends);
    expectAllFree(pool);
    if (protocol === 'udp') await expectIntact(peer, { datagrams: sends });
    else await expectIntact(peer, { bytes: total });
  });
});

describe('a slice', () => {
  it('must lie in its buffer; a refused one takes no id and no lease', async () => {
    const peer = await startPeer({ protocol: 'udp', discard: true });
    const pool = makePool({ bufferSize: 4096, count: 8 });
    const socket = await openTo(peer);
    const [a, b] = take(pool, 2) as [PooledBuffer, PooledBuffer];
    const run = pool.tryAcquireRun(2) as BufferRun;
    const plain = new Uint8Array(100);
    const all = (length: number, offset: unknown) => {
      const options = { offset: offset as number };
      return [
        thrownBy(() => socket.send(a, length, options)),
        thrownBy(() => socket.sendTo(a, length, { address: '127.0.0.1', port: 9 }, options)),
        thrownBy(() => socket.send(plain, length, options)),
        thrownBy(() => socket.sendMany([a, b], length, options)),
        thrownBy(() => socket.sendMany(run, length, options)),
      ];
    };
    for (const offset of [-1, 4096, 2 ** 32, 0.5, Number.NaN]) {
      for (const error of all(10, offset)) expectError(error, outOfRange({ shown: 'offset' }));
    }
    for (const offset of ['1', null, 1n]) {
      for (const error of all(10, offset)) expectError(error, wrongType({}));
    }
    for (const error of all(4000, 97)) expectError(error, outOfRange({ shown: 'length' }));
    for (const offset of [[1], [1, 2, 3], {}]) {
      for (const buffers of [[a, b], run]) {
        const error = thrownBy(() => socket.sendMany(buffers, 10, { offset: offset as number[] }));
        expectError(error, wrongType({ shown: 'offset' }));
      }
    }
    for (const buffers of [[a, b], run]) {
      const error = thrownBy(() => socket.sendMany(buffers, 10, { offset: [0, 4087] }));
      expect(error).toMatchObject({ code: 'ERR_ZEROSEND_OUT_OF_RANGE', index: 1 });
    }
    expect(socket.nextId).toBe(0);
    for (const each of [a, b, run]) each.release();
    expectAllFree(pool);
  });

  it('of a pool that verifies may not change, up to its end', async () => {
    const peer = await startPeer({ protocol: 'udp' });
    const pool = makePool({ bufferSize: 4096, count: 8, verify: true });
    const socket = await openTo(peer);
    const content = new DatagramContent();
    const run = pool.tryAcquireRun(2) as BufferRun;
    for (const i of [0, 1]) content.fill(run.bytes(i).subarray(50), 100);
    socket.sendMany(run, 100, { offset: 50 });
    const buffers = take(pool, 2);
    for (const { bytes } of buffers) content.fill(bytes.subarray(9), 100);
    socket.sendMany(buffers, 100, { offset: 9 });
    const [one] = take(pool, 1) as [PooledBuffer];
    content.fill(one.bytes.subarray(3000), 100);
    socket.send(one, 100, { offset: 3000 });
    await within(socket.flush(), 'flush()');
    await expectIntact(peer, { datagrams: 5 });
    expectAllFree(pool);
  });
});

describe.each([false, true])('a run of a pool, verify %s', (verify) => {
  it('is sent in parts, and what is left goes back', async () => {
    const peer = await startPeer({ protocol: 'udp' });
    const pool = makePool({ bufferSize: 4096, count: 32, verify });
    const socket = await openTo(peer, { zeroCopy: 'always' });
    const completions = new Completions(socket);
    const content = new DatagramContent();
    let sent = 0;
    for (let round = 0; round < 20; round++) {
      const run = await within(pool.acquireRun(16), 'acquireRun()');
      const { first, count } = run;
      const rest = run.split(5);
      expect([run.count, rest.count, rest.first]).toEqual([5, count - 5, first + 5]);
      expect(rest.offset - run.offset).toBe(5 * run.stride);
      expect(pool.acquired).toBe(count);
      for (let i = 0; i < 5; i++) content.fill(run.bytes(i), 300);
      expect(socket.sendMany(run, 300)).toEqual({ first: sent, last: sent + 4 });
      expect(rest.shorten(4)).toBe(rest);
      expect(pool.acquired).toBe(4);
      for (let i = 0; i < 4; i++) content.fill(rest.bytes(i), 300);
      expect(thrownBy(() => rest.bytes(4))).toMatchObject({ code: 'ERR_ZEROSEND_OUT_OF_RANGE' });
      const last = rest.split(3);
      socket.sendMany(last.shorten(1), 300); // not in the order of the slots
      expect(content.position).toBe(sent + 9);
      socket.sendMany(rest, 300);
      sent += 9;
      if (round % 2 === 1) await within(socket.flush(), 'flush()');
    }
    await within(socket.flush(), 'flush()');
    completions.expectEachOnce(sent);
    expectAllFree(pool);
    // One round sends its ninth datagram before the sixth: none is missing, and none comes twice.
    const report = await peer.until(({ datagrams }) => datagrams === sent);
    expect(report).toMatchObject({ unique: sent, missing: 0, duplicates: 0, wrongBytes: 0 });
  });

  it('refuses a count that it has not got, and to be cut when it is not held', async () => {
    const pool = makePool({ bufferSize: 4096, count: 8, verify });
    const run = pool.tryAcquireRun(4) as BufferRun;
    for (const wrong of [0, 5, 1.5]) {
      expectError(
        thrownBy(() => run.shorten(wrong)),
        outOfRange({ shown: 'count' }),
      );
      expectError(
        thrownBy(() => run.split(wrong)),
        outOfRange({ shown: 'count' }),
      );
    }
    expectError(
      thrownBy(() => run.split(4)),
      outOfRange({}),
    );
    expectError(
      thrownBy(() => run.split('1' as never)),
      wrongType({}),
    );
    expect(run.shorten(4).count).toBe(4);
    const rest = run.split(1);
    expectError(
      thrownBy(() => run.split(1)),
      outOfRange({}),
    );
    run.release();
    expect(pool.acquired).toBe(3);
    for (const cut of [() => run.shorten(1), () => run.split(1)]) {
      expectError(thrownBy(cut), coded(TypeError, 'BUFFER_FREE'));
    }
    const again = pool.tryAcquire() as PooledBuffer; // the slot in front of the rest
    expect(again.index).toBe(0);
    again.release();
    rest.release();
    expectAllFree(pool);
    await pool.close();
  });
});
