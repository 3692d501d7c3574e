import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Timed, TimeHeap } from '../../../lib/base/time-heap.js';

const step = fc.record({
  what: fc.constantFrom('add', 'add', 'add', 'move', 'move', 'remove', 'take'),
  which: fc.nat(1000),
  time: fc.oneof(fc.integer({ min: 0, max: 20 }), fc.double({ min: 0, noNaN: true })),
});

describe('a heap of times', () => {
  it('has the earliest in front, whatever is added, moved and taken out', () => {
    fc.assert(
      fc.property(fc.array(step, { minLength: 1, maxLength: 150, size: 'max' }), (steps) => {
        const heap = new TimeHeap<Timed>();
        const there: Timed[] = [];
        for (const { what, which, time } of steps) {
          const one = what === 'take' ? heap.first : there[which % Math.max(1, there.length)];
          if (what === 'add') {
            const added = { time, place: -1 };
            there.push(added);
            heap.add(added);
          } else if (one !== undefined && what === 'move') {
            one.time = time;
            heap.move(one);
          } else if (one !== undefined) {
            heap.remove(one);
            expect(one.place).toBe(-1);
            there.splice(there.indexOf(one), 1);
          }
          expect(heap.size).toBe(there.length);
          expect(heap.first?.time).toBe(
            there.length === 0 ? undefined : Math.min(...there.map((each) => each.time)),
          );
          expect(new Set(there.map(({ place }) => place)).size).toBe(there.length);
        }
        const order: number[] = [];
        for (let { first } = heap; first !== undefined; { first } = heap) {
          order.push(first.time);
          heap.remove(first);
        }
        expect(order).toEqual(there.map((each) => each.time).sort((a, b) => a - b));
      }),
      { numRuns: 60 },
    );
  });
});
