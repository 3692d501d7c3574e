import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type BufferRun, runOf } from '../../../lib/buffers/buffer-run.js';
import { InFlight } from '../../../lib/engine/in-flight.js';
import { FakeFrames } from '../buffers/runs.js';

/** One socket's books over frames. */
function set(frameCount: number, firstId = 0) {
  const frames = new FakeFrames(frameCount);
  const inFlight = new InFlight(firstId);
  return {
    frames,
    inFlight,
    run: (count: number) => inFlight.addRun(runOf(frames.run(count))),
    single: () => inFlight.add(frames.single()),
  };
}

const numbers = (from: number, to: number) =>
  Array.from({ length: to - from }, (_, i) => `${from + i}`);

describe('InFlight, with runs', () => {
  it('gives each buffer of a run an id of its own', () => {
    const { inFlight, run, single } = set(20, 5);
    expect([run(4), single(), run(3)]).toEqual([5, 9, 10]);
    expect(inFlight).toMatchObject({ next: 13, low: 5, size: 8 });
    expect([4, 5, 8, 9, 12, 13].map((id) => inFlight.has(id))).toEqual([
      false,
      true,
      true,
      true,
      true,
      false,
    ]);
  });

  it('completes runs in order, whole and in pieces', () => {
    const { frames, inFlight, run } = set(20);
    run(6);
    run(6);
    expect(inFlight.complete(0, 1, false)).toBe(2);
    expect(frames.takeBack()).toEqual(['0', '1']);
    expect(inFlight).toMatchObject({ low: 2, size: 10 });
    expect([1, 2].map((id) => inFlight.has(id))).toEqual([false, true]);
    expect(inFlight.complete(2, 8, true)).toBe(7); // over the end of the first
    expect(frames.takeBack()).toEqual([2, 3, 4, 5, 6, 7, 8].map((slot) => `${slot} unsent`));
    expect(inFlight.complete(9, 11, false)).toBe(3);
    expect(inFlight).toMatchObject({ low: 12, next: 12, size: 0 });
    expect(frames.counts).toEqual({ free: 20, acquired: 0, inFlight: 0, retired: 0 });
  });

  it('forgets what was placed and not sent', () => {
    const { frames, inFlight, run, single } = set(40, 30);
    single(); // 30
    inFlight.reserve(20); // more than the ring has places
    const placed = [frames.single(), frames.single()];
    for (const [i, slot] of placed.entries()) inFlight.place(i, slot);
    inFlight.cancelPlaced(2);
    for (const slot of placed) slot.slots.release(slot);
    expect(frames.takeBack()).toEqual(['1 unsent', '2 unsent']);
    run(3); // 31 to 33, in none of the places
    expect(inFlight.complete(30, 33, false)).toBe(4);
    expect(inFlight).toMatchObject({ low: 34, next: 34, size: 0 });
    expect(frames.takeBack()).toHaveLength(4);
  });

  it('makes no hole of a send that fails after its place was passed', () => {
    const { frames, inFlight, run, single } = set(20);
    run(4); // 0 to 3
    single(); // 4
    inFlight.passed(1);
    inFlight.passed(4);
    expect(inFlight.complete(0, 4, true)).toBe(5);
    expect(frames.takeBack()).toEqual(['0 unsent', '1', '2 unsent', '3 unsent', '4']);
    expect(inFlight).toMatchObject({ low: 5, next: 5, size: 0 });
    single(); // 5: what was said of earlier ids is over
    expect(inFlight.complete(5, 5, true)).toBe(1);
    expect(frames.takeBack()).toHaveLength(1);
    expect(frames.counts).toEqual({ free: 20, acquired: 0, inFlight: 0, retired: 0 });
  });

  it('completes runs out of order, single buffers between them', () => {
    const { frames, inFlight, run, single } = set(20);
    run(4); // 0 to 3
    single(); // 4
    run(4); // 5 to 8
    run(2); // 9 and 10
    expect(inFlight.complete(6, 7, false)).toBe(2);
    expect(frames.takeBack()).toEqual(['6', '7']);
    expect(inFlight).toMatchObject({ low: 0, size: 9 });
    expect([5, 6, 7, 8].map((id) => inFlight.has(id))).toEqual([true, false, false, true]);
    expect(inFlight.complete(10, 10, false)).toBe(1);
    expect(inFlight.complete(4, 4, false)).toBe(1);
    expect(inFlight.complete(0, 2, false)).toBe(3);
    expect(inFlight).toMatchObject({ low: 3, size: 4 });
    expect(inFlight.complete(0, 10, false)).toBe(4);
    expect(frames.takeBack()).toEqual(['10', '4', '0', '1', '2', '3', '5', '8', '9']);
    expect(inFlight).toMatchObject({ low: 11, size: 0 });
  });

  it('completes nothing twice, and nothing that was not given out', () => {
    const { frames, inFlight, run } = set(20, 3);
    run(4);
    expect(inFlight.complete(0, 2, false)).toBe(0);
    expect(inFlight.complete(7, 99, false)).toBe(0);
    expect(inFlight.complete(4, 4, false)).toBe(1);
    expect(inFlight.complete(4, 4, false)).toBe(0);
    expect(inFlight.complete(0, 99, false)).toBe(3);
    expect(inFlight.complete(0, 99, false)).toBe(0);
    expect(frames.takeBack()).toEqual(['1', '0', '2', '3']);
  });

  it('completes nothing twice of what has completed from its beginning on', () => {
    const { frames, inFlight, run } = set(20);
    run(4);
    inFlight.complete(0, 1, false);
    expect(inFlight.complete(0, 2, false)).toBe(1);
    expect(inFlight.complete(1, 1, false)).toBe(0);
    expect(frames.takeBack()).toEqual(['0', '1', '2']);
    expect(inFlight).toMatchObject({ low: 3, size: 1 });
  });

  it('retires single buffers of a run, in order and out of it', () => {
    const { frames, inFlight, run } = set(8);
    run(4);
    run(4);
    inFlight.retire(1);
    inFlight.retire(6);
    expect(inFlight.complete(6, 6, false)).toBe(1);
    expect(frames.takeBack()).toEqual([]);
    expect(inFlight.complete(0, 7, false)).toBe(7);
    expect(frames.takeBack()).toEqual(['0', '2', '3', '4', '5', '7']);
    expect(frames.counts).toEqual({ free: 6, acquired: 0, inFlight: 0, retired: 2 });
  });

  it('keeps more than its ring held at first', () => {
    const { frames, inFlight, run, single } = set(2000);
    run(50);
    inFlight.complete(0, 39, false); // the ring starts in the middle when it grows
    run(40);
    expect(run(1000)).toBe(90);
    single();
    inFlight.complete(45, 45, false); // spread over what has grown
    expect(inFlight).toMatchObject({ low: 40, next: 1091, size: 1050 });
    frames.takeBack();
    expect(inFlight.complete(0, 1090, false)).toBe(1050);
    expect(frames.takeBack()).toHaveLength(1050);
    expect(frames.counts.free).toBe(2000);
  });

  it('keeps more runs than one remembers, and forgets those that are gone', () => {
    const { frames, inFlight, run } = set(1000);
    let done = 0;
    for (let i = 0; i < 100; i++) run(3);
    for (let i = 0; i < 1000; i++) {
      expect(inFlight.complete(done, done + 2, false)).toBe(3);
      done += 3;
      run(3);
      expect(inFlight.has(done - 1)).toBe(false);
      expect(inFlight.has(done)).toBe(true);
      expect(inFlight.has(inFlight.next - 1)).toBe(true);
    }
    expect(inFlight.complete(0, inFlight.next, false)).toBe(300);
    expect(frames.counts.free).toBe(1000);
  });

  it('keeps no more runs than are in flight, however many there have been', () => {
    const { frames, inFlight, run } = set(64);
    const heap = () => {
      globalThis.gc?.();
      return process.memoryUsage().heapUsed;
    };
    // Two at a time, so that there is never none; a queue that kept all would grow by 16 MB.
    const runs = 2_000_000;
    run(1);
    const cycle = (count: number) => {
      for (let i = 0; i < count; i++) {
        run(1);
        inFlight.complete(inFlight.low, inFlight.low, false);
        frames.takeBack();
      }
    };
    cycle(10_000);
    const before = heap();
    cycle(runs);
    expect(inFlight.size).toBe(1);
    expect(heap() - before).toBeLessThan(runs);
  });

  it('finds an id among many runs by few comparisons', () => {
    const { inFlight, run } = set(5000);
    for (let i = 0; i < 1000; i++) run(3);
    inFlight.complete(0, 1, false);
    inFlight.complete(3000, 3000, false); // none
    const has = (id: number) => inFlight.has(id);
    expect([0, 1, 2, 3, 1500, 2999, 3000].map(has)).toEqual([
      false,
      false,
      true,
      true,
      true,
      true,
      false,
    ]);
  });

  it('has handed a run back before it tells of its end', () => {
    const { frames, inFlight } = set(4);
    const run: BufferRun = frames.run(4);
    inFlight.addRun(runOf(run));
    inFlight.complete(0, 3, false);
    expect(frames.run(4).first).toBe(run.first);
    expect(numbers(0, 4)).toEqual(frames.takeBack());
  });

  it('agrees with a map, from whatever id it starts', () => {
    const starts = fc.constantFrom(0, 2 ** 31 - 3, 2 ** 32 - 3, 2 ** 32 + 11, 2 ** 53 - 8192);
    const step = fc.record({
      what: fc.constantFrom('run', 'run', 'single', 'oldest', 'anywhere', 'retire'),
      length: fc.integer({ min: 1, max: 40 }),
      pick: fc.nat(200),
      unsent: fc.boolean(),
    });
    const property = fc.property(starts, fc.array(step, { maxLength: 250 }), (start, steps) => {
      const count = 1500;
      const { frames, inFlight } = set(count, start);
      const model = new Map<number, number>(); // id -> slot
      const doomed = new Set<number>();
      let lost = 0;
      let next = start;
      for (const { what, length, pick, unsent } of steps) {
        if (frames.slots.free === 0 && (what === 'run' || what === 'single')) continue;
        if (what === 'run') {
          const run = frames.run(length);
          expect(inFlight.addRun(runOf(run))).toBe(next);
          for (let i = 0; i < run.count; i++) model.set(next++, run.first + i);
        } else if (what === 'single') {
          const buffer = frames.single();
          expect(inFlight.add(buffer)).toBe(next);
          model.set(next++, buffer.index);
        } else if (what === 'retire') {
          const ids = [...model.keys()];
          const id = ids[pick % Math.max(1, ids.length)];
          if (length > 2 || id === undefined) continue;
          inFlight.retire(id);
          doomed.add(id);
        } else {
          // From the oldest on, or from anywhere around; duplicates and ids to come included.
          const from = what === 'oldest' ? inFlight.low : next - pick;
          const first = Math.max(0, from);
          const expected: string[] = [];
          let fresh = 0;
          for (let id = first; id < first + length; id++) {
            const slot = model.get(id);
            if (slot === undefined) continue;
            model.delete(id);
            fresh++;
            if (doomed.delete(id)) lost++;
            else expected.push(unsent ? `${slot} unsent` : `${slot}`);
          }
          expect(inFlight.complete(first, first + length - 1, unsent)).toBe(fresh);
          expect(frames.takeBack()).toEqual(expected);
        }
        expect(inFlight.next).toBe(next);
        expect(inFlight.size).toBe(model.size);
        expect(inFlight.low).toBe(model.size === 0 ? next : Math.min(...model.keys()));
        expect(frames.counts).toEqual({
          free: count - model.size - lost,
          acquired: 0,
          inFlight: model.size,
          retired: lost,
        });
        for (let id = Math.max(0, next - 120); id < next + 3; id++) {
          if (inFlight.has(id) !== model.has(id)) expect({ id }).toBe(model.has(id));
        }
      }
    });
    fc.assert(property, { numRuns: 300 });
  });
});
