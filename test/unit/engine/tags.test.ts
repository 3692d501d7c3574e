import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Tags } from '../../../lib/engine/tags.js';

describe('Tags', () => {
  it('gives each back once, whatever completes in whatever order', () => {
    const step = fc.record({
      tagged: fc.boolean(),
      complete: fc.integer({ min: 0, max: 5 }),
      from: fc.nat(),
    });
    fc.assert(
      fc.property(
        fc.integer({ min: 0, max: 2 ** 40 }),
        fc.array(step, { maxLength: 300 }),
        (start, steps) => {
          const tags = new Tags();
          const model = new Map<number, string>();
          const open: number[] = [];
          let next = start;
          for (const { tagged, complete, from } of steps) {
            if (tagged) {
              tags.set(next, `tag ${next}`);
              model.set(next, `tag ${next}`);
            }
            open.push(next++);
            for (let i = 0; i < complete && open.length > 0; i++) {
              const at = from % open.length;
              const first = open[at] as number;
              let last = first;
              while (open.includes(last + 1) && last - first < 4) last++;
              open.splice(at, last - first + 1);
              const expected = Array.from({ length: last - first + 1 }, (_, k) =>
                model.get(first + k),
              );
              const none = expected.every((tag) => tag === undefined);
              expect(tags.of(first, last)).toEqual(none ? undefined : expected);
              expect(tags.take(first, last)).toEqual(none ? undefined : expected);
              expect(tags.take(first, last)).toBeUndefined();
              for (let id = first; id <= last; id++) model.delete(id);
            }
          }
        },
      ),
    );
  });

  it('keeps nothing of what has been taken', () => {
    const tags = new Tags();
    for (let id = 0; id < 1000; id++) tags.set(id, { id });
    tags.take(0, 999);
    expect(JSON.stringify(tags.of(0, 2000))).toBeUndefined();
    tags.set(2 ** 45, null); // far beyond: the ring begins anew
    expect(tags.take(2 ** 45 - 1, 2 ** 45)).toEqual([undefined, null]);
  });
});
