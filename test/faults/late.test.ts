import { describe, expect, it, onTestFinished } from 'vitest';
import type { RigOptions } from '../../rig/index.mjs';
import { needsRig } from '../rig/needs.js';
import { ip } from '../support/links.js';
import { clearFaultsAfterEach } from './peers.js';
import { Pump, play } from './pump.js';
import { type Errno, faults, inject } from './zerosend.mjs';

// Slow, so that buffers are in flight for long, and one that comes back too early is seen.
const SLOW: RigOptions = { rate: { rate: '5mbit', burst: '4kb', limit: '4mb' } };
const LENGTH = 1200;

clearFaultsAfterEach();

describe('a refusal that comes when the id was taken', async () => {
  describe(
    'where the kernel does not copy',
    await needsRig('veth', { ...SLOW, here: true }),
    () => {
      /** The kernel refuses what goes to `dead`, in the midst of what is on its way. */
      async function refusedByRoutes(family: 4 | 6, dead: string, ...routes: string[]) {
        const answer = await play(family, SLOW, async ({ peer, device }) => {
          for (const route of routes) {
            const words = route.replace('DEVICE', device);
            ip(`-${family} route add ${words}`);
            if (words === route) onTestFinished(() => void ip(`-${family} route del ${route}`));
          }
          const pump = await Pump.open(24, { family });
          for (let i = 0; i < 120; i++) {
            await pump.send(LENGTH, peer);
            if (i % 5 > 0) continue;
            expect(await pump.trySend(LENGTH, { address: dead, port: 9 })).toBe('EHOSTUNREACH');
          }
          return pump;
        });
        expect(answer).toMatchObject({ how: { zerocopy: 120 }, reason: undefined });
        return answer.phantomIds;
      }

      it('from a route with a dead SRv6 segment: EHOSTUNREACH, whatever was tried again', async () => {
        const phantomIds = await refusedByRoutes(
          6,
          'fd00:beef::1',
          'unreachable fd00:dead::/32',
          'fd00:beef::/64 encap seg6 mode encap segs fd00:dead::1 dev DEVICE',
        );
        expect(phantomIds).toBe(24);
      });

      // Before an id is taken; the counts must not run apart in this direction either.
      it.each([
        [4, '198.18.200.1', 32],
        [6, 'fd00:dead::1', 128],
      ] as const)('from an unreachable route, early, over IPv%i', async (family, dead, bits) => {
        expect(await refusedByRoutes(family, dead, `unreachable ${dead}/${bits}`)).toBe(0);
      });

      /**
       * The errno comes after the datagram, and its id, were taken, of one send in six. What is tried
       * again arrives twice, and right. Its notification comes when it has left.
       */
      async function injected(error: Errno) {
        const codes = new Set<string>();
        let struck = 0;
        const answer = await play(4, SLOW, async ({ peer }) => {
          const pump = await Pump.open(24, { family: 4 });
          for (let i = 0; i < 60; i++) {
            await pump.send(LENGTH, peer);
            if (i % 6 !== 0) continue;
            inject('sendto', { error, after: true });
            codes.add(await pump.trySend(LENGTH, peer));
            struck += faults('sendto').struck; // it may have had to wait behind an earlier one
            inject('sendto');
          }
          return pump;
        });
        expect(answer.reason).toBeUndefined();
        return { ...answer, codes: [...codes], struck };
      }

      const errors: Errno[] = ['EPERM', 'EHOSTUNREACH', 'EIO', 'EMSGSIZE', 'EINVAL'];
      it.each(errors)('%s, thrown, with the notification yet to come', async (error) => {
        const answer = await injected(error);
        expect(answer.how).toEqual({ zerocopy: 60 });
        expect(answer.struck).toBe(10);
        expect(answer.phantomIds).toBe(10);
      });

      it.each(['EAGAIN', 'ENOMEM', 'EINTR', 'ENOBUFS'] as const)(
        '%s, tried again',
        async (error) => {
          const answer = await injected(error);
          expect(answer.codes).toEqual(['accepted']);
          expect(answer.struck).toBeGreaterThan(0);
          expect(answer.phantomIds).toBe(answer.struck);
        },
      );

      it.each(['EAGAIN', 'EPERM', 'ECONNREFUSED', 'ENOBUFS', 'EINTR'] as const)(
        '%s within sendMany, at any of its messages',
        async (error) => {
          const answer = await play(4, SLOW, async ({ peer }) => {
            const pump = await Pump.open(24, { family: 4, remote: peer });
            for (let i = 0; i < 12; i++) {
              await pump.sendMany([1200, 1201, 1202, 1203, 1204], () =>
                inject('sendmmsg', { error, after: true, limit: (i % 5) + 1 }),
              );
            }
            return pump;
          });
          expect(answer.report).toMatchObject({ outcome: 'drained', ids: 60, unfinished: 0 });
          expect(answer).toMatchObject({ phantomIds: 12, reason: undefined });
        },
      );
    },
  );
});
