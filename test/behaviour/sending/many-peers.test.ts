// sendMany() to destinations: each peer gets what is its own, and nothing else.
import { describe, expect, it } from 'vitest';
import { type BufferRun, type PooledBuffer, UdpDestination, UdpSocket } from 'zerosend';
import { Completions } from '../../support/completions.js';
import { DatagramContent } from '../../support/content.js';
import { within } from '../../support/deadline.js';
import {
  expectAllFree,
  type Family,
  families,
  loopback,
  makePool,
  openTo,
  overLoopback,
  startPeer,
  tracked,
} from '../../support/endpoints.js';
import { expectIntact, type Receiver } from '../../support/receiver.js';
import { coded, expectError, outOfRange, thrownBy, wrongType } from '../input/expectations.js';

/** A receiver with content of its own, so that a datagram that was another's is a wrong one. */
async function startPeers(count: number, family: Family = 4) {
  return Promise.all(
    Array.from({ length: count }, async (_, i) => {
      const receiver = await startPeer({ protocol: 'udp', family, seed: 100 + i });
      const { port } = receiver;
      const to = new UdpDestination({ address: loopback(family), port });
      return { receiver, to, content: new DatagramContent(100 + i) };
    }),
  );
}

type Peer = Awaited<ReturnType<typeof startPeers>>[number];

const open = async (options = {}) => tracked(await UdpSocket.open(options));

/** What nobody may be sent on this host: broadcast, which the socket has not asked for. */
const forbidden = () => new UdpDestination({ address: '127.255.255.255', port: 9 });

/** Content of one peer after the other, of these lengths. */
function fill(views: readonly Uint8Array[], peers: readonly Peer[], lengths: readonly number[]) {
  return views.map((bytes, i) => {
    const { content, to } = peers[i % peers.length] as Peer;
    content.fill(bytes, lengths[i]);
    return to;
  });
}

async function expectArrived(peers: readonly { receiver: Receiver; content: DatagramContent }[]) {
  for (const { receiver, content } of peers) {
    await expectIntact(receiver, { datagrams: content.position });
  }
}

const viewsOf = (run: BufferRun) => Array.from({ length: run.count }, (_, i) => run.bytes(i));

for (const family of families) {
  describe(`many peers over IPv${family}`, overLoopback(family), () => {
    it.each(['always', 'never', 'auto'] as const)(
      'zeroCopy %s: each gets its own',
      async (zeroCopy) => {
        const peers = await startPeers(3, family);
        const pool = makePool({ bufferSize: 12_288, count: 128 });
        const socket = await open({ family, zeroCopy });
        const completions = new Completions(socket);
        let sent = 0;
        // More than go into one system call, of lengths on both sides of the threshold.
        for (const count of [100, 1, 66]) {
          const run = await within(pool.acquireRun(count), 'acquireRun()');
          const lengths = Array.from({ length: run.count }, (_, i) =>
            i % 7 === 3 ? 11_000 : 200 + i,
          );
          const to = fill(viewsOf(run), peers, lengths);
          expect(socket.sendMany(run, lengths, to)).toEqual({
            first: sent,
            last: sent + run.count - 1,
          });
          sent += run.count;
          await within(socket.flush(), 'flush()');
          const buffers = Array.from({ length: 5 }, () => pool.tryAcquire() as PooledBuffer);
          const each = fill(
            buffers.map(({ bytes }) => bytes),
            peers,
            Array(5).fill(300),
          );
          expect(socket.sendMany(buffers, 300, each)).toEqual({ first: sent, last: sent + 4 });
          sent += 5;
          await within(socket.flush(), 'flush()');
        }
        completions.expectEachOnce(sent);
        await expectArrived(peers);
        expectAllFree(pool);
      },
    );
  });
}

describe('sendMany() to destinations', () => {
  it('sends all to one, with tags and offsets as to a peer', async () => {
    const [peer] = (await startPeers(1)) as [Peer];
    const pool = makePool({ bufferSize: 4096, count: 64 });
    const socket = await open();
    const tags: unknown[] = [];
    socket.on('complete', (range) =>
      tags.push(...(range.tags ?? []).filter((tag) => tag !== undefined)),
    );
    const run = pool.tryAcquireRun(3) as BufferRun;
    for (const view of viewsOf(run)) peer.content.fill(view.subarray(40), 500);
    socket.sendMany(run, 500, peer.to, { tags: ['a', 'b', 'c'], offset: 40 });
    const buffers = [pool.tryAcquire(), pool.tryAcquire()] as PooledBuffer[];
    for (const [i, { bytes }] of buffers.entries()) peer.content.fill(bytes.subarray(i), 500);
    socket.sendMany(buffers, 500, peer.to, { offset: [0, 1] });
    await within(socket.flush(), 'flush()');
    expect(tags).toEqual(['a', 'b', 'c']);
    await expectArrived([peer]);
    expectAllFree(pool);
  });

  it('a connected socket goes back to its peer, and sendTo() and sendMany() do not mix up', async () => {
    const [own, a, b] = (await startPeers(3)) as [Peer, Peer, Peer];
    const pool = makePool({ bufferSize: 4096, count: 64 });
    const socket = await openTo(own.receiver);
    const other = await open();
    const take = (peer: Peer) => {
      const buffer = pool.tryAcquire() as PooledBuffer;
      peer.content.fill(buffer.bytes, 100);
      return buffer;
    };
    const plain = (to: UdpDestination) => ({ address: to.address, port: to.port });
    for (let round = 0; round < 3; round++) {
      socket.sendMany([take(a), take(b), take(a)], 100, [a.to, b.to, a.to]);
      socket.sendMany([take(own), take(own)], 100);
      socket.sendTo(take(b), 100, plain(b.to));
      socket.sendMany([take(a)], 100, a.to);
      socket.sendTo(take(b), 100, plain(b.to)); // the addon has a's in its place by now
      other.sendTo(take(a), 100, a.to);
      other.sendTo(take(a), 100, a.to);
      socket.sendTo(take(b), 100, b.to);
      new UdpDestination({ address: '127.0.0.1', port: 9 }); // parsed where the addon has b's
      socket.sendTo(take(b), 100, b.to);
      socket.send(take(own), 100);
      await within(socket.flush(), 'flush()');
      await within(other.flush(), 'flush()');
    }
    await expectArrived([own, a, b]);
    expectAllFree(pool);
  });

  it('segments of a train go where the train goes', async () => {
    const peers = await startPeers(2);
    const pool = makePool({ bufferSize: 8192, count: 8 });
    const socket = await open({ segmentSize: 1000 });
    const run = pool.tryAcquireRun(4) as BufferRun;
    const to = viewsOf(run).map((view, i) => {
      const { content, to } = peers[i % 2] as Peer;
      for (let k = 0; k < 3; k++) content.fill(view.subarray(k * 1000), 1000);
      return to;
    });
    socket.sendMany(run, 3000, to);
    await within(socket.flush(), 'flush()');
    await expectArrived(peers);
  });

  it('refuses all where the first is refused, and names its destination', async () => {
    const [peer] = (await startPeers(1)) as [Peer];
    const pool = makePool({ bufferSize: 4096, count: 8 });
    const socket = await open();
    const run = pool.tryAcquireRun(3) as BufferRun;
    const refusal = thrownBy(() => socket.sendMany(run, 100, [forbidden(), peer.to, peer.to]));
    expect(refusal).toMatchObject({
      code: 'EACCES',
      address: '127.255.255.255',
      port: 9,
      index: 0,
    });
    expect(thrownBy(() => socket.sendMany(run, 100, forbidden()))).toMatchObject({
      code: 'EACCES',
    });
    expect(socket).toMatchObject({ nextId: 0, inFlight: 0 });
    for (const view of viewsOf(run)) peer.content.fill(view, 100);
    socket.sendMany(run, 100, peer.to); // it is still ours
    await within(socket.flush(), 'flush()');
    await expectArrived([peer]);
  });

  it.each(['always', 'never'] as const)(
    'zeroCopy %s: one that is refused behind the first fails alone',
    async (zeroCopy) => {
      const peers = await startPeers(2);
      const pool = makePool({ bufferSize: 4096, count: 8 });
      const socket = await open({ zeroCopy });
      const completions = new Completions(socket);
      const failed: unknown[] = [];
      socket.on('complete', ({ first, last, how, code }) => {
        if (how === 'failed') failed.push([first, last, code]);
      });
      const run = pool.tryAcquireRun(7) as BufferRun;
      const to = viewsOf(run).map((view, i) => {
        if (i === 2 || i === 6) return forbidden();
        const { content, to } = peers[i % 2] as Peer;
        content.fill(view, 100);
        return to;
      });
      expect(socket.sendMany(run, 100, to)).toEqual({ first: 0, last: 6 });
      await within(socket.flush(), 'flush()');
      expect(failed).toEqual([
        [2, 2, 'EACCES'],
        [6, 6, 'EACCES'],
      ]);
      completions.expectEachOnce(7);
      await expectArrived(peers);
      expectAllFree(pool);
    },
  );

  it('reads the list and each of it once; what a getter does has happened before', async () => {
    const peers = await startPeers(2);
    const [a, b] = peers as [Peer, Peer];
    const pool = makePool({ bufferSize: 4096, count: 8 });
    const socket = await open();
    const run = pool.tryAcquireRun(3) as BufferRun;
    const single = pool.tryAcquire() as PooledBuffer;
    b.content.fill(single.bytes, 100);
    const reads: Record<string, number> = {};
    const list = new Proxy([a.to, b.to, a.to], {
      get: (of, key, receiver) => {
        reads[String(key)] = (reads[String(key)] ?? 0) + 1;
        if (key === '2') socket.sendMany([single], 100, [b.to]); // goes first, and elsewhere
        return Reflect.get(of, key, receiver);
      },
    });
    for (const [i, view] of viewsOf(run).entries()) (i === 1 ? b : a).content.fill(view, 100);
    expect(socket.sendMany(run, 100, list)).toEqual({ first: 1, last: 3 });
    expect(reads).toMatchObject({ length: 1, 0: 1, 1: 1, 2: 1 });
    await within(socket.flush(), 'flush()');
    await expectArrived(peers);
  });

  it('refuses what is no destination, of the wrong family or number, before anything is sent', async () => {
    const pool = makePool({ bufferSize: 4096, count: 8 });
    const socket = await open();
    const to = new UdpDestination({ address: '127.0.0.1', port: 9 });
    const six = new UdpDestination({ address: '::1', port: 9 });
    const like = { address: '127.0.0.1', port: 9, family: 4 };
    const run = pool.tryAcquireRun(2) as BufferRun;
    const send = (given: unknown, options?: unknown) =>
      thrownBy(() => socket.sendMany(run, 10, given as never, options as never));
    for (const wrong of [[], [to], [to, to, to], [to, like], [to, new Proxy(to, {})], [to, null]]) {
      expectError(send(wrong), wrongType({}));
    }
    expect(send([to, like])).toMatchObject({ index: 1 });
    expectError(send(like), wrongType({}));
    expectError(send(null, {}), wrongType({}));
    expectError(send(six), coded(RangeError, 'INVALID_ADDRESS'));
    expect(send([to, six])).toMatchObject({ code: 'ERR_ZEROSEND_INVALID_ADDRESS', index: 1 });
    expectError(
      thrownBy(() => socket.sendTo(new Uint8Array(9), 9, six)),
      coded(RangeError, 'INVALID_ADDRESS'),
    );
    expect(socket.nextId).toBe(0);
    run.release();
    expectAllFree(pool);
  });

  it('a destination is made of a numeric address and a port, and does not change', () => {
    const make = (to: unknown) => thrownBy(() => new UdpDestination(to as never));
    for (const wrong of [undefined, null, '127.0.0.1', {}, { address: 9, port: 9 }]) {
      expectError(make(wrong), wrongType({}));
    }
    expectError(make({ address: '127.0.0.1', port: 0 }), outOfRange({}));
    for (const address of ['localhost', '127.0.0.256', 'fe80::1%none', '::1%']) {
      expectError(make({ address, port: 9 }), coded(RangeError, 'INVALID_ADDRESS'));
    }
    const to = new UdpDestination({ address: '::1', port: 65_535 });
    expect({ ...to }).toEqual({ address: '::1', port: 65_535, family: 6 });
    expect(() => Object.assign(to, { port: 1 })).toThrow(TypeError);
  });
});
