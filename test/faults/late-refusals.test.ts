import { describe, expect, it, onTestFinished } from 'vitest';
import { compileProgram, type RigOptions } from '../../rig/index.mjs';
import { needsRig } from '../rig/needs.js';
import { findCgroups, makeCgroup } from '../support/cgroup.js';
import { until } from '../support/deadline.js';
import { ip, run } from '../support/links.js';
import { hasTool, needs } from '../support/requirements.js';
import { clearFaultsAfterEach } from './peers.js';
import { Pump, play } from './pump.js';
import { type Errno, faults, inject } from './zerosend.mjs';

// Slow, so that buffers are in flight for long, and one that comes back too early is seen.
const SLOW: RigOptions = { rate: { rate: '5mbit', burst: '4kb', limit: '4mb' } };
const LENGTH = 1200;
const DEAD_PORT = 9;

clearFaultsAfterEach();

describe('a refusal that comes when the id was taken', async () => {
  describe(
    'where the kernel does not copy',
    await needsRig('veth', { ...SLOW, here: true }),
    () => {
      /**
       * The kernel refuses what goes to `dead`, in the midst of what is on its way, once `prepare` has run.
       * Returns how many kernel ids that has taken.
       */
      async function refused(
        { family = 4, code = 'EHOSTUNREACH' }: { family?: 4 | 6; code?: Errno },
        dead: (peer: string) => string,
        prepare: (device: string) => void,
      ) {
        const answer = await play(family, SLOW, async ({ peer, device }) => {
          prepare(device);
          const pump = await Pump.open(24, { family });
          const nowhere = { address: dead(peer.address), port: DEAD_PORT };
          for (let i = 0; i < 120; i++) {
            await pump.send(LENGTH, peer);
            if (i % 5 === 0) expect(await pump.trySend(LENGTH, nowhere)).toBe(code);
          }
          return pump;
        });
        expect(answer).toMatchObject({ how: { zerocopy: 120 }, reason: undefined });
        return answer.phantomIds;
      }

      function refusedByRoutes(family: 4 | 6, dead: string, ...routes: string[]) {
        return refused(
          { family },
          () => dead,
          (device) => {
            for (const route of routes) {
              const words = route.replace('DEVICE', device);
              ip(`-${family} route add ${words}`);
              if (words === route) onTestFinished(() => void ip(`-${family} route del ${route}`));
            }
          },
        );
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

      describe('by netfilter', needs(hasTool('nft'), 'the tool nft'), () => {
        function filter(chain: string, rule: string): void {
          run('nft add table inet late');
          onTestFinished(() => void run('nft delete table inet late'));
          run(`nft add chain inet late out { type ${chain} hook output priority 0 ; }`);
          run(`nft add rule inet late out udp dport ${DEAD_PORT} ${rule}`);
        }

        it.each([4, 6] as const)('which drops: EPERM, over IPv%i', async (family) => {
          const drop = () => filter('filter', 'drop');
          expect(await refused({ family, code: 'EPERM' }, (peer) => peer, drop)).toBe(24);
        });

        it('which routes anew, to nowhere: EHOSTUNREACH', async () => {
          const reroute = () => {
            filter('route', 'meta mark set 7');
            ip('rule add fwmark 7 lookup 77');
            onTestFinished(() => void ip('rule del fwmark 7 lookup 77'));
            ip('route add unreachable default table 77');
            onTestFinished(() => void ip('route del unreachable default table 77'));
          };
          expect(await refused({}, (peer) => peer, reroute)).toBe(24);
        });

        // Of 90 that are tried. What sendmmsg(2) stops at is tried again, since it does not say why.
        it('within sendMany, of which it drops every third message', async () => {
          const answer = await play(4, SLOW, async ({ peer }) => {
            filter('filter', 'return');
            run(`nft add rule inet late out udp dport ${peer.port} numgen inc mod 3 0 drop`);
            const pump = await Pump.open(24, { family: 4, remote: peer });
            for (let i = 0; i < 12; i++) await pump.sendMany([1200, 1201, 1202, 1203, 1204]);
            return pump;
          });
          expect(answer.report).toMatchObject({ outcome: 'drained', ids: 60, unfinished: 0 });
          expect(answer).toMatchObject({ phantomIds: 30, reason: undefined });
        });
      });

      it(
        'from a BPF program on the cgroup: EPERM',
        needs(findCgroups() !== null, 'a cgroup of version 2 that may be written to'),
        async () => {
          const group = makeCgroup();
          const loader = await compileProgram('bpf_load');
          const enter = () => {
            run(`${loader} cgroup-refuse ${group.path} ${DEAD_PORT}`);
            group.enter(); // sockets belong to the cgroup in which they were made
          };
          expect(await refused({ code: 'EPERM' }, (peer) => peer, enter)).toBe(24);
        },
      );

      /**
       * The errno comes after the datagram, and its id, were taken, of one send in six. What is tried
       * again arrives twice, and right. Its notification comes when it has left.
       */
      async function injected(error: Errno) {
        const codes = new Set<string>();
        const answer = await play(4, SLOW, async ({ peer }) => {
          const pump = await Pump.open(24, { family: 4 });
          for (let i = 0; i < 60; i++) {
            await pump.send(LENGTH, peer);
            if (i % 6 !== 0) continue;
            inject('sendto', { error, after: true });
            codes.add(await pump.trySend(LENGTH, peer));
            // It may have to wait behind an earlier one, and be struck when it is taken from the queue.
            await until(() => faults('sendto').struck === 1, 'the fault');
            inject('sendto');
          }
          return pump;
        });
        expect(answer.reason).toBeUndefined();
        return { ...answer, codes: [...codes] };
      }

      const errors: Errno[] = ['EPERM', 'EHOSTUNREACH', 'EIO', 'EMSGSIZE', 'EINVAL'];
      it.each(errors)('%s, thrown, with the notification yet to come', async (error) => {
        const answer = await injected(error);
        expect(answer.how).toEqual({ zerocopy: 60 });
        expect(answer.phantomIds).toBe(10);
      });

      it.each(['EAGAIN', 'ENOMEM', 'EINTR', 'ENOBUFS'] as const)(
        '%s, tried again',
        async (error) => {
          const answer = await injected(error);
          expect(answer.codes).toEqual(['accepted']);
          expect(answer.phantomIds).toBe(10);
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
