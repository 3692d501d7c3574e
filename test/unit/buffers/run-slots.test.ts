import fc from 'fast-check';
import { expect, it } from 'vitest';
import { LowestOrder, RingOrder } from '../../../lib/buffers/slot-order.js';
import { Slot, Slots } from '../../../lib/buffers/slots.js';

type Part = { first: number; count: number };

const step = fc.record({
  what: fc.constantFrom('run', 'run', 'single', 'send', 'send', 'complete', 'release', 'retire'),
  pick: fc.nat(999),
  length: fc.integer({ min: 1, max: 6 }),
  unsent: fc.boolean(),
});

/** A part of one of the parts, which is taken out of the list; the rest stays in it. */
function cut(parts: Part[], pick: number, length: number): Part | undefined {
  if (parts.length === 0) return undefined;
  const [part] = parts.splice(pick % parts.length, 1) as [Part];
  const from = pick % part.count;
  const count = Math.min(length, part.count - from);
  const rest = part.count - from - count;
  if (from > 0) parts.push({ first: part.first, count: from });
  if (rest > 0) parts.push({ first: part.first + from + count, count: rest });
  return { first: part.first + from, count };
}

function leased(slots: Slots, index: number): Slot {
  const slot = new Slot(slots, index, 1, null);
  slot.leases = 1;
  return slot;
}

it.each([
  ['RingOrder', (count: number) => new RingOrder(count)],
  ['LowestOrder', (count: number) => new LowestOrder(count)],
])('Slots: the counts add up after every step, by %s', (_, makeOrder) => {
  const property = fc.property(
    fc.integer({ min: 1, max: 12 }),
    fc.array(step, { maxLength: 150 }),
    (count, steps) => {
      const slots = new Slots(count, makeOrder(count));
      const held: Part[] = []; // runs
      const sent: Part[] = [];
      const singles: Slot[] = [];
      const doomed = new Set<number>();
      const gone = new Set<number>();
      const singlesSent: Slot[] = [];
      const back = ({ first, count }: Part) => {
        for (let slot = first; slot < first + count; slot++) if (doomed.has(slot)) gone.add(slot);
      };
      const sum = (parts: Part[]) => parts.reduce((total, part) => total + part.count, 0);
      for (const { what, pick, length, unsent } of steps) {
        if (what === 'run' || what === 'single') {
          const first = slots.take();
          if (first < 0) continue;
          if (what === 'single') singles.push(leased(slots, first));
          else held.push({ first, count: 1 + slots.extend(first, length - 1) });
        } else if (what === 'send') {
          // A run is sent whole.
          const [part] = held.length > 0 ? held.splice(pick % held.length, 1) : [];
          if (part) {
            slots.beginSends(part.count);
            sent.push(part);
          }
          const single = singles.pop();
          if (single) {
            slots.beginSend(single);
            singlesSent.push(single);
          }
        } else if (what === 'complete') {
          const part = cut(sent, pick, length);
          if (part) {
            slots.endSends(part.first, part.count, unsent);
            back(part);
          }
          const single = pick % 2 === 0 ? singlesSent.pop() : undefined;
          if (single) {
            expect(slots.endSend(single, unsent)).toBe(true);
            back({ first: single.index, count: 1 });
          }
        } else if (what === 'release') {
          const [part] = held.length > 0 ? held.splice(pick % held.length, 1) : [];
          if (part) slots.releaseRun(part.first, part.count);
          if (part) back(part);
        } else if (length === 1) {
          const part = sent[pick % Math.max(1, sent.length)];
          if (part) {
            const slot = part.first + (pick % part.count);
            slots.retire(slot);
            doomed.add(slot);
          }
        }
        const acquired = sum(held) + singles.length;
        const inFlight = sum(sent) + singlesSent.length;
        const retired = gone.size;
        const { free, acquired: a, inFlight: i, retired: r } = slots;
        expect({ acquired: a, inFlight: i, retired: r }).toEqual({ acquired, inFlight, retired });
        expect(free).toBe(count - acquired - inFlight - retired);
      }
      // Everything comes back but what is retired, and no slot is handed out twice.
      for (const part of held) slots.releaseRun(part.first, part.count);
      for (const part of sent) slots.endSends(part.first, part.count, true);
      for (const single of singles) slots.release(single);
      for (const single of singlesSent) slots.endSend(single, true);
      for (const slot of doomed) gone.add(slot);
      expect([slots.free, slots.retired]).toEqual([count - gone.size, gone.size]);
    },
  );
  fc.assert(property, { numRuns: 500 });
});
