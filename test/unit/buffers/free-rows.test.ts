import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { FreeRows } from '../../../lib/buffers/free-rows.js';
import { LowestOrder, RingOrder } from '../../../lib/buffers/slot-order.js';
import { SlotSet } from '../../../lib/buffers/slot-set.js';

/** Where the first row of `most` begins, or else the first of the longest: by looking at all. */
function findRow(free: ArrayLike<number>, most: number): number {
  let best = -1;
  let longest = 0;
  for (let begin = 0; begin < free.length && longest < most; begin++) {
    let end = begin;
    while (end < free.length && free[end] === 1 && end - begin < most) end++;
    if (end - begin > longest) {
      longest = end - begin;
      best = begin;
    }
  }
  return best;
}

/** An array that counts what is read of it. */
function counting(length: number): { free: Uint8Array; reads(): number } {
  let count = 0;
  const bytes = new Uint8Array(length).fill(1);
  const free = new Proxy(bytes, {
    get(target, key) {
      if (typeof key === 'string' && /^\d+$/.test(key)) count++;
      const value = Reflect.get(target, key);
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
  return { free, reads: () => count };
}

const change = fc.record({
  first: fc.nat(399),
  count: fc.integer({ min: 1, max: 90 }),
  free: fc.boolean(),
  most: fc.integer({ min: 1, max: 400 }),
});

describe('FreeRows', () => {
  it('finds what looking at every slot would find', () => {
    const property = fc.property(
      fc.integer({ min: 1, max: 400 }),
      fc.array(change, { maxLength: 60 }),
      (length, changes) => {
        const free = new Uint8Array(length).fill(1);
        const rows = new FreeRows(free);
        for (const { first, count, free: value, most } of changes) {
          const begin = first % length;
          const end = Math.min(begin + count, length);
          free.fill(value ? 1 : 0, begin, end);
          rows.touch(begin, end - begin);
          if (most % 3 > 0) expect(rows.find(most)).toBe(findRow(free, most));
        }
      },
    );
    fc.assert(property, { numRuns: 500 });
  });

  it.each([1_000, 100_000])('reads few of %d slots for a search', (length) => {
    const { free, reads } = counting(length);
    for (let i = 0; i < length; i += 2) free[i] = 0;
    const rows = new FreeRows(free);
    expect(rows.find(2)).toBe(1);
    const before = reads();
    const searches = 100;
    for (let i = 0; i < searches; i++) {
      const slot = ((i * 7919) % length) | 1;
      free[slot] = 0;
      rows.touch(slot, 1);
      rows.find(64);
    }
    // The block that changed, and the one in which the row is.
    expect((reads() - before) / searches).toBeLessThanOrEqual(128);
  });
});

describe('SlotSet', () => {
  it('finds the next member, as a sorted list would', () => {
    const property = fc.property(
      fc.integer({ min: 1, max: 3000 }),
      fc.array(fc.nat(2999), { maxLength: 200 }),
      (count, numbers) => {
        const set = new SlotSet(count);
        const model = new Set<number>();
        for (const number of numbers) {
          const member = number % count;
          if (model.delete(member)) set.remove(member);
          else {
            set.add(member);
            model.add(member);
          }
          const from = (number * 31) % count;
          const later = [...model].filter((one) => one >= from);
          expect(set.next(from)).toBe(later.length > 0 ? Math.min(...later) : -1);
          expect(set.size).toBe(model.size);
        }
      },
    );
    fc.assert(property, { numRuns: 500 });
  });
});

describe('LowestOrder, for runs', () => {
  it('takes the first row that is long enough, or else the longest', () => {
    const step = fc.record({ pick: fc.nat(), most: fc.integer({ min: 1, max: 12 }) });
    const property = fc.property(
      fc.integer({ min: 1, max: 200 }),
      fc.array(step, { maxLength: 120 }),
      (count, steps) => {
        const order = new LowestOrder(count);
        const free = new Uint8Array(count).fill(1);
        const out: number[] = [];
        for (const { pick, most } of steps) {
          if (pick % 5 < 3) {
            const slot = order.take(most);
            expect(slot).toBe(findRow(free, most));
            if (slot < 0) continue;
            const taken = 1 + order.extend(slot, most - 1);
            expect(free.subarray(slot, slot + taken).every((value) => value === 1)).toBe(true);
            for (let i = 0; i < taken; i++) out.push(slot + i);
            free.fill(0, slot, slot + taken);
          } else if (out.length > 0) {
            const [slot] = out.splice(pick % out.length, 1) as [number];
            order.put(slot);
            free[slot] = 1;
          }
        }
      },
    );
    fc.assert(property, { numRuns: 500 });
  });
});

describe('RingOrder, with holes', () => {
  // A search through the holes for each, as there was, would take half a minute for so many.
  it('takes back a ring of a quarter of a million in any order, and hands it out in its own', () => {
    const count = 1 << 18;
    const order = new RingOrder(count);
    for (let i = 0; i < 1000; i++) order.put(order.take(), false);
    for (let i = 0; i < count; i++) order.take();
    const begun = performance.now();
    for (let i = 0; i < count; i++) order.put((i * 7919) % count, true);
    let wrong = 0;
    for (let i = 0; i < count; i++) if (order.take() !== (1000 + i) % count) wrong++;
    expect(wrong).toBe(0);
    expect(performance.now() - begun).toBeLessThan(8000);
    expect(order).toMatchObject({ size: 0, ready: false });
  });
});
