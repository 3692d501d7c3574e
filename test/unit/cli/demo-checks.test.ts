import { describe, expect, it } from 'vitest';
import { IdBook, Ranges, RepeatedPattern, SequenceChecker } from '../../../lib/cli/demo/checks.js';

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

describe('Ranges', () => {
  it('is one range of what comes in order, or nearly so', () => {
    const ranges = new Ranges();
    for (let n = 0; n < 1000; n += 2) {
      ranges.add(n + 1, n + 1);
      ranges.add(n, n);
      expect({ parts: ranges.parts, size: ranges.size }).toEqual({ parts: 1, size: n + 2 });
    }
    ranges.add(2000, 3000);
    ranges.add(1001, 1999);
    expect(ranges.parts).toBe(2);
    ranges.add(1000, 1000);
    expect({ parts: ranges.parts, size: ranges.size }).toEqual({ parts: 1, size: 3001 });
  });

  it('is the set of what was added, whatever the order', () => {
    let seed = 7;
    const random = (below: number) => {
      seed = (Math.imul(seed, 48_271) >>> 0) % 2 ** 31;
      return seed % below;
    };
    for (let round = 0; round < 200; round++) {
      const ranges = new Ranges();
      const known = new Set<number>();
      for (let i = 0; i < 40; i++) {
        const first = random(120);
        const last = first + random(12);
        const again: number[] = [];
        const fresh = ranges.add(first, last, (from, to) => {
          for (let n = from; n <= to; n++) again.push(n);
        });
        const all = Array.from({ length: last - first + 1 }, (_, k) => first + k);
        expect(again).toEqual(all.filter((n) => known.has(n)));
        expect(fresh).toBe(all.length - again.length);
        for (const n of all) known.add(n);
        expect(ranges.size).toBe(known.size);
      }
      const missing = Array.from({ length: 150 }, (_, n) => n).filter((n) => !known.has(n));
      expect(ranges.missingBelow(150, 1000)).toEqual(missing);
      expect(ranges.missingBelow(150, 3)).toEqual(missing.slice(0, 3));
    }
  });
});

describe('IdBook', () => {
  const filled = (ids: number) => {
    const book = new IdBook();
    for (let id = 0; id < ids; id++) book.send(id);
    return book;
  };

  it('finds nothing wrong where each id completes once', () => {
    const book = filled(10);
    book.complete({ first: 5, last: 9 });
    expect(book.problems()).toEqual(['5 ids never completed: 0, 1, 2, 3, 4']);
    book.complete({ first: 0, last: 4 });
    expect(book.problems()).toEqual([]);
    expect({ sent: book.sent, completed: book.completed }).toEqual({ sent: 10, completed: 10 });
  });

  it.each<[string, (book: IdBook) => void]>([
    ['7 ids never completed: 0, 1, 2, 6, 7, …', (b) => b.complete({ first: 3, last: 5 })],
    [
      '2 ids completed more than once: 4, 5',
      (b) => {
        b.complete({ first: 0, last: 9 });
        b.complete({ first: 4, last: 5 });
      },
    ],
    [
      '3 ids completed that were never given out: 10, 11, 12',
      (b) => b.complete({ first: 0, last: 12 }),
    ],
    [
      '1 ids completed that were never given out: 99',
      (b) => {
        b.complete({ first: 99, last: 99 });
        b.complete({ first: 0, last: 9 });
      },
    ],
    [
      '1 ids were given out of turn: 3',
      (b) => {
        b.complete({ first: 0, last: 9 });
        b.send(3);
        b.sent = 10;
      },
    ],
    [
      '2 ranges that are none: 5 to 4, …',
      (b) => {
        b.complete({ first: 0, last: 9 });
        b.complete({ first: 5, last: 4 });
        b.complete({ first: 0.5, last: 1 });
      },
    ],
  ])('says: %s', (problem, happens) => {
    const book = filled(10);
    happens(book);
    expect(book.problems()).toEqual([problem]);
  });
});
