import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { LowestOrder, RingOrder, type SlotOrder } from '../../../lib/buffers/slot-order.js';

/** Which slot would come next, and what becomes of it: one slot at a time. */
interface Model {
  /** or -1 */
  next(): number;
  take(slot: number): void;
  put(slot: number, unsent: boolean): void;
}

/** Each handing-out has a number; a ring goes through the numbers one by one, holes first. */
class RingModel implements Model {
  readonly #count: number;
  readonly #out = new Map<number, number>(); // slot -> number
  readonly #holes = new Map<number, number>();
  #number = 0;

  constructor(count: number) {
    this.#count = count;
  }

  next(): number {
    const oldest = [...this.#holes].sort(([, a], [, b]) => a - b)[0];
    if (oldest !== undefined) return oldest[0];
    const slot = this.#number % this.#count;
    return this.#out.has(slot) ? -1 : slot;
  }

  take(slot: number): void {
    const number = this.#holes.get(slot) ?? this.#number++;
    this.#holes.delete(slot);
    this.#out.set(slot, number);
  }

  put(slot: number, unsent: boolean): void {
    if (unsent) this.#holes.set(slot, this.#out.get(slot) as number);
    this.#out.delete(slot);
  }
}

class LowestModel implements Model {
  readonly #free: Set<number>;

  constructor(count: number) {
    this.#free = new Set(Array.from({ length: count }, (_, i) => i));
  }

  next(): number {
    return this.#free.size === 0 ? -1 : Math.min(...this.#free);
  }

  take(slot: number): void {
    this.#free.delete(slot);
  }

  put(slot: number): void {
    this.#free.add(slot);
  }

  has(slot: number): boolean {
    return this.#free.has(slot);
  }
}

const step = fc.record({
  what: fc.constantFrom('take', 'run', 'run', 'extend', 'sent', 'unsent'),
  pick: fc.nat(999),
  length: fc.integer({ min: 1, max: 9 }),
});

/**
 * Plays steps on an order and its model.
 * @param follows whether the slot is what an extension may take now
 */
function agree<M extends Model>(
  count: number,
  steps: readonly { what: string; pick: number; length: number }[],
  { order, model, follows }: { order: SlotOrder; model: M; follows(model: M, at: number): boolean },
): void {
  const out = new Set<number>();
  const handOut = (slot: number) => {
    expect(out.has(slot), `slot ${slot} is handed out twice`).toBe(false);
    model.take(slot);
    out.add(slot);
  };
  const extend = (slot: number, most: number) => {
    let more = 0;
    while (more < most && slot + 1 + more < count && follows(model, slot + 1 + more)) {
      handOut(slot + 1 + more++);
    }
    expect(order.extend(slot, most)).toBe(more);
  };
  for (const { what, pick, length } of steps) {
    if (what === 'take' || what === 'run') {
      const slot = model.next();
      expect(order.ready).toBe(slot >= 0);
      expect(order.take()).toBe(slot);
      if (slot >= 0) handOut(slot);
      if (slot >= 0 && what === 'run') extend(slot, length - 1);
    } else if (out.size > 0) {
      const first = [...out][pick % out.size] as number;
      if (what === 'extend') {
        extend(first, length); // as of one that was acquired a moment ago
      } else {
        let end = first;
        while (end < first + length && out.delete(end)) end++;
        const unsent = what === 'unsent';
        for (let slot = first; slot < end; slot++) model.put(slot, unsent);
        if (end - first === 1 && pick % 2 === 0) order.put(first, unsent);
        else order.putRun(first, end - first, unsent);
      }
    }
    expect(order.size).toBe(count - out.size);
    expect(order.ready).toBe(model.next() >= 0);
  }
}

const counts = fc.integer({ min: 1, max: 12 });
const history = fc.array(step, { maxLength: 200 });

describe('RingOrder, in runs', () => {
  it('takes what taking one by one would give, for as long as that is the neighbour', () => {
    const property = fc.property(counts, history, (count, steps) => {
      agree(count, steps, {
        order: new RingOrder(count),
        model: new RingModel(count),
        follows: (model, at) => model.next() === at,
      });
    });
    fc.assert(property, { numRuns: 1000 });
  });

  it('ends a run at the end of the ring, where the next begins', () => {
    const order = new RingOrder(6);
    expect([order.take(), order.extend(0, 3)]).toEqual([0, 3]);
    order.putRun(0, 4, false);
    expect([order.take(), order.extend(4, 9)]).toEqual([4, 1]);
    expect([order.take(), order.extend(0, 9)]).toEqual([0, 3]);
    expect(order).toMatchObject({ size: 0, ready: false });
  });

  it('hands out a run that came back unsent as holes, the oldest first', () => {
    const order = new RingOrder(8);
    order.take();
    order.extend(0, 5);
    order.putRun(4, 2, true);
    order.putRun(1, 2, true);
    expect([order.take(), order.extend(1, 9)]).toEqual([1, 1]); // 3 is out
    expect([order.take(), order.extend(4, 9)]).toEqual([4, 3]); // and on to what never was out
    expect(order).toMatchObject({ size: 0, ready: false });
  });

  it('takes nothing new while an older hole is left', () => {
    const order = new RingOrder(8);
    for (let i = 0; i < 4; i++) order.take();
    order.put(0, true);
    expect(order.extend(3, 4)).toBe(0);
    expect(order.take()).toBe(0);
    expect(order.extend(3, 4)).toBe(4);
  });

  it('stops at a slot that is not back, and at the most', () => {
    const order = new RingOrder(8);
    order.take();
    order.extend(0, 7);
    order.putRun(0, 3, false);
    order.putRun(4, 4, false);
    expect([order.take(), order.extend(0, 1), order.take(), order.extend(2, 9)]).toEqual([
      0, 1, 2, 0,
    ]);
    expect(order).toMatchObject({ size: 4, ready: false });
  });
});

describe('LowestOrder', () => {
  it('takes the lowest, and those that are free behind it', () => {
    const property = fc.property(counts, history, (count, steps) => {
      agree(count, steps, {
        order: new LowestOrder(count),
        model: new LowestModel(count),
        follows: (model, at) => model.has(at),
      });
    });
    fc.assert(property, { numRuns: 1000 });
  });

  it('uses few slots again and again', () => {
    const order = new LowestOrder(100);
    for (let round = 0; round < 5; round++) {
      expect([order.take(), order.extend(0, 9)]).toEqual([0, 9]);
      order.putRun(0, 10);
    }
    expect(order.size).toBe(100);
  });

  it('has none left', () => {
    const order = new LowestOrder(3);
    expect([order.take(), order.extend(0, 99), order.take()]).toEqual([0, 2, -1]);
    expect(order).toMatchObject({ size: 0, ready: false });
    order.put(2);
    order.put(0);
    expect([order.take(), order.extend(0, 2), order.take(), order.take()]).toEqual([0, 0, 2, -1]);
  });
});
