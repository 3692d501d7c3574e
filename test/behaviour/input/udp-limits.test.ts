import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { describe, expect, it, onTestFinished } from 'vitest';
import { BufferPool, type PooledBuffer, type UdpOptions, UdpSocket } from 'zerosend';
import { fillDatagram } from '../../../rig/pattern.mjs';
import { until, within } from '../../support/deadline.js';
import {
  families,
  loopback,
  makePool,
  openTo,
  overLoopback,
  startPeer,
  tracked,
} from '../../support/endpoints.js';
import { ip, ownLinks } from '../../support/links.js';
import { expectIntact } from '../../support/receiver.js';
import { itInline } from '../../support/submit.js';
import { openDescriptors } from './descriptors.js';
import { coded, expectError, rejectionOf, thrownBy } from './expectations.js';

const LONGEST = { 4: 65_507, 6: 65_527 } as const; // bytes that the length field of UDP leaves

for (const family of families) {
  describe(`over IPv${family}`, overLoopback(family), () => {
    it('a datagram that is too long', async () => {
      const longest = LONGEST[family];
      const peer = await startPeer({ protocol: 'udp', family });
      const pool = makePool({ count: 2 });
      const [one, two] = [pool.tryAcquire() as PooledBuffer, pool.tryAcquire() as PooledBuffer];
      for (const zeroCopy of ['always', 'never'] as const) {
        const socket = await openTo(peer, { zeroCopy });
        const to = { address: loopback(family), port: peer.port };
        for (const length of [longest + 1, 65_536]) {
          const tooLong = coded(RangeError, 'DATAGRAM_TOO_LONG', `${longest}; received ${length}`);
          const plain = Buffer.alloc(length);
          expectError(
            thrownBy(() => socket.send(one, length)),
            tooLong,
          );
          expectError(
            thrownBy(() => socket.send(plain)),
            tooLong,
          );
          expectError(
            thrownBy(() => socket.sendMany([one, two], [100, length])),
            tooLong,
          );
          expectError(
            thrownBy(() => socket.sendTo(one, length, to)),
            tooLong,
          );
        }
        expect(socket.nextId).toBe(0);
      }
      expect(pool.acquired).toBe(2);
      const socket = await openTo(peer, { zeroCopy: 'always' });
      fillDatagram(one.bytes, 0, 1, longest);
      expect(socket.send(one, longest)).toBe(0);
      await within(socket.flush(), 'flush()');
      await expectIntact(peer, { datagrams: 1 });
      two.release();
    });

    it('more segments than a send may have', async () => {
      const peer = await startPeer({ protocol: 'udp', family });
      const pool = makePool({ count: 2 });
      const socket = await openTo(peer, { zeroCopy: 'always', segmentSize: 100 });
      const most = socket.info().maxSendLength;
      expect(most === 6400 || most === 12_800).toBe(true);
      const [one, two] = [pool.tryAcquire() as PooledBuffer, pool.tryAcquire() as PooledBuffer];
      const shown = `at most ${most} (at most ${most / 100} segments of 100); received ${most + 1}`;
      const tooLong = coded(RangeError, 'DATAGRAM_TOO_LONG', shown);
      expectError(
        thrownBy(() => socket.send(one, most + 1)),
        tooLong,
      );
      expectError(
        thrownBy(() => socket.sendMany([one, two], most + 1)),
        tooLong,
      );
      expect([socket.nextId, pool.acquired]).toEqual([0, 2]);
      for (let sequence = 0; sequence < most / 100; sequence++) {
        fillDatagram(one.bytes.subarray(sequence * 100), sequence, 1, 100);
      }
      expect(socket.send(one, most)).toBe(0);
      await within(socket.flush(), 'flush()');
      await expectIntact(peer, { datagrams: most / 100 });
      two.release();
    });

    // The kernel's refusals fail the id: docs/submission-thread.md, "what the kernel refuses".
    itInline('a send without a destination', async () => {
      const peer = await startPeer({ protocol: 'udp', family });
      const pool = makePool({ count: 3 });
      const buffers = [0, 1, 2].map(() => pool.tryAcquire() as PooledBuffer);
      const [one] = buffers as [PooledBuffer];
      const nowhere = coded(Error, 'EDESTADDRREQ', 'sendto EDESTADDRREQ');
      const to = { address: loopback(family), port: peer.port };
      let sequence = 0;
      for (const zeroCopy of ['always', 'auto', 'never'] as const) {
        const socket = tracked(await UdpSocket.open({ family, zeroCopy }));
        for (let id = 0; id < 3; id++) {
          for (const length of [100, 20_000]) {
            expectError(
              thrownBy(() => socket.send(one, length)),
              nowhere,
            );
            expectError(
              thrownBy(() => socket.send(Buffer.alloc(length))),
              nowhere,
            );
            expectError(
              thrownBy(() => socket.sendMany(buffers, length)),
              nowhere,
            );
          }
          expect([socket.nextId, socket.inFlight, pool.acquired]).toEqual([id, 0, 3]);
          const bytes = Buffer.alloc(20_000);
          fillDatagram(bytes, sequence++, 1, bytes.length);
          expect(socket.sendTo(bytes, bytes.length, to)).toBe(id);
          await within(socket.flush(), 'flush()');
        }
        const stats = socket.stats();
        expect(stats).toMatchObject({ sends: 3, completed: 3, unknownIds: 0, duplicateIds: 0 });
      }
      for (const buffer of buffers) buffer.release();
      await expectIntact(peer, { datagrams: sequence });
    });
  });
}

describe('a segmentSize that the path does not take', () => {
  it('over loopback, whose MTU is near the most that there is', overLoopback(6), async () => {
    const before = openDescriptors();
    const open = (segmentSize: number) =>
      UdpSocket.open({ remote: { address: '::1', port: 9 }, segmentSize });
    const error = await rejectionOf(() => open(65_489));
    const shown = 'at most 65488 on this path (MTU 65536); received 65489';
    expectError(error, coded(RangeError, 'SEGMENT_TOO_LONG', shown));
    expect(openDescriptors()).toEqual(before);
    await (await open(65_488)).close();
  });

  const setMtu = (mtu: number) => ip(`link set lo mtu ${mtu}`);

  // The same.
  itInline.each([
    { family: 4, address: '127.0.0.1', segmentSize: 1472 },
    { family: 6, address: '::1', segmentSize: 1452 },
  ] as const)(
    'over a path of 1500 bytes: %o',
    ownLinks(),
    async ({ family, address, segmentSize }) => {
      setMtu(1500);
      onTestFinished(() => void setMtu(65_536));
      const type = family === 4 ? 'udp4' : 'udp6';
      const receiver = createSocket({ type, recvBufferSize: 4 << 20 });
      onTestFinished(() => void receiver.close());
      await once(receiver.bind(0, address), 'listening');
      const lengths: number[] = [];
      receiver.on('message', ({ length }) => lengths.push(length));
      const remote = { address, port: receiver.address().port };
      const pool = new BufferPool({ count: 8, hugePages: 'none' });
      const take = () => pool.tryAcquire() as PooledBuffer;
      const open = (options: UdpOptions) =>
        UdpSocket.open({ remote, zeroCopy: 'always', ...options });

      const before = openDescriptors();
      const refused = await rejectionOf(() => open({ segmentSize: segmentSize + 1 }));
      const shown = `at most ${segmentSize} on this path (MTU 1500); received ${segmentSize + 1}`;
      expectError(refused, coded(RangeError, 'SEGMENT_TOO_LONG', shown));
      expect(openDescriptors()).toEqual(before);

      const socket = await open({ segmentSize });
      const bytes = 10 * segmentSize;
      /** Four sends of ten segments: a pooled buffer, a plain array, and two buffers at once. */
      const three = () => {
        const [single, ...pair] = [take(), take(), take()] as [PooledBuffer, ...PooledBuffer[]];
        return [
          () => socket.send(single, bytes),
          () => socket.send(Buffer.alloc(bytes)),
          () => socket.sendMany(pair, bytes).first,
        ];
      };
      expect(three().map((send) => send())).toEqual([0, 1, 2]);
      await socket.flush();

      // The path shrinks while the sockets are open: the kernel refuses each send.
      const partial = await open({ segmentSize });
      setMtu(1400);
      const tooLong = coded(RangeError, 'DATAGRAM_TOO_LONG', `refuses ${bytes} bytes`);
      for (const send of three()) expectError(thrownBy(send), tooLong);
      expect(pool.acquired).toBe(3);
      expect(socket).toMatchObject({ nextId: 4, inFlight: 0 });
      const ends: string[] = [];
      partial.on('complete', ({ first, last, how }) => void ends.push(`${first}-${last} ${how}`));
      // The first of two is no longer than a segment and leaves in fragments. The second cannot: it takes
      // its id and fails.
      expect(partial.sendMany([take(), take()], [100, bytes])).toEqual({ first: 0, last: 1 });
      await partial.flush();
      expect(ends).toEqual([expect.stringMatching(/^0-0 (copied|zerocopy)$/), '1-1 failed']);
      setMtu(1500);
      expect(socket.send(Buffer.alloc(bytes))).toBe(4);
      await socket.flush();

      // An unconnected socket finds out only when it sends.
      const free = await UdpSocket.open({
        family,
        segmentSize: segmentSize + 1,
        zeroCopy: 'always',
      });
      const code = 'ERR_ZEROSEND_DATAGRAM_TOO_LONG';
      const sendWhole = () => free.sendTo(Buffer.alloc(bytes), bytes, remote);
      expect(sendWhole).toThrow(expect.objectContaining({ code }));
      expect(free.sendTo(Buffer.alloc(100), 100, remote)).toBe(0);
      await until(() => lengths.length >= 52, 'all datagrams');
      const others = lengths.filter((length) => length !== segmentSize);
      expect({ others, all: lengths.length }).toEqual({ others: [100, 100], all: 52 });
      expect(socket.stats()).toMatchObject({ unknownIds: 0, duplicateIds: 0 });
      expect(pool.stats()).toMatchObject({ acquired: 3, inFlight: 0, retired: 0 });
      const drained = { outcome: 'drained', unfinished: 0 };
      expect(await socket.close()).toMatchObject({ ...drained, ids: 5 });
      expect(await free.close()).toMatchObject({ ...drained, ids: 1 });
      const failed = { outcome: 'aborted', ids: 2, unfinished: 1, bytesAccepted: 100, error: null };
      expect(await partial.close()).toMatchObject(failed);
    },
  );
});
