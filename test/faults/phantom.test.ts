import { describe, expect, it } from 'vitest';
import type { UdpSocket as Udp } from 'zerosend';
import type { RigOptions } from '../../rig/index.mjs';
import { needsRig } from '../rig/needs.js';
import { ip } from '../support/links.js';
import { byThread } from './handed-over.mjs';
import { clearFaultsAfterEach } from './peers.js';
import { Pump, play, SEGMENT, type Way } from './pump.js';
import { pause, within } from './sender.mjs';
import {
  ALWAYS,
  clearFaults,
  IP_RECVERR,
  IPV6_RECVERR,
  inject,
  SOL_IP,
  SOL_IPV6,
  setOption,
} from './zerosend.mjs';

// Slow, so that buffers are in flight for long, and one that comes back too early is seen.
const SLOW: RigOptions = { rate: { rate: '100mbit', burst: '128kb' } };
const SLOWER: RigOptions = { rate: { rate: '20mbit', burst: '16kb' } };
const SHORT_QUEUE: RigOptions = { rate: { rate: '50mbit', burst: '4kb', limit: '20kb' } };
const QUEUE: RigOptions = { rate: { rate: '50mbit', burst: '16kb', limit: '60kb' } };

clearFaultsAfterEach();

// The kernel finds out late that it cannot send: the refused datagram has its own id by then, and
// every later one would be off by one, so that buffers come back while they are being read.
describe.each([4, 6] as const)('ids that refused datagrams take, IPv%i', async (family) => {
  /** A path on which a segment, or a long datagram, does not fit. */
  const narrow = (address: string, device: string) =>
    ip(
      `-${family} route replace ${address}/${family === 4 ? 32 : 128} mtu lock 1300 dev ${device}`,
    );

  function askForDrops(socket: Udp): void {
    const [level, name] = family === 4 ? [SOL_IP, IP_RECVERR] : [SOL_IPV6, IPV6_RECVERR];
    expect(setOption(socket.fd, level, name, 1)).toBe(0);
  }

  describe(
    'where the kernel does not copy',
    await needsRig('veth', { ...SLOW, here: true }),
    () => {
      it('to a path too narrow for a segment', async () => {
        // To addresses of one's choice, whose path cannot be looked at beforehand.
        const far = { address: family === 4 ? '198.18.77.1' : 'fd00:198:77::1', port: 9 };
        const answer = await play(family, SLOW, async ({ peer, device }) => {
          narrow(far.address, device);
          const pump = await Pump.open(12, { family, segmentSize: SEGMENT });
          const tooLong = 'ERR_ZEROSEND_DATAGRAM_TOO_LONG';
          for (let i = 0; i < 150; i++) {
            expect(await pump.train(peer)).toBe('accepted');
            if (i % 3 === 0) expect(await pump.train(far)).toBe(tooLong);
            if (i % 7 === 0) expect(await pump.train(far)).toBe(tooLong);
          }
          return pump;
        });
        expect(answer.phantomIds).toBe(50 + 22);
        expect(answer.report).toMatchObject({ outcome: 'drained', ids: 150, unfinished: 0 });
        expect(answer).toMatchObject({ how: { zerocopy: 150 }, duplicates: 0 });
      });

      it('within sendMany, which does not hear why the kernel stopped', async () => {
        const failed = 120;
        const scenario = async ({ peer, device }: Way) => {
          const pump = await Pump.open(20, { family, remote: peer, segmentSize: SEGMENT });
          narrow(peer.address, device); // under an open socket
          const failing: number[] = [];
          for (let i = 0; i < 40; i++) {
            const first = pump.socket.nextId;
            await pump.sendMany([1000, 1001, 5000, 1002, 1003, 1004, 5000, 5000, 1005]);
            failing.push(first + 2, first + 6, first + 7);
          }
          await within(pump.socket.flush(), 'flush');
          for (const id of failing) expect(pump.books.ids.howOf(id)).toBe('failed');
          return pump;
        };
        const answer = await play(family, SLOWER, scenario, failed);
        expect(answer.phantomIds).toBeGreaterThanOrEqual(failed);
        expect(answer.report).toMatchObject({ outcome: 'aborted', ids: 360, unfinished: failed });
        expect(answer).toMatchObject({ how: { zerocopy: 360 - failed, failed }, duplicates: 0 });
      });

      it('dropped by a full queue, where the user asked to hear of that', async () => {
        const answer = await play(family, SHORT_QUEUE, async ({ peer }) => {
          const pump = await Pump.open(40, { remote: peer });
          askForDrops(pump.socket);
          for (let i = 0; i < 400; i++) await pump.send(SEGMENT - (i % 100));
          return pump;
        });
        // By the submission thread, which reads completions in between, they may find room.
        if (!byThread) expect(answer.noBuffers).toBeGreaterThan(0);
        if (!byThread) expect(answer.phantomIds).toBeGreaterThan(0);
        expect(answer.report).toMatchObject({ outcome: 'drained', ids: 400, unfinished: 0 });
        expect(answer.duplicates).toBe(0);
        // They waited for room, still without a copy.
        expect(answer.how.zerocopy).toBeGreaterThan(300);
      });

      // Its notification comes when the part that the queue has taken has left, and the kernel makes one
      // range of it and of those before.
      it('dropped in part: the id is notified late, and the kernel tells its count', async () => {
        const answer = await play(family, QUEUE, async ({ peer }) => {
          const pump = await Pump.open(40, { remote: peer });
          const { socket, books } = pump;
          askForDrops(socket);
          inject('recvmsg', { error: 'ENOMEM', times: ALWAYS });
          for (let i = 0; i < 40 && socket.stats().noBuffers === 0; i++) {
            await pump.send(i < 5 ? SEGMENT : 20_000);
          }
          inject('sendto', { error: 'EAGAIN', times: ALWAYS }); // while the queue empties
          await pause(150);
          clearFaults();
          await within(socket.flush(), 'flush');
          const first = socket.nextId;
          for (let i = 0; i < 20; i++) await pump.send(SEGMENT);
          await within(socket.flush(), 'flush');
          // Zero copy goes on.
          for (let i = 0; i < 20; i++) expect(books.ids.howOf(first + i)).toBe('zerocopy');
          return pump;
        });
        expect(answer).toMatchObject({ reason: undefined, duplicates: 0 });
        expect(answer.noBuffers).toBeGreaterThan(0);
        expect(answer.phantomIds).toBeGreaterThan(0);
        expect(answer.report).toMatchObject({ outcome: 'drained', unfinished: 0 });
      });

      // What is tried again too soon keeps the queue full of first fragments.
      it('dropped in part, time and again: what fits goes out, and what never fits fails', async () => {
        let began = 0;
        const scenario = async ({ peer }: Way) => {
          const pump = await Pump.open(40, { remote: peer, zeroCopy: 'never' });
          askForDrops(pump.socket);
          for (let i = 0; i < 12; i++) await pump.send(i === 8 ? 60_000 : 15_000);
          began = performance.now();
          await within(pump.socket.flush(), 'flush', 15_000);
          expect(pump.books.ids.howOf(8)).toBe('failed');
          return pump;
        };
        const answer = await play(family, SHORT_QUEUE, scenario, 1);
        expect(answer.noBuffers).toBeGreaterThan(10);
        expect(answer).toMatchObject({ how: { inline: 11, failed: 1 }, duplicates: 0 });
        const seconds = (performance.now() - began) / 1000;
        console.log(`${seconds.toFixed(1)} s, ${answer.noBuffers} refusals`);
      });

      it('dropped in part within sendMany', async () => {
        const answer = await play(family, QUEUE, async ({ peer }) => {
          const pump = await Pump.open(12, { remote: peer });
          askForDrops(pump.socket);
          for (let round = 0; round < 4; round++) {
            // There is room again by the time of the second attempt.
            inject('sendto', { delay: 60, times: ALWAYS });
            inject('sendmmsg', { skip: 1, delay: 100, times: ALWAYS });
            await pump.sendMany(Array(6).fill(20_000));
            clearFaults();
            for (let i = 0; i < 60; i++) await pump.send(SEGMENT);
          }
          return pump;
        });
        expect(answer.report).toMatchObject({ outcome: 'drained', ids: 264, unfinished: 0 });
        expect(answer.duplicates).toBe(0);
      });
    },
  );
});
