import { describe, expect, it } from 'vitest';
import { createRig } from '../../rig/index.mjs';
import { needsRig } from '../rig/needs.js';
import { answerOf } from './run-program.js';

interface Answer {
  codes: string[];
  small: string;
  waited: string;
  behind: string;
  report: { outcome: string; unfinished: number };
  /** Milliseconds of CPU within 200 ms in which there was nothing to do. */
  idle: number;
  problems: string[];
}

const overSink = await needsRig('sink');

describe.each([4, 6] as const)(
  'a datagram that the send buffer never has room for, IPv%i',
  (family) => {
    it.each(['always', 'never'] as const)(
      'zeroCopy %s: is refused, or fails where it had to wait, and holds nobody up',
      overSink,
      async (zeroCopy) => {
        await using rig = await createRig('sink');
        const address = family === 4 ? '198.18.0.9' : 'fd00:198:18::9';
        const answer = await answerOf<Answer>(
          'too-big',
          { address, family, zeroCopy, device: rig.sender.name },
          { prefix: rig.sender.prefix },
        );
        expect(answer.codes).toEqual(['ERR_ZEROSEND_SEND_BUFFER_TOO_SMALL', 'EINVAL']);
        expect(answer.small).toBe('accepted');
        expect(answer.waited).toBe('failed');
        expect(answer.behind).not.toBe('failed');
        expect(answer.report).toMatchObject({ outcome: 'aborted', unfinished: 1 });
        expect(answer.problems).toEqual([]);
        expect(answer.idle).toBeLessThan(100);
      },
    );
  },
);
