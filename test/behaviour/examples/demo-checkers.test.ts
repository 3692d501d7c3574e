import { describe, expect, it } from 'vitest';
import { SequenceChecker } from '../../../examples/demo/sequence-checker.mjs';
import { RepeatedPattern } from '../../../rig/repeated-pattern.mjs';

describe('RepeatedPattern and SequenceChecker, as datagrams', () => {
  const SEGMENT = 1400;
  const pattern = new RepeatedPattern(7);

  /** The datagrams of a train of 10, the last of them shorter. */
  function train(first = 0): Buffer[] {
    const bytes = Buffer.alloc(9 * SEGMENT + 100);
    expect(pattern.fillTrain(bytes, bytes.length, SEGMENT, first)).toBe(first + 10);
    return Array.from({ length: 10 }, (_, i) => bytes.subarray(i * SEGMENT, (i + 1) * SEGMENT));
  }

  function receive(datagrams: Buffer[]): SequenceChecker {
    const checker = new SequenceChecker(pattern);
    for (const datagram of datagrams) checker.receive(datagram);
    return checker;
  }

  it('finds nothing wrong with what was sent', () => {
    const checker = receive([...train(), ...train(10)]);
    expect(checker).toMatchObject({
      datagrams: 20,
      bytes: 2 * (9 * SEGMENT + 100),
      wrongBytes: 0,
      duplicates: 0,
      reordered: 0,
      next: 20,
    });
    expect(checker.lostOf(20)).toBe(0);
  });

  it.each([4, 700, SEGMENT - 1])('finds a flipped byte at %d', (at) => {
    const datagrams = train();
    const flipped = datagrams[3] as Buffer;
    flipped[at] = (flipped[at] as number) ^ 0x80;
    const checker = receive(datagrams);
    expect(checker).toMatchObject({ wrongBytes: 1, duplicates: 0, reordered: 0 });
    expect(checker.lostOf(10)).toBe(1); // the right one has not come
  });

  it('finds a wrong sequence number, which the content does not fit', () => {
    const datagrams = train();
    datagrams[3]?.writeUInt32LE(5);
    const checker = receive(datagrams);
    expect(checker.wrongBytes).toBeGreaterThan(SEGMENT / 2);
    expect(checker.duplicates).toBe(0);
  });

  it('finds a cut datagram', () => {
    const [whole] = train() as [Buffer];
    const checker = receive([whole.subarray(0, 3)]);
    expect(checker.wrongBytes).toBe(3);
  });

  it('tells lost, duplicate and reordered datagrams apart', () => {
    const [a, b, c, d, e] = train() as [Buffer, Buffer, Buffer, Buffer, Buffer];
    const checker = receive([a, c, b, e, e]); // d is lost
    expect(checker).toMatchObject({ wrongBytes: 0, reordered: 1, duplicates: 1, next: 5 });
    expect(checker.lostOf(5)).toBe(1);
    checker.receive(d);
    expect(checker.lostOf(5)).toBe(0);
  });
});
