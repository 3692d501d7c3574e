import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { describe, expect, it, onTestFinished } from 'vitest';
import {
  BufferPool,
  type CompletionRange,
  type PooledBuffer,
  UdpDestination,
  UdpSocket,
} from 'zerosend';
import { IdChecker } from '../../../rig/ids.mjs';
import { event, turn, until, within } from '../../support/deadline.js';
import { connectTo, expectAllFree, makePool, openTo, startPeer } from '../../support/endpoints.js';
import { Program } from '../../support/program.js';

const submit = 'thread';

/** A receiver that notes the first 32-bit number of each datagram. */
async function counting() {
  const receiver = createSocket({ type: 'udp4', recvBufferSize: 1 << 22 }).bind(0, '127.0.0.1');
  onTestFinished(() => void receiver.close());
  await once(receiver, 'listening');
  const seen: number[] = [];
  receiver.on('message', (bytes) => seen.push(bytes.readUInt32BE(0)));
  return { family: 4, port: receiver.address().port, seen };
}

function numbered(pool: BufferPool, number: number): PooledBuffer {
  const buffer = pool.tryAcquire();
  if (buffer === null) throw new Error('the pool is dry');
  buffer.bytes.writeUInt32BE(number);
  return buffer;
}

function sliced(pool: BufferPool, number: number): PooledBuffer {
  const buffer = numbered(pool, 0);
  buffer.bytes.writeUInt32BE(number, 100);
  return buffer;
}

describe("submit: 'thread'", () => {
  it('keeps the order of all ways of sending', async () => {
    const peer = await counting();
    const socket = await openTo(peer, { submit });
    const ids = IdChecker.of(socket);
    const pool = makePool({ bufferSize: 4096, count: 64 });
    const to = { address: '127.0.0.1', port: peer.port };
    let number = 0;
    for (let round = 0; round < 40; round++) {
      socket.send(numbered(pool, number++), 100);
      socket.sendTo(numbered(pool, number++), 50, to);
      const plain = Buffer.alloc(20);
      plain.writeUInt32BE(number++);
      socket.send(plain);
      const several = [numbered(pool, number++), numbered(pool, number++)];
      socket.sendMany(several, [10, 20]);
      socket.send(sliced(pool, number++), 20, { offset: 100 });
      const far = [numbered(pool, number++), numbered(pool, number++)];
      socket.sendMany(far, 30, new UdpDestination(to));
      socket.send([numbered(pool, number++), Buffer.from('payload')], [10, 7]);
      const run = pool.tryAcquireRun(4);
      for (let i = 0; run !== null && i < run.count; i++) run.bytes(i).writeUInt32BE(number++);
      if (run !== null) socket.sendMany(run, round % 2 === 0 ? 30 : Array(run.count).fill(40));
      await within(socket.flush(), 'flush()');
    }
    await until(() => peer.seen.length === number, 'all arrive');
    expect(peer.seen).toEqual(Array.from({ length: number }, (_, i) => i));
    expect(ids.result()).toMatchObject({ ids: number });
    expectAllFree(pool);
    await socket.close();
  });

  it('gives a datagram that the kernel refuses an id, which fails with its code, alone', async () => {
    const peer = await counting();
    const socket = await openTo(peer, { submit, zeroCopy: 'never' });
    const pool = makePool({ bufferSize: 4096, count: 16 });
    const ranges: CompletionRange[] = [];
    socket.on('complete', (range) => ranges.push(range));
    const broadcast = { address: '127.255.255.255', port: 9 }; // not without SO_BROADCAST
    socket.send(numbered(pool, 0), 100);
    expect(socket.sendTo(numbered(pool, 1), 100, broadcast)).toBe(1);
    expect(socket.sendTo(Buffer.alloc(10), 10, broadcast)).toBe(2);
    socket.send(numbered(pool, 3), 100);
    await within(socket.flush(), 'flush()');
    const failed = ranges.filter(({ how }) => how === 'failed');
    const ids = failed.flatMap(({ first, last }) => (first === last ? [first] : [first, last]));
    expect(ids.sort()).toEqual([1, 2]);
    for (const range of failed) expect(range.code).toBe('EACCES');
    await until(() => peer.seen.length === 2, 'the others arrive');
    expect(peer.seen).toEqual([0, 3]);
    expectAllFree(pool);
    expect(await socket.close()).toMatchObject({ outcome: 'aborted', ids: 4, unfinished: 2 });
  });

  it('runs no listener within tryAcquire(), and has the buffers back all the same', async () => {
    const socket = await openTo(await counting(), { submit, zeroCopy: 'never' });
    const pool = makePool({ bufferSize: 4096, count: 2 });
    let told = 0;
    socket.on('complete', ({ first, last }) => {
      told += last - first + 1;
    });
    socket.send(numbered(pool, 0), 100);
    socket.send(numbered(pool, 1), 100);
    const deadline = performance.now() + 10_000;
    let buffer: PooledBuffer | null = null;
    while (buffer === null && performance.now() < deadline) buffer = pool.tryAcquire();
    expect(buffer).not.toBe(null);
    expect(told).toBe(0);
    buffer?.release();
    await within(socket.flush(), 'flush()');
    expect(told).toBe(2);
    await socket.close();
  });

  it('wraps both rings, and completes each id once', async () => {
    const socket = await openTo(await startPeer({ protocol: 'udp', discard: true }), { submit });
    const ids = IdChecker.of(socket);
    const pool = makePool({ bufferSize: 4096, count: 1024, verify: false });
    // More than the ring of descriptors holds, in batches that do not divide it.
    for (let sent = 0; sent < 30_000; ) {
      const batch: PooledBuffer[] = [];
      for (let i = 0; i < 500; i++) batch.push(await pool.acquire());
      socket.sendMany(batch, 64);
      sent += batch.length;
    }
    await within(socket.flush(), 'flush()');
    expect(ids.result()).toMatchObject({ ids: 30_000 });
    expectAllFree(pool);
    await socket.close();
  });

  it('is held up by no socket whose peer does not read', async () => {
    const peer = await startPeer({ protocol: 'tcp', paused: true, rcvbuf: 65_536 });
    const stuck = await connectTo(peer, { submit, sendBufferSize: 100_000 });
    const large = makePool({ bufferSize: 1 << 20, count: 8 });
    for (let i = 0; i < 8; i++) stuck.send(large.tryAcquire() as PooledBuffer, 1 << 20);
    await until(() => stuck.needDrain, 'it has no room');
    const other = await counting();
    const socket = await openTo(other, { submit });
    const pool = makePool({ bufferSize: 4096, count: 16 });
    for (let number = 0; number < 200; number++) {
      const buffer = await pool.acquire();
      buffer.bytes.writeUInt32BE(number);
      socket.send(buffer, 100);
    }
    await within(socket.flush(), 'the other socket goes on');
    expect(stuck.inFlight).toBeGreaterThan(0);
    const drained = event(stuck, 'drain');
    await peer.resume();
    await drained;
    expect(await within(stuck.close(), 'close()')).toMatchObject({ outcome: 'drained', ids: 8 });
    await socket.close();
  });

  it('reads completions of a socket beside another that always has more to send', async () => {
    const peer = await counting();
    const quiet = await openTo(peer, { submit, zeroCopy: 'always' });
    const busy = await openTo(peer, { submit, zeroCopy: 'never', maxQueuedSends: 1 << 20 });
    const pool = makePool({ bufferSize: 32_768, count: 2 });
    const buffer = numbered(pool, 0);
    const most = 100_000;
    let published = 0;
    /** The thread finds something each time that it looks. */
    const fill = () => {
      const left = busy.stats().submit?.depth ?? 0;
      for (let i = left; i < 20_000 && published < most; i++, published++) {
        buffer.retain();
        busy.send(buffer, 10_000);
      }
    };
    fill();
    quiet.send(numbered(pool, 1), 1000);
    for (; quiet.inFlight > 0 && published < most; await turn()) fill();
    expect(quiet.inFlight).toBe(0);
    await busy.abort();
    buffer.release();
  });

  it('completes each id once when it is aborted with sends that nobody has handed over', async () => {
    for (let round = 0; round < 20; round++) {
      const socket = await openTo(await counting(), { submit, zeroCopy: 'always' });
      const ids = IdChecker.of(socket);
      const pool = makePool({ bufferSize: 4096, count: 128 });
      for (let i = 0; i < 100; i++) socket.send(numbered(pool, i), 100);
      const report = await within(socket.abort(), 'abort()');
      expect(report).toMatchObject({ ids: 100 });
      expect(ids.result()).toMatchObject({ ids: 100 });
      expectAllFree(pool);
    }
  });

  it('sends what was published from a pool that is closed and forgotten', async () => {
    const peer = await counting();
    const socket = await openTo(peer, { submit });
    (() => {
      const pool = new BufferPool({ bufferSize: 4096, count: 64, hugePages: 'none' });
      for (let i = 0; i < 64; i++) socket.send(numbered(pool, i), 1000);
      void pool.close();
    })();
    globalThis.gc?.();
    await turn();
    globalThis.gc?.();
    await within(socket.flush(), 'flush()');
    await until(() => peer.seen.length === 64, 'all arrive');
    expect(peer.seen).toEqual(Array.from({ length: 64 }, (_, i) => i));
    await socket.close();
  });

  it.each(['exit', 'terminate'])('hands over what was published before %s', async (how) => {
    const peer = await counting();
    const program = new Program(new URL('./programs/published.mjs', import.meta.url), {
      port: peer.port,
      how,
      sends: 100,
    });
    expect(await program.exit()).toMatchObject({ code: 0, stderr: '' });
    await until(() => peer.seen.length === 100, 'all arrive');
    expect(peer.seen).toEqual(Array.from({ length: 100 }, (_, i) => i));
  });

  it('says what was granted, and what the thread does', async () => {
    const peer = await counting();
    const inline = await openTo(peer, { submit: 'inline' });
    expect(inline.info().submit).toMatchObject({ granted: 'inline', processors: 0, spin: 0 });
    expect(inline.stats().submit).toBe(null);
    const socket = await openTo(peer, { submit });
    const { granted, processors, spin } = socket.info().submit;
    expect(granted).toBe('thread');
    expect(spin).toBe(processors > 1 ? 50 : 0);
    const sleeps = () => socket.stats().submit?.sleeps ?? 0;
    const pool = makePool({ bufferSize: 4096, count: 32 });
    const before = sleeps();
    for (let i = 0; i < 32; i++) socket.send(numbered(pool, i), 100);
    await within(socket.flush(), 'flush()');
    await until(() => sleeps() > before, 'it sleeps again');
    const { depth, wakes } = socket.stats().submit as { depth: number; wakes: number };
    expect(depth).toBe(0);
    expect(wakes).toBeGreaterThan(0);
    await socket.close();
    await inline.close();
    await expect(UdpSocket.open({ submit: 'later' as never })).rejects.toMatchObject({
      code: 'ERR_ZEROSEND_INVALID_ARGUMENT',
    });
  });
});
