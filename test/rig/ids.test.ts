import { EventEmitter } from 'node:events';
import { describe, expect, it } from 'vitest';
import type { CompletionRange, ZeroCopySocket } from 'zerosend';
import { IdChecker, IdHistory } from '../../rig/ids.mjs';
import { SeenSet } from '../../rig/seen-set.mjs';

const range = (first: number, last: number, how: CompletionRange['how'] = 'copied') =>
  ({ first, last, how }) as CompletionRange;

function checkerWith(sent: number): IdChecker {
  const checker = new IdChecker();
  for (let id = 0; id < sent; id++) checker.send(id);
  return checker;
}

describe('IdChecker', () => {
  it('finds nothing wrong with ids that complete once, in any order', () => {
    const checker = checkerWith(1000);
    for (const [first, last] of [
      [500, 999],
      [0, 0],
      [1, 499],
    ] as const) {
      expect(checker.complete(range(first, last))).toBe(true);
    }
    expect(checker).toMatchObject({ completed: 1000, sent: 1000, ranges: 3, late: 1 });
    expect(checker.problems()).toEqual([]);
    expect(checker.result()).toEqual({
      ids: 1000,
      missing: 0,
      twice: 0,
      unknown: 0,
      how: { copied: 1000 },
    });
  });

  it('names ids that never completed', () => {
    const checker = checkerWith(100_000);
    checker.complete(range(0, 41));
    checker.complete(range(43, 89_999));
    checker.complete(range(90_001, 99_999));
    expect(checker.problems()).toEqual(['2 ids never completed: 42, 90000']);
    expect(checker.result()).toMatchObject({ missing: 2 });
    expect(checker.wrong).toEqual([]); // they may still complete
  });

  it('names the first of many', () => {
    const checker = checkerWith(100);
    expect(checker.problems()).toEqual(['100 ids never completed: 0, 1, 2, 3, 4, …']);
  });

  it('names ids that completed twice', () => {
    const checker = checkerWith(10);
    checker.complete(range(0, 9));
    expect(checker.complete(range(3, 4))).toBe(false);
    expect(checker.problems()).toEqual(['2 ids completed more than once: 3, 4']);
    expect(checker.wrong).toEqual(checker.problems());
    expect(checker.result()).toMatchObject({ twice: 2, how: { copied: 10 } });
  });

  it('does not let a duplicate make up for a missing one', () => {
    const checker = checkerWith(3);
    checker.complete(range(0, 1));
    checker.complete(range(1, 1));
    expect(checker.problems()).toEqual([
      '1 ids never completed: 2',
      '1 ids completed more than once: 1',
    ]);
  });

  it('does not let the sum of the ids make up for wrong ones', () => {
    const checker = checkerWith(4);
    checker.complete(range(1, 1));
    checker.complete(range(2, 2));
    checker.complete(range(1, 2));
    expect(checker.result()).toMatchObject({ missing: 2, twice: 2 });
  });

  it('names ids that completed and were never given out', () => {
    const checker = checkerWith(3);
    expect(checker.complete(range(0, 3))).toBe(false);
    expect(checker.problems()).toEqual(['1 ids completed that were never given out: 3']);
    expect(checker.complete(range(2 ** 40, 2 ** 50))).toBe(false); // and takes no time over it
    expect(checker.result()).toMatchObject({ missing: 0, unknown: 2 ** 50 - 2 ** 40 + 2 });
  });

  it('does not forgive an id that completed before it was given out', () => {
    const checker = checkerWith(1);
    checker.complete(range(0, 1));
    checker.send(1);
    expect(checker.problems()).toEqual([
      '1 ids never completed: 1',
      '1 ids completed that were never given out: 1',
    ]);
  });

  it('names ids that are not the next one', () => {
    const checker = new IdChecker();
    checker.send(0);
    checker.send(2);
    checker.complete(range(0, 2));
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
    expect(checker.complete(range(first, last))).toBe(false);
    expect(checker.completed).toBe(0);
    expect(checker.problems()).toContain(`1 ranges that are none: ${first} to ${last}, …`);
    expect(checker.result()).toMatchObject({ unknown: 1 });
  });

  it('counts outcomes, each id once', () => {
    const checker = checkerWith(6);
    checker.complete(range(0, 2, 'zerocopy'));
    checker.complete(range(2, 3, 'failed'));
    checker.complete(range(4, 5, 'zerocopy'));
    expect(checker.how).toEqual({ zerocopy: 5, failed: 1 });
  });

  it('counts ranges that come late, but for those that failed and were not with the kernel', () => {
    const checker = checkerWith(6);
    checker.complete(range(4, 5, 'zerocopy'));
    checker.complete(range(0, 1, 'failed'));
    expect(checker.late).toBe(0);
    checker.complete(range(2, 3, 'copied'));
    expect(checker.late).toBe(1);
  });

  it.each([0, 2 ** 31 - 3, 2 ** 40])('watches the ids of a socket, from %d on', (start) => {
    const socket = Object.assign(new EventEmitter(), { nextId: start });
    const checker = IdHistory.of(socket as unknown as ZeroCopySocket);
    socket.nextId += 10;
    socket.emit('complete', range(start, start + 8, 'inline'));
    expect(checker.howOf(start + 8)).toBe('inline');
    expect(checker.howOf(start + 9)).toBeUndefined();
    expect([start - 1, start, start + 9].map((id) => checker.has(id))).toEqual([
      false,
      true,
      false,
    ]);
    expect(checker.problems()).toEqual([`1 ids never completed: ${start + 9}`]);
    socket.emit('complete', range(start + 9, start + 10, 'inline'));
    expect(checker.problems()).toEqual([
      `1 ids completed that were never given out: ${start + 10}`,
    ]);
    expect(checker.history).toHaveLength(2);
    if (start === 0) return;
    checker.complete(range(start - 2, start - 1));
    expect(checker.result()).toMatchObject({ ids: 10, missing: 0, twice: 0, unknown: 3 });
  });

  it('checks a hundred million ids, and finds the one that is missing', () => {
    const socket = { nextId: 0 };
    const checker = new IdChecker(socket);
    for (let first = 0; first < 1e8; first += 1000) {
      socket.nextId += 1000;
      if (first === 77_000_000) checker.complete(range(first + 1, first + 999));
      else checker.complete(range(first, first + 999));
    }
    expect(checker.problems()).toEqual(['1 ids never completed: 77000000']);
    expect(checker.complete(range(3, 3))).toBe(false); // of a part that needs no memory any more
    expect(checker.wrong).toEqual(['1 ids completed more than once: 3']);
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

  it('agrees with a plain set, for ranges in any order', () => {
    const set = new SeenSet();
    const plain = new Set<number>();
    let state = 1;
    const random = (limit: number) => {
      state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
      return Math.floor((state / 2 ** 32) * limit);
    };
    for (let i = 0; i < 300; i++) {
      const first = random(100_000);
      const last = first + random(random(2) === 0 ? 70 : 2000);
      const again: number[] = [];
      const seen: number[] = [];
      for (let n = first; n <= last; n++) (plain.has(n) ? seen : []).push(n);
      const fresh = set.addRange(first, last, (n) => again.push(n));
      for (let n = first; n <= last; n++) plain.add(n);
      expect(again).toEqual(seen);
      expect(fresh).toBe(last - first + 1 - seen.length);
      expect(set.size).toBe(plain.size);
    }
    const missing = [];
    for (let n = 0; n < 105_000; n++) if (!plain.has(n)) missing.push(n);
    expect(set.missingBelow(105_000, 1e9)).toEqual(missing);
  });

  it('takes memory for what is missing, not for what it has seen', () => {
    const set = new SeenSet();
    for (let first = 1; first < 5e7; first += 1000) set.addRange(first, first + 999);
    expect(set.bytes).toBeLessThanOrEqual(2 * 4096); // the chunk that lacks 0, and the last
    set.add(0);
    expect(set.bytes).toBeLessThanOrEqual(4096);
    expect(set.has(0) && set.has(4e7)).toBe(true);
  });
});
