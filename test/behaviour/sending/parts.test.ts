import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import {
  BufferPool,
  type CodedError,
  type PartLengths,
  type PooledBuffer,
  type SendPart,
  UdpSocket,
} from 'zerosend';
import { fillStream } from '../../../rig/pattern.mjs';
import { Completions } from '../../support/completions.js';
import { StreamContent } from '../../support/content.js';
import { within } from '../../support/deadline.js';
import {
  connectTo,
  expectAllFree,
  families,
  loopback,
  makePool,
  openTo,
  overLoopback,
  startPeer,
  tracked,
} from '../../support/endpoints.js';

/** Bytes that tell which send they are of. */
function content(seed: number, length: number): Buffer {
  const bytes = Buffer.alloc(length);
  fillStream(bytes, 0, seed);
  return bytes;
}

/** Lays bytes into parts of these lengths: pooled, plain, and slices of either, in turn. */
function layOut(pool: BufferPool, bytes: Uint8Array, lengths: readonly number[]) {
  let at = 0;
  const parts = lengths.map((length, i): [SendPart, number | undefined] => {
    const piece = bytes.subarray(at, at + length);
    at += length;
    if (i % 4 === 1) return [Uint8Array.from(piece), undefined];
    if (i % 4 === 3) {
      const buffer = new Uint8Array(length + 20).fill(0xee);
      buffer.set(piece, 13);
      return [{ buffer, offset: 13, length }, undefined];
    }
    const buffer = pool.tryAcquire() as PooledBuffer;
    buffer.bytes.fill(0xee);
    const offset = i % 4 === 2 ? 11 : 0;
    buffer.bytes.set(piece, offset);
    return [offset === 0 ? buffer : { buffer, offset }, length];
  });
  return [parts.map(([part]) => part), parts.map(([, length]) => length)] as const;
}

const LENGTHS = [[1], [12, 1388], [1, 1, 1], [40, 7, 3000, 9, 2000], Array(16).fill(999)];

describe.each(families)('parts over IPv%i', (family) => {
  const suite = overLoopback(family);
  const peer = createSocket({ type: `udp${family}`, recvBufferSize: 8 << 20 });
  const got: Buffer[] = [];
  beforeAll(async () => {
    peer.on('message', (bytes) => got.push(bytes)).bind(0, loopback(family));
    await once(peer, 'listening');
  });
  afterAll(() => void peer.close());

  it.each(['send', 'sendTo'] as const)(
    'UDP, %s: each is one datagram, one id',
    suite,
    async (by) => {
      const { address, port } = peer.address();
      const remote = { address, port };
      const open = by === 'send' ? { remote } : { family };
      const socket = tracked(await UdpSocket.open({ ...open, zeroCopy: 'always' }));
      const ids = new Completions(socket);
      const pool = makePool({ bufferSize: 4096, count: 32 });
      got.length = 0;
      const sent: Buffer[] = [];
      for (const [i, lengths] of LENGTHS.entries()) {
        const bytes = content(
          i + 1,
          lengths.reduce((sum: number, length: number) => sum + length, 0),
        );
        const [parts, each] = layOut(pool, bytes, lengths);
        const options = { tag: `parts ${i}` };
        const id =
          by === 'send'
            ? socket.send(parts, each, options)
            : socket.sendTo(parts, each, remote, options);
        expect(id).toBe(i);
        sent.push(bytes);
      }
      await within(socket.flush(), 'flush');
      await expect.poll(() => got.length).toBe(sent.length);
      expect(got.map((bytes, i) => bytes.equals(sent[i] as Buffer))).toEqual(sent.map(() => true));
      ids.expectEachOnce(sent.length);
      expectAllFree(pool);
      expect(socket.stats()).toMatchObject({
        sends: 5,
        bytes: sent.reduce((n, b) => n + b.length, 0),
      });
    },
  );

  it('TCP: they follow each other in the stream', suite, async () => {
    const receiver = await startPeer({ protocol: 'tcp', family });
    const socket = await connectTo(receiver, { zeroCopy: 'always' });
    const ids = new Completions(socket);
    const pool = makePool({ bufferSize: 65_536, count: 32 });
    const stream = new StreamContent();
    for (let round = 0; round < 40; round++) {
      const lengths = Array.from(
        { length: 1 + (round % 16) },
        (_, i) => 1 + ((round * 7919 + i * 977) % 9000),
      );
      const bytes = Buffer.alloc(lengths.reduce((sum, length) => sum + length, 0));
      stream.fill(bytes);
      while (pool.free < 8) await within(socket.flush(), 'flush');
      expect(socket.send(...layOut(pool, bytes, lengths))).toBe(round);
    }
    await within(socket.flush(), 'flush');
    ids.expectEachOnce(40);
    expectAllFree(pool);
    await receiver.until(({ bytes }) => bytes === stream.position);
    expect(await receiver.report()).toMatchObject({ wrongBytes: 0 });
  });
});

describe('a payload that many sends share', () => {
  it('is back when the last of them has completed, and each has a header of its own', async () => {
    const peers = await Promise.all(
      Array.from({ length: 5 }, async () => {
        const peer = createSocket('udp4').bind(0, '127.0.0.1');
        onTestFinished(() => void peer.close());
        const message = once(peer, 'message') as Promise<[Buffer]>;
        await once(peer, 'listening');
        return { to: peer.address(), message };
      }),
    );
    const socket = tracked(await UdpSocket.open({ zeroCopy: 'always' }));
    const pool = makePool({ count: 8 });
    const payload = await pool.acquire();
    const bytes = content(1, 1200);
    payload.bytes.set(bytes, 100);
    payload.retain(peers.length - 1);
    for (const [i, { to }] of peers.entries()) {
      const header = pool.tryAcquire() as PooledBuffer;
      header.bytes.writeUInt32BE(i);
      expect(pool.stats().acquired).toBe(2);
      socket.sendTo([header, { buffer: payload, offset: 100 }], [4, 1200], to);
    }
    expect(() => payload.release()).toThrow(
      expect.objectContaining({ code: 'ERR_ZEROSEND_BUFFER_IN_FLIGHT' }),
    );
    expect(pool.stats()).toMatchObject({ acquired: 0, inFlight: 6 });
    await within(socket.flush(), 'flush');
    expectAllFree(pool);
    for (const [i, { message }] of peers.entries()) {
      const [datagram] = await within(message, 'the datagram');
      expect([datagram.readUInt32BE(), datagram.subarray(4).equals(bytes)]).toEqual([i, true]);
    }
  });

  it('is counted in the latency of each of its pools', async () => {
    const peer = await startPeer({ protocol: 'udp' });
    const socket = await openTo(peer, { measureLatency: true });
    const [headers, payloads] = [
      makePool({ measureLatency: true }),
      makePool({ measureLatency: true }),
    ];
    const other = makePool({ measureLatency: true });
    const take = (pool: BufferPool) => pool.tryAcquire() as PooledBuffer;
    for (let i = 0; i < 3; i++) {
      socket.send([take(headers), take(payloads), take(payloads)], [10, 10, 10]);
      socket.send(take(other), 10);
    }
    await within(socket.flush(), 'flush');
    const counts = [headers, payloads, other].map((pool) => pool.stats().completionLatency.count);
    expect(counts).toEqual([3, 3, 3]);
    expect(socket.stats().completionLatency?.count).toBe(6);
  });
});

describe('a send of parts', () => {
  it('goes where it was sent to, also when one of its getters sends elsewhere', async () => {
    const [here, there] = await Promise.all(
      [1, 2].map(async () => {
        const peer = createSocket('udp4').bind(0, '127.0.0.1');
        onTestFinished(() => void peer.close());
        const got: string[] = [];
        peer.on('message', (bytes) => got.push(bytes.toString()));
        await once(peer, 'listening');
        return { got, to: peer.address() };
      }),
    );
    if (here === undefined || there === undefined) return;
    const socket = tracked(await UdpSocket.open());
    const slice = {
      buffer: Buffer.from('right'),
      get length() {
        socket.sendTo(Buffer.from('elsewhere'), 9, there.to);
        return 5;
      },
    };
    expect(socket.sendTo([slice], undefined, here.to)).toBe(1);
    await within(socket.flush(), 'flush');
    await expect.poll(() => [here.got, there.got]).toEqual([['right'], ['elsewhere']]);
  });

  it('has timestamps, as any other', async () => {
    const peer = await startPeer({ protocol: 'udp' });
    const socket = await openTo(peer, { timestamps: 'software', zeroCopy: 'always' });
    const stamped = new Set<number>();
    socket.on('timestamp', ({ id }) => void stamped.add(id));
    for (let i = 0; i < 4; i++) {
      if (i % 2 === 0) socket.send([new Uint8Array(20), new Uint8Array(30)]);
      else socket.send(new Uint8Array(50));
    }
    await expect.poll(() => [...stamped].sort()).toEqual([0, 1, 2, 3]);
  });
});

describe('what is no send of parts', () => {
  let socket: UdpSocket;
  let pool: BufferPool;
  let mine: PooledBuffer;
  beforeAll(async () => {
    socket = await UdpSocket.open({ remote: { address: '127.0.0.1', port: 9 } });
    pool = new BufferPool({ bufferSize: 4096, count: 8 });
    mine = pool.tryAcquire() as PooledBuffer;
  });
  afterAll(async () => {
    mine.release();
    await socket.close();
  });

  const bytes = new Uint8Array(10);
  const free = (): PooledBuffer => {
    const buffer = pool.tryAcquire() as PooledBuffer;
    buffer.release();
    return buffer;
  };
  type Case = [string, () => unknown, unknown, string, number?];
  const cases: Case[] = [
    ['no parts', () => [], undefined, 'OUT_OF_RANGE'],
    ['too many', () => Array(17).fill(bytes), undefined, 'OUT_OF_RANGE'],
    ['text', () => [bytes, 'text'], undefined, 'INVALID_ARGUMENT'],
    ['nothing', () => [bytes, undefined, bytes], undefined, 'INVALID_ARGUMENT'],
    ['an array within', () => [[bytes]], undefined, 'INVALID_ARGUMENT'],
    ['another kind of array', () => [new Uint16Array(4)], undefined, 'INVALID_ARGUMENT'],
    ['an unknown name', () => [{ buffer: bytes, offest: 1 }], undefined, 'INVALID_ARGUMENT'],
    ['no buffer', () => [{ offset: 1 }], undefined, 'INVALID_ARGUMENT', 0],
    ['too few lengths', () => [bytes, bytes], [10], 'INVALID_ARGUMENT'],
    ['one length for all', () => [bytes, bytes], 10, 'INVALID_ARGUMENT'],
    ['lengths as text', () => [bytes, bytes], '55', 'INVALID_ARGUMENT'],
    ['two lengths of one', () => [{ buffer: bytes, length: 2 }], [2], 'INVALID_ARGUMENT'],
    ['a pooled buffer without', () => [bytes, mine], undefined, 'INVALID_ARGUMENT', 1],
    ['a length of 0', () => [bytes, bytes], [10, 0], 'OUT_OF_RANGE', 1],
    ['a length that is text', () => [bytes], ['1'], 'INVALID_ARGUMENT', 0],
    [
      'beyond the array',
      () => [bytes, { buffer: bytes, offset: 3, length: 8 }],
      undefined,
      'OUT_OF_RANGE',
      1,
    ],
    [
      'beyond the buffer',
      () => [{ buffer: mine, offset: 4090, length: 7 }],
      undefined,
      'OUT_OF_RANGE',
      0,
    ],
    ['an offset at the end', () => [{ buffer: bytes, offset: 10 }], undefined, 'OUT_OF_RANGE', 0],
    ['a fraction', () => [{ buffer: bytes, offset: 0.5 }], undefined, 'OUT_OF_RANGE', 0],
    ['an empty array', () => [bytes, new Uint8Array(0)], undefined, 'OUT_OF_RANGE', 1],
    ['one lease twice', () => [mine, mine], [1, 1], 'BUFFER_IN_FLIGHT', 1],
    ['a free buffer', () => [mine, free()], [1, 1], 'BUFFER_FREE', 1],
    ['a view of a pool', () => [bytes, mine.bytes], undefined, 'POOLED_MEMORY', 1],
    [
      'too long in all',
      () => [new Uint8Array(40_000), new Uint8Array(40_000)],
      undefined,
      'DATAGRAM_TOO_LONG',
    ],
  ];
  it.each(cases)('%s is refused, and nothing is lost', (_what, parts, lengths, code, index) => {
    const { nextId } = socket;
    const send = () => socket.send(parts() as SendPart[], lengths as PartLengths);
    const error = failureOf(send);
    expect([error.code, error.index]).toEqual([`ERR_ZEROSEND_${code}`, index]);
    expect(socket.nextId).toBe(nextId);
    expect(pool.stats()).toMatchObject({ acquired: 1, inFlight: 0, free: 7 });
  });

  it('arguments are read once, before anything is booked', async () => {
    const buffer = pool.tryAcquire() as PooledBuffer;
    let reads = 0;
    const slice = {
      get buffer() {
        reads++;
        return buffer;
      },
      get length() {
        if (++reads > 2) throw new Error('read twice');
        return 4;
      },
    };
    const lengths = new Proxy([2, undefined], {
      get: (target, name) => {
        // While it is read, it is sent by another call: the one at hand finds it in flight.
        if (name === '1') socket.send(buffer, 4);
        return Reflect.get(target, name);
      },
    });
    expect(failureOf(() => socket.send([mine, slice], lengths as number[])).code).toMatch(
      /BUFFER_(IN_FLIGHT|FREE)$/,
    );
    expect(reads).toBe(2);
    expect(pool.acquired).toBe(1);
    await within(socket.flush(), 'flush');
    expect(pool.free).toBe(7);
  });
});

function failureOf(send: () => unknown): CodedError {
  try {
    send();
  } catch (error) {
    return error as CodedError;
  }
  throw new Error('it was accepted');
}
