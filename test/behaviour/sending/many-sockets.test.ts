import { readdirSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import type { TcpSocket, UdpSocket } from 'zerosend';
import { announceSeed } from '../../../rig/pattern.mjs';
import { Completions } from '../../support/completions.js';
import { StreamContent } from '../../support/content.js';
import { turn, within } from '../../support/deadline.js';
import {
  connectTo,
  expectAllFree,
  expectSum,
  makePool,
  openTo,
  startPeer,
} from '../../support/endpoints.js';
import { itInline } from '../../support/submit.js';

const SOCKETS = 200;

describe(`${SOCKETS} sockets that take turns with datagrams`, () => {
  // docs/submission-thread.md, "when completions are read": buffers come back when the thread has told.
  itInline('which are copied: few buffers go round, without a turn of the event loop', async () => {
    const peer = await startPeer({ protocol: 'udp', discard: true });
    const pool = makePool({ count: 64 });
    const sockets: UdpSocket[] = [];
    for (let i = 0; i < SOCKETS; i++) sockets.push(await openTo(peer, { zeroCopy: 'never' }));
    const completions = sockets.map((socket) => new Completions(socket));
    const rounds = 40;
    for (let round = 0; round < rounds; round++) {
      for (const socket of sockets) {
        const buffer = pool.tryAcquire();
        if (buffer === null) throw new Error('the pool is dry');
        expect(buffer.index).toBeLessThan(17); // the lowest free one: those before it are in use
        expect(socket.send(buffer, 100)).toBe(round);
      }
    }
    // Told in ranges, not one by one.
    for (const { ranges } of completions) expect(ranges).toBeLessThanOrEqual(rounds / 10);
    await within(Promise.all(sockets.map((socket) => socket.flush())), 'all flushes');
    for (const each of completions) each.expectEachOnce(rounds);
    for (const [i, socket] of sockets.entries()) {
      const { completed, inlined, ranges } = socket.stats();
      expect({ completed, inlined, ranges }).toEqual({
        completed: rounds,
        inlined: rounds,
        ranges: completions[i]?.ranges,
      });
    }
    expectAllFree(pool);
    expect(pool.stats().mostInFlight).toBeLessThanOrEqual(16);
  });

  itInline('which are not copied: few buffers go round, and each id is told of once', async () => {
    const peer = await startPeer({ protocol: 'udp', discard: true });
    const pool = makePool({ count: 64 });
    const sockets: UdpSocket[] = [];
    for (let i = 0; i < SOCKETS; i++) sockets.push(await openTo(peer, { zeroCopy: 'always' }));
    const completions = sockets.map((socket) => new Completions(socket));
    const closed: boolean[] = [];
    for (const [i, socket] of sockets.entries()) {
      socket.on('complete', () => expect(closed[i]).toBe(undefined));
      socket.on('close', () => {
        closed[i] = true;
      });
    }
    // That they take turns is known from their second turn on.
    const first = makePool({ count: SOCKETS });
    for (const socket of sockets) expect(socket.send(await first.acquire(), 100)).toBe(0);
    await within(Promise.all(sockets.map((socket) => socket.flush())), 'the first sends');
    const rounds = 40;
    for (let round = 1; round < rounds; round++) {
      for (const socket of sockets) {
        const buffer = pool.tryAcquire();
        if (buffer === null) throw new Error('the pool is dry');
        // The lowest free one: loopback lets go within the call, which is seen after 16 sends.
        expect(buffer.index).toBeLessThan(17);
        expect(socket.send(buffer, 100)).toBe(round);
        expectSum(pool);
      }
    }
    // Told in ranges, not one by one.
    for (const { ranges } of completions) expect(ranges).toBeLessThanOrEqual(rounds / 10);
    const reports = await within(Promise.all(sockets.map((socket) => socket.close())), 'closing');
    for (const report of reports) expect(report).toMatchObject({ outcome: 'drained', ids: rounds });
    for (const each of completions) each.expectEachOnce(rounds);
    for (const [i, socket] of sockets.entries()) {
      const { completed, copied, zerocopy, ranges } = socket.stats();
      expect({ completed, ended: copied + zerocopy }).toEqual({
        completed: rounds,
        ended: rounds,
      });
      expect(ranges).toBe(completions[i]?.ranges);
    }
    expectAllFree(pool);
    expect(pool.stats().mostInFlight).toBeLessThanOrEqual(17);
  });

  itInline(
    'which are not copied, and fewer than the buffers: one notification tells of several sends',
    async () => {
      const peer = await startPeer({ protocol: 'udp', discard: true });
      const pool = makePool({ bufferSize: 4096, count: 256 });
      const sockets: UdpSocket[] = [];
      for (let i = 0; i < 40; i++) sockets.push(await openTo(peer, { zeroCopy: 'always' }));
      const completions = sockets.map((socket) => new Completions(socket));
      const rounds = 48;
      for (let round = 0; round < rounds; round++) {
        for (const socket of sockets) {
          const buffer = pool.tryAcquire();
          if (buffer === null) throw new Error('the pool is dry');
          expect(socket.send(buffer, 100)).toBe(round);
        }
      }
      await within(Promise.all(sockets.map((socket) => socket.flush())), 'all flushes');
      for (const each of completions) each.expectEachOnce(rounds);
      expectAllFree(pool);
      // The first turns of all are like those of many more sockets.
      for (const socket of sockets) expect(socket.stats().notifications).toBeLessThan(rounds / 2);
    },
  );

  it('which are copied or not, at random: each id is told once', async () => {
    const peer = await startPeer({ protocol: 'udp', discard: true });
    const pool = makePool({ count: 24 });
    const sockets: UdpSocket[] = [];
    for (let i = 0; i < SOCKETS / 4; i++) sockets.push(await openTo(peer));
    const completions = sockets.map((socket) => new Completions(socket));
    const rounds = 60;
    let state = 1;
    for (let i = 0; i < rounds * sockets.length; i++) {
      const socket = sockets[i % sockets.length] as UdpSocket;
      state = (state * 1_103_515_245 + 12_345) % 2 ** 31;
      const length = state % 3 === 0 ? 30_000 : 100; // above the threshold, and below
      if (state % 5 === 0) socket.send(new Uint8Array(length));
      else socket.send(pool.tryAcquire() ?? (await pool.acquire()), length);
      if (state % 101 === 0) socket.stats(); // from then on its sends are timed
      if (state % 103 === 0) await turn();
      expectSum(pool);
    }
    await within(Promise.all(sockets.map((socket) => socket.flush())), 'all flushes');
    for (const each of completions) each.expectEachOnce(rounds);
    expectAllFree(pool);
    for (const [i, socket] of sockets.entries()) {
      expect(socket.stats().ranges).toBe(completions[i]?.ranges);
    }
  });
});

describe(`${SOCKETS} sockets on one pool`, () => {
  it('each have ids of their own and deliver their own stream', async () => {
    const peer = await startPeer({ protocol: 'tcp', seed: 'any' });
    const pool = makePool({ count: 40 });
    const sockets = await Promise.all(
      Array.from({ length: SOCKETS }, () => connectTo(peer, { zeroCopy: 'always' })),
    );
    const completions = sockets.map((socket) => new Completions(socket));
    const contents = sockets.map((_, i) => new StreamContent(1000 + i));
    const rounds = 12;
    for (let round = 0; round < rounds; round++) {
      for (const [i, socket] of sockets.entries()) {
        const buffer = await pool.acquire();
        const length = 1000 + ((i * 7919 + round * 104_729) % 60_000);
        contents[i]?.fill(buffer.bytes, length);
        if (round === 0) announceSeed(buffer.bytes, 1000 + i);
        expect(socket.send(buffer, length)).toBe(round);
        expectSum(pool);
      }
    }
    await within(Promise.all(sockets.map((socket) => socket.flush())), 'all flushes', 20_000);
    for (const each of completions) each.expectEachOnce(rounds);
    expectAllFree(pool);
    const descriptors = readdirSync('/proc/self/fd').length;
    const reports = await within(Promise.all(sockets.map((socket) => socket.close())), 'closing');
    expect(readdirSync('/proc/self/fd')).toHaveLength(descriptors - SOCKETS);
    for (const report of reports) {
      expect(report).toMatchObject({ outcome: 'drained', ids: rounds, unfinished: 0 });
    }
    const total = contents.reduce((sum, { position }) => sum + position, 0);
    await peer.until(({ bytes, eof }) => bytes === total && eof === SOCKETS);
    const { connections = [], ...report } = await peer.stop();
    expect(report).toMatchObject({ wrongBytes: 0, accepted: SOCKETS, resets: 0 });
    const bySeed = new Map(connections.map(({ seed, bytes }) => [seed, bytes]));
    expect(bySeed).toEqual(new Map(contents.map(({ seed, position }) => [seed, position])));
  });

  it('share one buffer by its leases, which comes back once', async () => {
    const peer = await startPeer({ protocol: 'tcp' });
    const slow = await startPeer({ protocol: 'tcp', paused: true, rcvbuf: 32_768 });
    const pool = makePool({ bufferSize: 1 << 20, count: 2 });
    const size = pool.bufferSize;
    const sockets: TcpSocket[] = [];
    for (let i = 0; i < 20; i++) {
      // The slow one's kernel buffer cannot hold all of it, by copy or without.
      sockets.push(
        await (i === 13 ? connectTo(slow, { sendBufferSize: 16_384 }) : connectTo(peer)),
      );
    }
    const buffer = await pool.acquire();
    new StreamContent().fill(buffer.bytes);
    buffer.retain(sockets.length - 1);
    for (const [i, socket] of sockets.entries()) {
      expect(pool.acquired).toBe(1);
      expect(socket.send(buffer, size)).toBe(0);
      expect(pool.acquired).toBe(i === sockets.length - 1 ? 0 : 1);
    }
    const code = 'ERR_ZEROSEND_BUFFER_IN_FLIGHT';
    expect(() => sockets[0]?.send(buffer, size)).toThrow(expect.objectContaining({ code }));
    const others = sockets.filter((_, i) => i !== 13);
    await within(Promise.all(others.map((socket) => socket.flush())), 'the fast ones');
    expect(pool.inFlight).toBe(1); // one is enough to keep it
    await slow.resume();
    await within(sockets[13]!.flush(), 'the slow one');
    expectAllFree(pool);
    await peer.until(({ bytes }) => bytes === 19 * size);
    await slow.until(({ bytes }) => bytes === size);
    expect((await peer.report()).wrongBytes + (await slow.report()).wrongBytes).toBe(0);
  });
});
