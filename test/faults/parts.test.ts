// One send out of parts: what the kernel refuses, takes in pieces or keeps, with parts of both kinds.
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { CompletionRange } from 'zerosend';
import { fillStream } from '../../rig/pattern.mjs';
import { expectNeedsDrain } from '../support/submit.js';
import { byThread } from './handed-over.mjs';
import {
  clearFaultsAfterEach,
  eventually,
  keepInFlight,
  sharedTcpReceiver,
  withUdpReceiver,
} from './peers.js';
import { Sender, smallPool, within } from './sender.mjs';
import {
  ALWAYS,
  clearFaults,
  inject,
  MSG_ZEROCOPY,
  refuseSegments,
  UdpSocket,
} from './zerosend.mjs';

const tcp = sharedTcpReceiver();
clearFaultsAfterEach();

const PARTS = [12, 1000, 3, 1, 700, 284];
const GOOD = { problems: [], report: { outcome: 'drained' } };

describe('a send of parts over TCP', () => {
  it.each([
    { what: 'single bytes', limit: 1, pieces: 2000 },
    { what: 'pieces that end within a part', limit: 999, pieces: 3 },
    { what: 'pieces that end where a part ends', limit: 12, pieces: 167 },
    { what: 'all of it', limit: 2000, pieces: 1 },
  ])('is one id when the kernel takes $what', async ({ limit, pieces }) => {
    const sender = await Sender.tcp(tcp.current);
    inject('sendmsg', { limit, times: ALWAYS });
    expect(sender.sendParts(PARTS)).toBe('accepted');
    await sender.flushed();
    expect(sender.socket.stats()).toMatchObject({ sends: 1, completed: 1, kernelSends: pieces });
    expect(await sender.finish()).toMatchObject(GOOD);
  });

  it('waits for room where it was cut, and those behind it wait with it', async () => {
    const sender = await Sender.tcp(tcp.current);
    const full = { error: 'EAGAIN', times: 3 } as const;
    inject('sendmsg', { limit: 700 }, full, { limit: 313 }, full, { limit: 1 }, full);
    expect(sender.sendParts(PARTS)).toBe('accepted');
    expect(sender.send(500)).toBe('accepted');
    expect(sender.sendParts([1, 2, 3])).toBe('accepted');
    if (!byThread) expect(sender.pool.inFlight).toBe(6); // it may have gone on already
    await sender.flushed();
    expect(await sender.finish()).toMatchObject(GOOD);
  });

  it('of random pieces and random parts arrives whole', async () => {
    const seed = Number(process.env.ZEROSEND_SEED ?? Date.now() % 2 ** 31);
    const sender = await Sender.tcp(tcp.current);
    clearFaults(seed);
    inject('sendmsg', { limit: 0, chance: 0.9 });
    expect(sender.sendParts(PARTS)).toBe('accepted');
    for (let i = 0; i < 60; i++) {
      if (sender.pool.free < 8) await sender.flushed();
      const lengths = Array.from({ length: 1 + (i % 16) }, (_, k) => 1 + ((i * k * 7919) % 4000));
      expect(sender.sendParts(lengths), `ZEROSEND_SEED=${seed}`).toBe('accepted');
    }
    await sender.flushed();
    expect(await sender.finish(), `ZEROSEND_SEED=${seed}`).toMatchObject(GOOD);
  });

  it('goes on by copy for want of buffers, and has completed when all pieces have', async () => {
    const sender = await Sender.tcp(tcp.current);
    inject('recvmsg', { error: 'EAGAIN', times: ALWAYS });
    inject('sendmsg', { limit: 500 }, { error: 'ENOBUFS', only: MSG_ZEROCOPY });
    expect(sender.sendParts(PARTS)).toBe('accepted');
    expect(sender.socket.stats()).toMatchObject({ inlineFallbacks: 1, inFlight: 1 });
    expect(sender.pool.inFlight).toBe(3);
    inject('recvmsg');
    await sender.flushed();
    expect(sender.books.ids.history).toEqual([{ first: 0, last: 0, how: 'inline' }]);
    expect(await sender.finish()).toMatchObject(GOOD);
  });

  it('fails as a whole, once, when the connection is reset within it', async () => {
    const sender = await Sender.tcp(tcp.current);
    inject('sendmsg', { limit: 700 }, { error: 'EAGAIN' }, { error: 'ECONNRESET', times: ALWAYS });
    expect(sender.sendParts(PARTS)).toBe('accepted');
    await within(sender.books.closed, 'the end');
    expect(sender.books.ids.history).toMatchObject([{ first: 0, last: 0, how: 'failed' }]);
    expect(sender.books.audit([sender.pool])).toEqual([]);
  });

  it('retires all its buffers, and no other, when one cannot be parted from the kernel', async () => {
    const sender = await Sender.tcp(tcp.current);
    keepInFlight();
    inject('connect', { error: 'EIO', times: ALWAYS });
    expect(sender.sendParts([1000, 1000, 1000])).toBe('accepted');
    expect(sender.send(1000)).toBe('accepted');
    // Of all three slots, not of slot 0, of 1 and 2, and of 1.
    inject('remap', { error: 'ENOMEM' }, { skip: 1, error: 'ENOMEM', times: 2 });
    expect((await sender.socket.abort()).outcome).toBe('revoked');
    expect(sender.pool.stats()).toMatchObject({ retired: 2, free: sender.pool.count - 2 });
    expect(sender.acquire().index).toBe(2);
  });
});

describe('a send of parts over UDP', () => {
  it.each(['ENOBUFS', 'EMSGSIZE'] as const)('goes by copy after %s, late or not', async (error) => {
    for (const after of [false, true]) {
      await withUdpReceiver(async (receiver) => {
        const sender = await Sender.udp(receiver);
        inject('sendmsg', { error, only: MSG_ZEROCOPY });
        expect(sender.sendParts(PARTS), `${after}`).toBe('accepted');
        await sender.flushed();
        expect(sender.socket.stats()).toMatchObject({ inlined: 1, inlineFallbacks: 1 });
        expect(sender.sendParts(PARTS)).toBe('accepted');
        expect(sender.send()).toBe('accepted');
        await sender.flushed();
        expect(sender.socket.stats()).toMatchObject({ copied: 2, inlined: 1 });
        expect(await sender.finish()).toMatchObject(GOOD);
      });
    }
  });

  it('that is refused takes no id and no lease', async () => {
    await withUdpReceiver(async (receiver) => {
      const sender = await Sender.udp(receiver);
      inject('sendmsg', { error: 'EMSGSIZE', times: ALWAYS });
      expect(sender.sendParts(PARTS)).toBe('ERR_ZEROSEND_DATAGRAM_TOO_LONG');
      inject('sendmsg', { error: 'EPERM', times: ALWAYS });
      expect(sender.sendParts(PARTS)).toBe('EPERM');
      expect(sender.pool.free).toBe(sender.pool.count);
      inject('sendmsg');
      expect(sender.sendParts(PARTS)).toBe('accepted');
      await sender.flushed();
      expect(await sender.finish()).toMatchObject(GOOD);
    });
  });

  it('waits for room, whole, and goes out in its turn', async () => {
    await withUdpReceiver(async (receiver) => {
      const sender = await Sender.udp(receiver);
      inject('sendmsg', { error: 'EAGAIN', times: ALWAYS });
      expect(sender.sendParts(PARTS)).toBe('accepted');
      await expectNeedsDrain(sender.socket);
      expect(sender.send()).toBe('accepted');
      inject('sendmsg');
      await sender.flushed();
      expect(await sender.finish()).toMatchObject(GOOD);
    });
  });

  it.each([false, true])('has segments across its parts, one by one: %s', async (split) => {
    const peer = createSocket('udp4');
    const got: Buffer[] = [];
    peer.on('message', (bytes) => got.push(bytes)).bind(0, '127.0.0.1');
    await once(peer, 'listening');
    const { address, port } = peer.address();
    const socket = await UdpSocket.open({
      remote: { address, port },
      segmentSize: 700,
      zeroCopy: 'always',
    });
    const pool = smallPool();
    onTestFinished(async () => {
      refuseSegments(0);
      peer.close();
      await socket.abort();
    });
    const ranges: CompletionRange[] = [];
    socket.on('complete', (range) => ranges.push(range));
    if (split) refuseSegments(65_536);
    const whole = Buffer.alloc(4999);
    fillStream(whole, 0, 1);
    let at = 0;
    const parts = [12, 1388, 700, 1, 699, 2199].map((length, i) => {
      const bytes = whole.subarray(at, at + length);
      at += length;
      const buffer = i % 2 ? pool.tryAcquire() : null;
      if (buffer === null) return Buffer.from(bytes);
      buffer.bytes.set(bytes, i);
      return { buffer, offset: i, length };
    });
    expect(socket.send(parts)).toBe(0);
    await within(socket.flush(), 'flush');
    await eventually(() => got.length).toBe(8);
    expect(Buffer.concat(got).equals(whole)).toBe(true);
    expect(got.map(({ length }) => length)).toEqual([700, 700, 700, 700, 700, 700, 700, 99]);
    expect(ranges).toEqual([{ first: 0, last: 0, how: split ? 'inline' : 'copied' }]);
    expect(pool.free).toBe(pool.count);
  });
});
