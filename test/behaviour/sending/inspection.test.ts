import { inspect } from 'node:util';
import { describe, expect, it, onTestFinished } from 'vitest';
import { BufferPool, BufferRun, PooledBuffer, UdpSocket } from 'zerosend';
import { Pacer } from 'zerosend/generator';
import { connectTo, makePool, openTo, startPeer } from '../../support/endpoints.js';

const flat = { breakLength: Number.POSITIVE_INFINITY, colors: false } as const;
const show = (value: unknown, options = {}) => inspect(value, { ...flat, ...options });

describe('console.log', () => {
  it('shows what a socket does, and nothing private', async () => {
    const peer = await startPeer({ protocol: 'udp', discard: true });
    const socket = await openTo(peer);
    for (let i = 0; i < 3; i++) socket.send(Buffer.alloc(10));
    const text = show(socket);
    expect(text).toMatch(
      new RegExp(
        "^UdpSocket \\{ state: 'open', local: '127\\.0\\.0\\.1:\\d+', " +
          `remote: '127\\.0\\.0\\.1:${peer.port}', sends: 3, inFlight: \\d \\}$`,
      ),
    );
    await socket.close();
    expect(show(socket)).toBe("UdpSocket { state: 'closed', sends: 3, inFlight: 0 }");
    expect(show(Object.create(UdpSocket.prototype))).toBe('UdpSocket {}');
  });

  it('shows addresses of IPv6 as URLs have them, and the class of each socket', async () => {
    const peer = await startPeer({ protocol: 'tcp' });
    expect(show(await connectTo(peer))).toMatch(/^TcpSocket \{ state: 'open', local: '127/);
    const six = await UdpSocket.open({ address: '::1' });
    expect(show(six)).toMatch(/^UdpSocket \{ state: 'open', local: '\[::1\]:\d+', sends: 0/);
    await six.close();
  });

  it('shows pools, buffers and runs', async () => {
    const pool = makePool({ bufferSize: 4096, count: 8 });
    const buffer = pool.tryAcquire() as PooledBuffer;
    const run = pool.tryAcquireRun(3) as BufferRun;
    expect(show(pool)).toBe(
      'BufferPool { bufferSize: 4096, count: 8, free: 4, acquired: 4, inFlight: 0 }',
    );
    expect(show(buffer)).toBe(
      "PooledBuffer { index: 0, size: 4096, state: 'acquired', leases: 1, inFlight: 0 }",
    );
    expect(show(run)).toBe("BufferRun { first: 1, count: 3, size: 4096, state: 'acquired' }");
    run.release();
    buffer.release();
    expect(show(run)).toContain("state: 'free'");
    expect(show(buffer)).toContain("state: 'free', leases: 0");
    await pool.close();
    expect(show(pool)).toContain('closed: true');
    for (const Made of [BufferPool, PooledBuffer, BufferRun]) {
      expect(show(Object.create(Made.prototype))).toBe(`${Made.name} {}`);
    }
  });

  it('shows a stale handle of a pool that verifies', () => {
    const pool = makePool({ bufferSize: 4096, count: 1, verify: true });
    const buffer = pool.tryAcquire() as PooledBuffer;
    buffer.release();
    expect(show(buffer)).toContain("state: 'free'");
  });

  it('verifies also where the program has stack traces of its own', () => {
    const { prepareStackTrace } = Error;
    onTestFinished(() => {
      Error.prepareStackTrace = prepareStackTrace;
    });
    Error.prepareStackTrace = (_, sites) => sites;
    const pool = makePool({ bufferSize: 4096, count: 1, verify: true });
    pool.tryAcquire()?.release();
    expect(pool.free).toBe(1);
  });

  it('shows a pacer before and while it runs', () => {
    const pacer = new Pacer(1000);
    expect(show(pacer)).toBe('Pacer { asked: 1000, taken: 0 }');
    pacer.start(0);
    pacer.take(9.5);
    expect(show(pacer)).toMatch(
      /^Pacer \{ asked: 1000, achieved: \d+(\.\d+)?, taken: 10, burst: 1, /,
    );
  });

  it('keeps to the depth and the colours that it is asked for', () => {
    const pool = makePool({ bufferSize: 4096, count: 1 });
    expect(show({ a: { b: { c: { pool } } } })).toBe('{ a: { b: { c: [Object] } } }');
    expect(show({ a: { b: { pool } } })).toBe('{ a: { b: { pool: [BufferPool] } } }');
    expect(show(pool, { depth: 0 })).toContain('count: 1');
    expect(show({ a: { pool } }, { depth: 0 })).toBe('{ a: [Object] }');
    expect(show({ pool }, { depth: 0 })).toBe('{ pool: [BufferPool] }');
    expect(show([pool], { depth: null })).toContain('count: 1');
    expect(show(pool, { colors: true })).toContain('\u001b[33m4096\u001b[39m');
  });
});
