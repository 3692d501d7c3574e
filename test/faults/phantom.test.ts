import { describe, expect, it } from 'vitest';
import { createRig, type RigOptions, startReceiver } from '../../rig/index.mjs';
import { needsRig } from '../rig/needs.js';
import { answerOf } from './run-program.js';

interface Answer {
  report: { outcome: string; ids: number; unfinished: number };
  problems: string[];
  how: Record<string, number>;
  phantomIds: number;
  noBuffers: number;
  /** Whose content was made, whether they were taken or not. */
  datagrams: number;
}

// Slow, so that buffers are in flight for long, and one that comes back too early is seen.
const SLOW: RigOptions = { rate: { rate: '100mbit', burst: '128kb' } };
const SLOWER: RigOptions = { rate: { rate: '20mbit', burst: '16kb' } };
const SHORT_QUEUE: RigOptions = { rate: { rate: '50mbit', burst: '4kb', limit: '20kb' } };
const QUEUE: RigOptions = { rate: { rate: '50mbit', burst: '16kb', limit: '60kb' } };

/** Runs a scenario and asserts what holds for all: the books balance, and what arrives is right. */
async function play<More>(
  scenario: string,
  family: 4 | 6,
  options: RigOptions,
  lost = 0,
): Promise<Answer & More> {
  await using rig = await createRig('veth', options);
  await using receiver = await startReceiver({
    protocol: 'udp',
    family,
    seed: 'any',
    namespace: rig.receiver,
  });
  const address = family === 4 ? rig.receiverAddress.v4 : rig.receiverAddress.v6;
  const answer = await answerOf<Answer & More>(
    'phantom',
    { scenario, family, peer: { address, port: receiver.port }, device: rig.senderInterface.name },
    { prefix: rig.sender.prefix },
  );
  const report = await receiver.until(
    ({ unique, wrongBytes }) => wrongBytes > 0 || unique >= answer.datagrams - lost,
  );
  expect(report).toMatchObject({
    unique: answer.datagrams - lost,
    wrongBytes: 0,
    corrupt: 0,
    duplicates: 0,
  });
  expect(answer.problems).toEqual([]);
  return answer;
}

// The kernel finds out late that it cannot send: the refused datagram has its own id by then, and
// every later one would be off by one, so that buffers come back while they are being read.
describe.each([4, 6] as const)('ids that refused datagrams take, IPv%i', async (family) => {
  describe('where the kernel does not copy', await needsRig('veth', SLOW), () => {
    it('to a path too narrow for a segment', async () => {
      const answer = await play<{ codes: string[]; refused: number }>(
        'a segment too long for its path',
        family,
        SLOW,
      );
      expect(answer.codes).toEqual(['ERR_ZEROSEND_DATAGRAM_TOO_LONG']);
      expect(answer.phantomIds).toBe(answer.refused);
      expect(answer.report).toMatchObject({ outcome: 'drained', ids: 150, unfinished: 0 });
      expect(answer.how).toEqual({ zerocopy: 150 });
    });

    it('within sendMany, which does not hear why the kernel stopped', async () => {
      const failing = 120;
      const answer = await play<{ failing: number; wrong: number[] }>(
        'a datagram too long within sendMany',
        family,
        SLOWER,
        failing,
      );
      expect(answer.wrong).toEqual([]);
      expect(answer.phantomIds).toBeGreaterThanOrEqual(failing);
      expect(answer.report).toMatchObject({ outcome: 'aborted', ids: 360, unfinished: failing });
      expect(answer.how).toEqual({ zerocopy: 360 - failing, failed: failing });
    });

    it('dropped by a full queue, where the user asked to hear of that', async () => {
      const answer = await play('a full queue', family, SHORT_QUEUE);
      expect(answer.noBuffers).toBeGreaterThan(0);
      expect(answer.phantomIds).toBeGreaterThan(0);
      expect(answer.report).toMatchObject({ outcome: 'drained', ids: 400, unfinished: 0 });
      // They waited for room, still without a copy.
      expect(answer.how.zerocopy).toBeGreaterThan(300);
    });

    it('dropped in part: the id is notified late, and the kernel tells its count', async () => {
      const answer = await play<{ reason?: string; last: string[] }>(
        'a part of a datagram in a full queue',
        family,
        QUEUE,
      );
      expect(answer.reason).toBeUndefined();
      expect(answer.noBuffers).toBeGreaterThan(0);
      expect(answer.phantomIds).toBeGreaterThan(0);
      expect(answer.report).toMatchObject({ outcome: 'drained', unfinished: 0 });
      // Zero copy goes on.
      expect(answer.last).toEqual(Array(20).fill('zerocopy'));
    });

    it('dropped in part, time and again: what fits goes out, and what never fits fails', async () => {
      const answer = await play<{ wrong: number[]; seconds: number }>(
        'fragments in a full queue',
        family,
        SHORT_QUEUE,
        1,
      );
      expect(answer.wrong).toEqual([]);
      expect(answer.noBuffers).toBeGreaterThan(10);
      expect(answer.how).toEqual({ inline: 11, failed: 1 });
      console.log(`${answer.seconds.toFixed(1)} s, ${answer.noBuffers} refusals`);
    });

    it('dropped in part within sendMany', async () => {
      const scenario = 'a part of a datagram in a full queue, within sendMany';
      const answer = await play(scenario, family, QUEUE);
      expect(answer.report).toMatchObject({ outcome: 'drained', ids: 264, unfinished: 0 });
    });
  });
});
