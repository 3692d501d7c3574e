import { describe, expect, it } from 'vitest';
import { IdChecker } from '../../../examples/demo/id-checker.mjs';
import { Pattern, PERIOD } from '../../../examples/demo/pattern.mjs';
import { SeenSet } from '../../../examples/demo/seen-set.mjs';
import { SequenceChecker } from '../../../examples/demo/sequence-checker.mjs';

function checkerWith(sent: number): IdChecker {
  const checker = new IdChecker();
  for (let id = 0; id < sent; id++) checker.send(id);
  return checker;
}

describe('IdChecker', () => {
  it('finds nothing wrong with ids that complete once, in any order', () => {
    const checker = checkerWith(1000);
    checker.complete(500, 999);
    checker.complete(0, 0);
    checker.complete(1, 499);
    expect(checker.completed).toBe(1000);
    expect(checker.problems()).toEqual([]);
  });

  it('names ids that never completed', () => {
    const checker = checkerWith(100_000);
    checker.complete(0, 41);
    checker.complete(43, 89_999);
    checker.complete(90_001, 99_999);
    expect(checker.problems()).toEqual(['2 ids never completed: 42, 90000']);
  });

  it('names the first of many', () => {
    const checker = checkerWith(100);
    expect(checker.problems()).toEqual(['100 ids never completed: 0, 1, 2, 3, 4, …']);
  });

  it('names ids that completed twice', () => {
    const checker = checkerWith(10);
    checker.complete(0, 9);
    checker.complete(3, 4);
    expect(checker.problems()).toEqual(['2 ids completed more than once: 3, 4']);
  });

  it('does not let a duplicate make up for a missing one', () => {
    const checker = checkerWith(3);
    checker.complete(0, 1);
    checker.complete(1, 1);
    expect(checker.problems()).toEqual([
      '1 ids never completed: 2',
      '1 ids completed more than once: 1',
    ]);
  });

  it('names ids that completed and were never given out', () => {
    const checker = checkerWith(3);
    checker.complete(0, 3);
    expect(checker.problems()).toEqual(['1 ids completed that were never given out: 3']);
  });

  it('names ids that are not the next one', () => {
    const checker = new IdChecker();
    checker.send(0);
    checker.send(2);
    checker.complete(0, 2);
    expect(checker.problems()).toContain('1 ids were given out of turn: 2');
  });

  it.each([
    [5, 4],
    [-1, 0],
    [0.5, 1],
    [0, Number.NaN],
    [0, Number.POSITIVE_INFINITY],
  ])('takes %d to %d for no range', (first, last) => {
    const checker = checkerWith(10);
    checker.complete(first, last);
    expect(checker.completed).toBe(0);
    expect(checker.problems()).toContain(`1 ranges that are none: ${first} to ${last}, …`);
  });
});

describe('SeenSet', () => {
  it('knows what is new, and what is missing, across its growth', () => {
    const set = new SeenSet();
    const last = 3_000_000;
    let fresh = 0;
    for (let n = last; n >= 0; n -= 3) if (set.add(n)) fresh++;
    expect(fresh).toBe(last / 3 + 1);
    expect(set.add(last)).toBe(false);
    expect(set.size).toBe(last / 3 + 1);
    expect(set.has(3)).toBe(true);
    expect(set.has(4)).toBe(false);
    expect(set.has(last * 100)).toBe(false);
    expect(set.missingBelow(last, 4)).toEqual([1, 2, 4, 5]);
    for (let n = 0; n < 80; n++) set.add(n);
    expect(set.missingBelow(last, 2)).toEqual([80, 82]);
    expect(set.missingBelow(80, 2)).toEqual([]);
  });
});

describe('Pattern, as a stream', () => {
  const pattern = new Pattern(42);
  // Beginnings around the end of the period, and of the piece that is stored behind it.
  const positions = [0, 1, 65_536, PERIOD - 1, PERIOD, PERIOD + 1, 5 * PERIOD - 7, 2 ** 45 + 3];

  it.each(positions)('finds nothing wrong with what it wrote, at %d', (position) => {
    const bytes = Buffer.alloc(3_000_000, 0xee);
    pattern.fillStream(bytes, 2_500_000, position);
    expect(pattern.wrongInStream(bytes.subarray(0, 2_500_000), position)).toBe(0);
    // In other portions than it was written in, as a stream arrives.
    for (let at = 0, size = 1; at < 2_500_000; at += size, size = (size * 7 + 1) % 70_000) {
      const chunk = bytes.subarray(at, Math.min(at + size, 2_500_000));
      expect(pattern.wrongInStream(chunk, position + at)).toBe(0);
    }
    expect(bytes[2_500_000]).toBe(0xee); // and nothing beyond
  });

  it('counts flipped bytes', () => {
    const bytes = Buffer.alloc(65_536);
    pattern.fillStream(bytes, bytes.length, 123_456);
    for (const at of [0, 1000, 65_535]) bytes[at] = (bytes[at] as number) ^ 1;
    expect(pattern.wrongInStream(bytes, 123_456)).toBe(3);
  });

  it.each([1, 1460, 65_536, 2 ** 20])('tells bytes that are %d off', (shift) => {
    const bytes = Buffer.alloc(4096);
    pattern.fillStream(bytes, bytes.length, 0);
    expect(pattern.wrongInStream(bytes, shift)).toBeGreaterThan(4000);
  });

  it('tells one seed from another', () => {
    const bytes = Buffer.alloc(4096);
    new Pattern(43).fillStream(bytes, bytes.length, 0);
    expect(pattern.wrongInStream(bytes, 0)).toBeGreaterThan(4000);
  });
});

describe('Pattern and SequenceChecker, as datagrams', () => {
  const SEGMENT = 1400;
  const pattern = new Pattern(7);

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
