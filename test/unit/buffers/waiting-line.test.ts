import { getEventListeners } from 'node:events';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { WaitingLine } from '../../../lib/buffers/waiting-line.js';

/** A line for numbers that come back, and who got or missed what. */
function setup() {
  const there: number[] = [];
  const line = new WaitingLine<number>(() => there.length > 0);
  const log: string[] = [];
  const join = (name: string, priority = 0, signal?: AbortSignal) =>
    line
      .join(() => there.shift() as number, priority, signal)
      .then(
        (got) => void log.push(`${name}: ${got}`),
        (reason: unknown) => void log.push(`${name} misses: ${reason}`),
      );
  const bring = (...numbers: number[]) => {
    there.push(...numbers);
    line.serve();
  };
  return { there, line, log, join, bring };
}

describe('WaitingLine', () => {
  it('serves by priority, then by the time of joining, one for each thing that is there', async () => {
    const { line, log, join, bring } = setup();
    const all = [join('a'), join('b', 5), join('c', -1), join('d', 5), join('e')];
    bring(1, 2);
    expect(line.size).toBe(3);
    bring(3);
    bring(4, 5);
    await Promise.all(all);
    expect(log).toEqual(['b: 1', 'd: 2', 'a: 3', 'e: 4', 'c: 5']);
  });

  it('keeps what is there when nobody waits, and serves nobody with nothing', async () => {
    const { line, there, join, log } = setup();
    line.serve();
    const wait = join('a');
    line.serve();
    expect(line.size).toBe(1);
    there.push(1);
    await null;
    expect(line.size).toBe(1); // joining and waiting take nothing by themselves
    line.serve();
    await wait;
    there.push(2);
    line.serve();
    expect(there).toEqual([2]);
    expect(log).toEqual(['a: 1']);
  });

  it('settles each exactly once, whatever comes after it was served', async () => {
    const { line, there, log, join, bring } = setup();
    const controller = new AbortController();
    const all = [join('a', 0, controller.signal), join('b', 0, controller.signal), join('c')];
    bring(1);
    controller.abort('enough');
    line.rejectAll(() => 'closed');
    bring(2);
    await Promise.all(all);
    expect(log.sort()).toEqual(['a: 1', 'b misses: enough', 'c misses: closed']);
    expect(there).toEqual([2]);
    expect(line.size).toBe(0);
  });

  it('has one listener on a signal, and none when nobody waits under it', async () => {
    const { line, join, bring } = setup();
    const { signal } = new AbortController();
    const all = Array.from({ length: 50 }, (_, i) => join(`${i}`, 0, signal));
    expect(getEventListeners(signal, 'abort')).toHaveLength(1);
    bring(...Array.from({ length: 49 }, (_, i) => i));
    expect(getEventListeners(signal, 'abort')).toHaveLength(1);
    line.rejectAll(() => 'closed');
    expect(getEventListeners(signal, 'abort')).toHaveLength(0);
    await Promise.all(all);
  });

  it('keeps the order of those who stay while thousands join and give up', async () => {
    const { line, log, join, bring } = setup();
    const staying: Promise<void>[] = [];
    for (let i = 0; i < 2000; i++) {
      if (i % 500 === 0) staying.push(join(`stays ${i}`, i === 1000 ? 1 : 0));
      const controller = new AbortController();
      const leaving = join('leaves', i % 3, controller.signal);
      controller.abort('x');
      await leaving;
    }
    expect(line.size).toBe(4);
    log.length = 0;
    bring(1, 2, 3, 4);
    await Promise.all(staying);
    expect(log).toEqual(['stays 1000: 1', 'stays 0: 2', 'stays 500: 3', 'stays 1500: 4']);
  });

  it('agrees with a sorted list', async () => {
    const step = fc.oneof(
      fc.record({ what: fc.constant('join' as const), n: fc.integer({ min: -2, max: 2 }) }),
      fc.record({ what: fc.constantFrom('bring' as const, 'abort' as const), n: fc.nat(3) }),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 60 }), async (steps) => {
        const { line, there, log, join, bring } = setup();
        const model: { name: string; priority: number; controller: AbortController }[] = [];
        const expected: string[] = [];
        const all: Promise<void>[] = [];
        let brought = 0;
        for (const [i, { what, n }] of steps.entries()) {
          if (what === 'join') {
            if (there.length > 0) continue; // a pool lets nobody wait then
            const controller = new AbortController();
            model.push({ name: `${i}`, priority: n, controller });
            all.push(join(`${i}`, n, controller.signal));
          } else if (what === 'abort') {
            const [gone] = model.splice(n, 1);
            if (gone) expected.push(`${gone.name} misses: gone`);
            gone?.controller.abort('gone');
          } else {
            const numbers = Array.from({ length: n }, () => brought++);
            const first = there.length + numbers.length;
            const served = [...model].sort((a, b) => b.priority - a.priority).slice(0, first);
            for (const one of served) model.splice(model.indexOf(one), 1);
            const from = brought - numbers.length - there.length;
            served.forEach(({ name }, k) => void expected.push(`${name}: ${from + k}`));
            bring(...numbers);
          }
          expect(line.size).toBe(model.length);
        }
        line.rejectAll(() => 'closed');
        expected.push(...model.map(({ name }) => `${name} misses: closed`));
        await Promise.all(all);
        expect(log.sort()).toEqual(expected.sort());
      }),
      { numRuns: 300 },
    );
  });
});
