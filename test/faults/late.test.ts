import { describe, expect, it } from 'vitest';
import { createRig, type RigOptions, startReceiver } from '../../rig/index.mjs';
import { needsRig } from '../rig/needs.js';
import { answerOf } from './run-program.js';
import type { Errno } from './zerosend.mjs';

interface Answer {
  report: { outcome: string; ids: number; unfinished: number };
  problems: string[];
  how: Record<string, number>;
  phantomIds: number;
  reason?: string;
  codes: string[];
  /** Refusals that were injected. */
  struck: number;
  /** Whose content was made and taken. */
  datagrams: number;
}

// Slow, so that buffers are in flight for long, and one that comes back too early is seen.
const SLOW: RigOptions = { rate: { rate: '5mbit', burst: '4kb', limit: '4mb' } };

/** Runs a scenario and asserts what holds for all: the books balance, and what arrives is right. */
async function play(scenario: string, family: 4 | 6, more: object): Promise<Answer> {
  await using rig = await createRig('veth', SLOW);
  await using receiver = await startReceiver({
    protocol: 'udp',
    family,
    seed: 'any',
    namespace: rig.receiver,
  });
  const address = family === 4 ? rig.receiverAddress.v4 : rig.receiverAddress.v6;
  const answer = await answerOf<Answer>(
    'late',
    {
      scenario,
      family,
      peer: { address, port: receiver.port },
      device: rig.sender.name,
      ...more,
    },
    { prefix: rig.sender.prefix },
  );
  const report = await receiver.until(
    ({ unique, wrongBytes }) => wrongBytes > 0 || unique >= answer.datagrams,
  );
  // What was refused after it had been sent, and was sent again, arrives twice, and right.
  expect(report).toMatchObject({ unique: answer.datagrams, wrongBytes: 0, corrupt: 0 });
  expect(answer.problems).toEqual([]);
  expect(answer.reason).toBeUndefined();
  return answer;
}

describe('a refusal that comes when the id was taken', async () => {
  describe('where the kernel does not copy', await needsRig('veth', SLOW), () => {
    it('from a route with a dead SRv6 segment: EHOSTUNREACH, whatever was tried again', async () => {
      const answer = await play('route', 6, {
        dead: { address: 'fd00:beef::1', port: 9 },
        routes: [
          'unreachable fd00:dead::/32',
          'fd00:beef::/64 encap seg6 mode encap segs fd00:dead::1 dev DEVICE',
        ],
      });
      expect(answer.codes).toEqual(['EHOSTUNREACH']);
      expect(answer.phantomIds).toBe(24);
      expect(answer.how).toEqual({ zerocopy: 120 });
    });

    // Before an id is taken; the counts must not run apart in this direction either.
    it.each([4, 6] as const)('from an unreachable route, early, over IPv%i', async (family) => {
      const dead = family === 4 ? '198.18.200.1' : 'fd00:dead::1';
      const answer = await play('route', family, {
        dead: { address: dead, port: 9 },
        routes: [`unreachable ${dead}/${family === 4 ? 32 : 128}`],
      });
      expect(answer.codes).toEqual(['EHOSTUNREACH']);
      expect(answer.phantomIds).toBe(0);
      expect(answer.how).toEqual({ zerocopy: 120 });
    });

    const errors: Errno[] = ['EPERM', 'EHOSTUNREACH', 'EIO', 'EMSGSIZE', 'EINVAL'];
    it.each(errors)('%s, thrown, with the notification yet to come', async (error) => {
      const answer = await play('injected', 4, { error });
      expect(answer.how).toEqual({ zerocopy: 60 });
      expect(answer.struck).toBe(10);
      expect(answer.phantomIds).toBe(10);
    });

    it.each(['EAGAIN', 'ENOMEM', 'EINTR', 'ENOBUFS'] as const)('%s, tried again', async (error) => {
      const answer = await play('injected', 4, { error });
      expect(answer.codes).toEqual(['accepted']);
      expect(answer.struck).toBeGreaterThan(0);
      expect(answer.phantomIds).toBe(answer.struck);
    });

    it.each(['EAGAIN', 'EPERM', 'ECONNREFUSED', 'ENOBUFS', 'EINTR'] as const)(
      '%s within sendMany, at any of its messages',
      async (error) => {
        const answer = await play('injected-many', 4, { error });
        expect(answer.report).toMatchObject({ outcome: 'drained', ids: 60, unfinished: 0 });
        expect(answer.phantomIds).toBe(12);
      },
    );
  });
});
