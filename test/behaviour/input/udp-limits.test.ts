import { describe, expect, it } from 'vitest';
import { type PooledBuffer, UdpSocket } from 'zerosend';
import { ownNamespace } from '../../../rig/index.mjs';
import { fillDatagram } from '../../../rig/pattern.mjs';
import { within } from '../../support/deadline.js';
import {
  families,
  loopback,
  makePool,
  openTo,
  overLoopback,
  startPeer,
  tracked,
} from '../../support/endpoints.js';
import { expectIntact } from '../../support/receiver.js';
import { canMakeNamespaces, findTool, needs } from '../../support/requirements.js';
import { ask } from './children.js';
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

    it('a send without a destination', async () => {
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

  const namespaces = canMakeNamespaces();
  const cases = [
    { family: 4, address: '127.0.0.1', segmentSize: 1472 },
    { family: 6, address: '::1', segmentSize: 1452 },
  ];
  it.each(cases)(
    'over a path of 1500 bytes: %o',
    needs(namespaces, 'network namespaces'),
    async (given) => {
      const { segmentSize } = given;
      const prefix = ownNamespace();
      const told = await ask('small-mtu', { ...given, mtu: 1500, ip: findTool('ip') }, { prefix });
      expect(told.tooLong).toMatchObject({
        name: 'RangeError',
        code: 'ERR_ZEROSEND_SEGMENT_TOO_LONG',
      });
      const shown = `at most ${segmentSize} on this path (MTU 1500); received ${segmentSize + 1}`;
      expect(told.tooLong.message).toContain(shown);
      expect(told.descriptorsLeft).toBe(0);
      // The path shrinks while the socket is open: each send is refused by the kernel.
      expect(told.first).toEqual([{ value: 0 }, { value: 1 }, { value: 2 }]);
      for (const refused of told.refused) {
        expect(refused).toMatchObject({
          name: 'RangeError',
          code: 'ERR_ZEROSEND_DATAGRAM_TOO_LONG',
        });
        expect(refused.message).toContain(`refuses ${10 * segmentSize} bytes`);
      }
      expect(told.held).toEqual({ acquired: 3, nextId: 4, inFlight: 0 });
      // Of two at once the first went out, so that the other takes its id and fails.
      expect(told.half).toEqual({ value: { first: 0, last: 1 } });
      expect(told.ends).toEqual([expect.stringMatching(/^0-0 (copied|zerocopy)$/), '1-1 failed']);
      expect(told.pool).toMatchObject({ acquired: 3, inFlight: 0, retired: 0 });
      expect(told.last).toEqual({ value: 4 });
      expect(told.unconnected).toMatchObject({ code: 'ERR_ZEROSEND_DATAGRAM_TOO_LONG' });
      expect(told.whole).toEqual({ value: 0 });
      expect(told).toMatchObject({ unknownIds: 0, duplicateIds: 0, received: told.sent });
      expect(new Map(told.lengths)).toEqual(
        new Map([
          [segmentSize, 50],
          [100, 2],
        ]),
      );
      expect(told.closed).toMatchObject([
        { outcome: 'drained', ids: 5, unfinished: 0 },
        { outcome: 'drained', ids: 1, unfinished: 0 },
        { outcome: 'aborted', ids: 2, unfinished: 1, bytesAccepted: 100, error: null },
      ]);
    },
  );
});
