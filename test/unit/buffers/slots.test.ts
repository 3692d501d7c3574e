import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { RingOrder } from '../../../lib/buffers/slot-order.js';
import { Slot, Slots } from '../../../lib/buffers/slots.js';

const FREE = { leases: 0, sends: 0 };

/** The slots of a pool with who holds them, by number. */
class Table {
  readonly slots: Slots;
  readonly #holders: Slot[];

  constructor(count: number) {
    this.slots = new Slots(count);
    this.#holders = Array.from(
      { length: count },
      (_, index) => new Slot(this.slots, index, 1, null),
    );
  }

  #of(slot: number): Slot {
    return this.#holders[slot] as Slot;
  }

  take(): number {
    const slot = this.slots.take();
    if (slot >= 0) this.#of(slot).leases = 1;
    return slot;
  }

  lease(slot: number, more: number): void {
    this.#of(slot).leases += more;
  }

  leases = (slot: number) => this.#of(slot).leases;
  sends = (slot: number) => this.#of(slot).sends;
  beginSend = (slot: number) => this.slots.beginSend(this.#of(slot));
  cancelSend = (slot: number) => this.slots.cancelSend(this.#of(slot));
  endSend = (slot: number, unsent: boolean) => this.slots.endSend(this.#of(slot), unsent);
  release = (slot: number) => this.slots.release(this.#of(slot));
}

function counts({ free, acquired, inFlight, retired }: Slots) {
  return { free, acquired, inFlight, retired };
}

describe('Slots', () => {
  it('hands out slot 0 first, each slot once, and then -1', () => {
    const slots = new Table(3);
    expect([slots.take(), slots.take(), slots.take(), slots.take()]).toEqual([0, 1, 2, -1]);
    expect(counts(slots.slots)).toEqual({ free: 0, acquired: 3, inFlight: 0, retired: 0 });
    expect(slots.slots.ready).toBe(false);
  });

  it('hands out the lowest of those that came back', () => {
    const slots = new Table(4);
    for (let i = 0; i < 4; i++) slots.take();
    slots.release(2);
    slots.release(0);
    slots.release(3);
    expect([slots.take(), slots.take(), slots.take()]).toEqual([0, 2, 3]);
  });

  it('keeps a slot while a lease is left, and while a send is', () => {
    const slots = new Table(1);
    slots.take();
    slots.lease(0, 1);
    slots.beginSend(0);
    expect(counts(slots.slots)).toEqual({ free: 0, acquired: 1, inFlight: 0, retired: 0 });
    expect(slots.endSend(0, false)).toBe(false);
    slots.beginSend(0);
    expect(counts(slots.slots)).toEqual({ free: 0, acquired: 0, inFlight: 1, retired: 0 });
    expect(slots.take()).toBe(-1);
    expect(slots.endSend(0, false)).toBe(true);
    expect(slots.take()).toBe(0);
  });

  it('puts a slot in flight when its last lease is released and a send is left', () => {
    const slots = new Table(1);
    slots.take();
    slots.lease(0, 1);
    slots.beginSend(0);
    expect(slots.release(0)).toBe(false);
    expect(counts(slots.slots)).toEqual({ free: 0, acquired: 0, inFlight: 1, retired: 0 });
    expect(slots.endSend(0, false)).toBe(true);
  });

  it('never hands out a retired slot again', () => {
    const slots = new Table(2);
    slots.take();
    slots.beginSend(0);
    slots.slots.retire(0);
    expect(slots.slots.isRetired(0)).toBe(true);
    expect(slots.slots.isRetired(1)).toBe(false);
    expect(slots.endSend(0, false)).toBe(true); // nobody has it any more
    expect(counts(slots.slots)).toEqual({ free: 1, acquired: 0, inFlight: 0, retired: 1 });
    expect([slots.take(), slots.take()]).toEqual([1, -1]);
  });
});

/** What a slot is, kept one by one, where `Slots` keeps sums. */
interface Model {
  slots: { leases: number; sends: number; doomed: boolean; gone: boolean }[];
  free: number[];
}

class Command implements fc.Command<Model, Table> {
  constructor(
    readonly name: string,
    readonly pick: number,
    readonly possible: (slot: Model['slots'][number]) => boolean,
    readonly effect: (model: Model, real: Table, slot: number) => void,
  ) {}

  #slot(model: Model): number {
    const fit = [...model.slots.keys()].filter((i) =>
      this.possible(model.slots[i] as Model['slots'][number]),
    );
    return fit.length === 0 ? -1 : (fit[this.pick % fit.length] as number);
  }

  check(model: Readonly<Model>): boolean {
    return this.#slot(model) >= 0;
  }

  run(model: Model, real: Table): void {
    this.effect(model, real, this.#slot(model));
    const { slots } = model;
    const free = slots.filter((s) => s.leases === 0 && s.sends === 0 && !s.gone).length;
    const acquired = slots.filter((s) => s.leases > 0).length;
    const retired = slots.filter((s) => s.gone).length;
    const inFlight = slots.filter((s) => s.leases === 0 && s.sends > 0).length;
    expect(counts(real.slots)).toEqual({ free, acquired, inFlight, retired });
    expect(free + acquired + inFlight + retired).toBe(real.slots.count);
    expect(real.slots.ready).toBe(free > 0);
    for (const [i, { leases, sends }] of slots.entries()) {
      expect({ slot: i, leases: real.leases(i), sends: real.sends(i) }).toEqual({
        slot: i,
        leases,
        sends,
      });
    }
  }

  toString(): string {
    return `${this.name}#${this.pick}`;
  }
}

/** Whether nobody has the slot any more: then it comes back, or is lost. */
function back(model: Model, slot: number): boolean {
  const state = model.slots[slot] as Model['slots'][number];
  if (state.leases > 0 || state.sends > 0) return false;
  state.gone = state.doomed;
  if (!state.gone) model.free.push(slot);
  return true;
}

type State = Model['slots'][number];
const at = (model: Model, slot: number) => model.slots[slot] as State;
const any = () => true;
const held = (s: State) => s.leases > 0;
const sent = (s: State) => s.sends > 0;
const used = (s: State) => s.leases > 0 || s.sends > 0;

const commands = [
  fc.nat(99).map(
    (n) =>
      new Command('take', n, any, (model, real) => {
        const expected = model.free.length > 0 ? Math.min(...model.free) : -1;
        model.free = model.free.filter((slot) => slot !== expected);
        expect(real.take()).toBe(expected);
        if (expected >= 0) Object.assign(at(model, expected), { leases: 1 });
      }),
  ),
  fc.tuple(fc.nat(99), fc.integer({ min: 1, max: 3 })).map(
    ([n, more]) =>
      new Command('lease', n, held, (model, real, slot) => {
        real.lease(slot, more);
        at(model, slot).leases += more;
      }),
  ),
  fc.nat(99).map(
    (n) =>
      new Command('beginSend', n, held, (model, real, slot) => {
        real.beginSend(slot);
        at(model, slot).leases--;
        at(model, slot).sends++;
      }),
  ),
  fc.nat(99).map(
    (n) =>
      new Command('cancelSend', n, sent, (model, real, slot) => {
        real.cancelSend(slot);
        at(model, slot).leases++;
        at(model, slot).sends--;
      }),
  ),
  fc.tuple(fc.nat(99), fc.boolean()).map(
    ([n, unsent]) =>
      new Command('endSend', n, sent, (model, real, slot) => {
        at(model, slot).sends--;
        expect(real.endSend(slot, unsent)).toBe(back(model, slot));
      }),
  ),
  fc.nat(99).map(
    (n) =>
      new Command('release', n, held, (model, real, slot) => {
        at(model, slot).leases--;
        expect(real.release(slot)).toBe(back(model, slot));
      }),
  ),
  fc.nat(99).map(
    (n) =>
      new Command('retire', n, used, (model, real, slot) => {
        real.slots.retire(slot);
        at(model, slot).doomed = true;
      }),
  ),
];
// Retiring is rare, or nothing would be left to play with.
const mostly = [...commands.slice(0, -1), ...commands.slice(0, -1), ...commands];

it('Slots: the counts of the four states add up after every step', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 6 }),
      fc.commands(mostly, { maxCommands: 200 }),
      (count, steps) => {
        const setup = () => ({
          model: {
            slots: Array.from({ length: count }, () => ({ ...FREE, doomed: false, gone: false })),
            free: Array.from({ length: count }, (_, i) => i),
          },
          real: new Table(count),
        });
        fc.modelRun(setup, steps);
      },
    ),
    { numRuns: 200 },
  );
});

describe('RingOrder', () => {
  it('goes round in order and stops at a slot that is not back', () => {
    const order = new RingOrder(3);
    expect([order.take(), order.take(), order.take(), order.take()]).toEqual([0, 1, 2, -1]);
    order.put(1, false); // early: the kernel comes to slot 0 first
    expect(order.ready).toBe(false);
    expect(order.take()).toBe(-1);
    order.put(0, false);
    expect([order.take(), order.take(), order.take()]).toEqual([0, 1, -1]);
  });

  it('hands out what came back unsent before anything else, the oldest first', () => {
    const order = new RingOrder(6);
    for (let i = 0; i < 4; i++) order.take();
    order.put(3, true);
    order.put(1, true);
    order.put(2, true);
    expect([order.take(), order.take(), order.take(), order.take()]).toEqual([1, 2, 3, 4]);
  });

  it('knows the oldest also where the ring has come round', () => {
    const order = new RingOrder(4);
    for (let i = 0; i < 4; i++) order.take();
    for (let i = 0; i < 3; i++) order.put(i, false);
    order.take(); // slot 0, younger than 3
    order.put(0, true);
    order.put(3, true);
    expect([order.take(), order.take(), order.take()]).toEqual([3, 0, 1]);
  });

  // Each handing-out of a slot has a number; the kernel goes through the numbers one by one.
  it('follows the kernel round the ring, whatever comes back when', () => {
    const step = fc.tuple(fc.constantFrom('take', 'take', 'sent', 'unsent'), fc.nat(999));
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 7 }),
        fc.array(step, { maxLength: 300 }),
        (count, steps) => {
          const order = new RingOrder(count);
          let next = 0; // the next number
          const out = new Set<number>();
          const holes = new Set<number>();
          for (const [what, pick] of steps) {
            const taken = [...out].some((n) => n % count === next % count);
            const holed = [...holes].some((n) => n % count === next % count);
            const expected = holes.size > 0 ? Math.min(...holes) : taken || holed ? -1 : next;
            expect(order.ready).toBe(expected >= 0);
            if (what === 'take') {
              expect(order.take()).toBe(expected < 0 ? -1 : expected % count);
              if (expected < 0) continue;
              if (!holes.delete(expected)) next++;
              out.add(expected);
            } else if (out.size > 0) {
              const number = [...out][pick % out.size] as number;
              out.delete(number);
              order.put(number % count, what === 'unsent');
              if (what === 'unsent') holes.add(number);
            }
          }
        },
      ),
      { numRuns: 300 },
    );
  });
});
