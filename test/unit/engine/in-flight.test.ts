import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Slot, Slots } from '../../../lib/buffers/slots.js';
import { InFlight } from '../../../lib/engine/in-flight.js';
import { until } from '../../support/deadline.js';

const plain = () => new Uint8Array(8);

/** Slots, and those of which they told that nobody has them any more. */
function makeSlots(count: number) {
  const slots = new Slots(count);
  const returned: number[] = [];
  const endSend = slots.endSend.bind(slots);
  slots.endSend = (slot, unsent) => {
    slots.freed = () => void returned.push(slot.index);
    return endSend(slot, unsent);
  };
  return { slots, returned };
}

/** A slot as a pool hands it out. */
function acquire(slots: Slots): Slot {
  const slot = new Slot(slots, slots.take(), 1, null);
  slot.leases = 1;
  return slot;
}

/** Slots that are sent, without the memory of a pool. */
function makeBuffers(count: number) {
  const { slots, returned } = makeSlots(count);
  const take = () => {
    const slot = acquire(slots);
    slots.beginSend(slot);
    return slot;
  };
  return { slots, returned, take };
}

describe('InFlight', () => {
  it('counts ids from the first', () => {
    const inFlight = new InFlight(7);
    expect(inFlight.has(7)).toBe(false);
    expect([inFlight.add(plain()), inFlight.add(plain())]).toEqual([7, 8]);
    expect(inFlight).toMatchObject({ next: 9, low: 7, size: 2 });
    expect([6, 7, 8, 9].map((id) => inFlight.has(id))).toEqual([false, true, true, false]);
  });

  it('moves low over all that has completed, in whatever order', () => {
    const inFlight = new InFlight(0);
    for (let i = 0; i < 4; i++) inFlight.add(plain());
    expect(inFlight.complete(1, 2, false)).toBe(2);
    expect(inFlight).toMatchObject({ low: 0, size: 2 });
    expect(inFlight.complete(0, 0, false)).toBe(1);
    expect(inFlight).toMatchObject({ low: 3, size: 1 });
    expect(inFlight.complete(3, 3, false)).toBe(1);
    expect(inFlight).toMatchObject({ low: 4, size: 0, next: 4 });
  });

  it('gives memory back before its sends are told of, once', () => {
    const { take, slots, returned } = makeBuffers(4);
    const inFlight = new InFlight(0);
    const lent = [take(), take(), take()];
    for (const slot of lent) inFlight.add(slot);
    inFlight.add(plain());
    inFlight.giveBack(0, 1);
    inFlight.giveBack(1, 2); // 1 for the second time
    inFlight.giveBack(3, 9); // and ids that are not given out
    expect(returned).toEqual([0, 1, 2]);
    expect(slots).toMatchObject({ free: 4, inFlight: 0 });
    expect(inFlight).toMatchObject({ next: 4, low: 0, size: 4 });
    expect([0, 1, 2, 3].map((id) => inFlight.has(id))).toEqual([true, true, true, true]);
    // The memory is in use again when the first sends are told of.
    const again = lent[slots.take()] as Slot;
    again.leases = 1;
    slots.beginSend(again);
    inFlight.add(again);
    expect(inFlight.complete(0, 3, false)).toBe(4);
    expect(inFlight).toMatchObject({ low: 4, size: 1 });
    expect(slots).toMatchObject({ inFlight: 1 });
    inFlight.giveBack(0, 3);
    expect(inFlight.complete(4, 4, false)).toBe(1);
    expect(returned).toEqual([0, 1, 2, 0]);
    expect(slots).toMatchObject({ free: 4, inFlight: 0 });
  });

  it('completes no id twice, and none that was not given out', () => {
    const { take, slots, returned } = makeBuffers(3);
    const inFlight = new InFlight(0);
    for (let i = 0; i < 3; i++) inFlight.add(take());
    expect(inFlight.complete(1, 1, false)).toBe(1);
    expect(inFlight.complete(0, 9, false)).toBe(2);
    expect(inFlight.complete(0, 2, false)).toBe(0);
    expect(inFlight.complete(3, 5, false)).toBe(0);
    expect(returned).toEqual([1, 0, 2]);
    expect(slots).toMatchObject({ free: 3, inFlight: 0 });
    expect(inFlight).toMatchObject({ low: 3, next: 3, size: 0 });
  });

  it('gives a buffer back with the last of its sends', () => {
    const { slots, returned } = makeSlots(1);
    const buffer = acquire(slots);
    buffer.retain(1);
    const inFlight = new InFlight(0);
    for (let i = 0; i < 2; i++) {
      slots.beginSend(buffer);
      inFlight.add(buffer);
    }
    inFlight.complete(0, 0, false);
    expect(returned).toEqual([]);
    inFlight.complete(1, 1, false);
    expect(returned).toEqual([0]);
  });

  it('keeps more than its ring held at first, also behind one that does not complete', () => {
    const inFlight = new InFlight(0);
    for (let i = 0; i < 40; i++) inFlight.add(plain());
    inFlight.complete(1, 39, false); // the ring starts in the middle when it grows
    for (let i = 0; i < 1000; i++) inFlight.add(plain());
    expect(inFlight).toMatchObject({ low: 0, next: 1040, size: 1001 });
    expect(inFlight.has(0)).toBe(true);
    expect(inFlight.has(39)).toBe(false);
    expect(inFlight.has(40)).toBe(true);
    expect(inFlight.complete(0, 1039, false)).toBe(1001);
    expect(inFlight.low).toBe(1040);
  });

  it('grows while the first id in flight is anywhere in the ring', () => {
    for (const done of [1, 10, 63, 64, 65, 100]) {
      const { take, returned } = makeBuffers(600);
      const inFlight = new InFlight(0);
      for (let i = 0; i < done; i++) {
        inFlight.add(plain());
        inFlight.complete(i, i, false);
      }
      for (let i = 0; i < 600; i++) inFlight.add(take());
      expect(inFlight).toMatchObject({ low: done, size: 600 });
      for (let i = 0; i < 600; i++) expect(inFlight.complete(done + i, done + i, false)).toBe(1);
      expect(returned).toEqual(Array.from({ length: 600 }, (_, i) => i));
    }
  });

  it('agrees with a map, from whatever id it starts', () => {
    const starts = fc.constantFrom(0, 2 ** 31 - 3, 2 ** 32 - 3, 2 ** 32 + 11, 2 ** 53 - 4096);
    const step = fc.tuple(fc.boolean(), fc.nat(40), fc.nat(30));
    fc.assert(
      fc.property(starts, fc.array(step, { maxLength: 400 }), (start, steps) => {
        const inFlight = new InFlight(start);
        const model = new Set<number>();
        let next = start;
        for (const [add, from, length] of steps) {
          if (add) {
            for (let i = 0; i < (from % 9) * (length > 25 ? 20 : 1); i++) {
              expect(inFlight.add(plain())).toBe(next);
              model.add(next++);
            }
          } else {
            // From anywhere around what is in flight, duplicates and ids to come included.
            const first = Math.max(0, next - 20 + from - length);
            let fresh = 0;
            for (let id = first; id <= first + length; id++) if (model.delete(id)) fresh++;
            expect(inFlight.complete(first, first + length, false)).toBe(fresh);
          }
          expect(inFlight.next).toBe(next);
          expect(inFlight.size).toBe(model.size);
          expect(inFlight.low).toBe(model.size === 0 ? next : Math.min(...model));
          for (let id = Math.max(0, next - 50); id < next + 3; id++) {
            if (inFlight.has(id) !== model.has(id)) expect({ id }).toBe(model.has(id));
          }
        }
      }),
      { numRuns: 200 },
    );
  });
});

describe('retired ids', () => {
  it('never give their slot back', () => {
    const { take, slots, returned } = makeBuffers(2);
    const inFlight = new InFlight(0);
    inFlight.add(take());
    inFlight.add(take());
    inFlight.retire(0);
    expect(inFlight.complete(0, 1, false)).toBe(2);
    expect(returned).toEqual([0, 1]); // nobody has it any more, and the pool may be waiting for that
    expect(slots).toMatchObject({ free: 1, retired: 1, inFlight: 0 });
    expect([slots.take(), slots.take()]).toEqual([1, -1]);
  });

  it('never let go of a plain array', async () => {
    const inFlight = new InFlight(0);
    const references = Array.from({ length: 2 }, () => {
      const array = plain();
      inFlight.add(array);
      return new WeakRef(array);
    });
    inFlight.retire(0);
    inFlight.complete(0, 1, false);
    const [retired, usual] = references;
    await until(() => {
      globalThis.gc?.();
      return usual?.deref() === undefined;
    }, 'the other array is collected');
    expect(retired?.deref()).toBeInstanceOf(Uint8Array);
  });

  it('are told apart from a later send of the same slot', () => {
    const { take, slots } = makeBuffers(1);
    const inFlight = new InFlight(0);
    inFlight.add(take());
    inFlight.complete(0, 0, false);
    inFlight.retire(5); // another id
    inFlight.add(take());
    inFlight.complete(1, 1, false);
    expect(slots).toMatchObject({ free: 1, retired: 0 });
  });
});
