import { getEventListeners } from 'node:events';
import { describe, expect, it } from 'vitest';
import { IdWaiters } from '../../../lib/engine/id-waiters.js';
import { InFlight } from '../../../lib/engine/in-flight.js';
import { turn } from '../../support/deadline.js';

function setup(sends = 10) {
  const inFlight = new InFlight(0);
  for (let i = 0; i < sends; i++) inFlight.add(new Uint8Array(1));
  const waiters = new IdWaiters();
  const log: string[] = [];
  const note = (name: string, promise: Promise<void>) =>
    promise.then(
      () => void log.push(name),
      (reason: unknown) => void log.push(`${name} rejected: ${reason}`),
    );
  const complete = async (first: number, last = first) => {
    inFlight.complete(first, last, false);
    waiters.settle(inFlight);
    await turn();
  };
  return { inFlight, waiters, log, note, complete };
}

describe('IdWaiters', () => {
  it('resolves exactly those whose id has completed', async () => {
    const { waiters, log, note, complete } = setup();
    note('5', waiters.forId(5, undefined));
    note('5 again', waiters.forId(5, undefined));
    note('3', waiters.forId(3, undefined));
    await complete(4);
    expect(log).toEqual([]);
    await complete(5, 9);
    expect(log).toEqual(['5', '5 again']);
    expect(waiters.empty).toBe(false);
    await complete(0, 3);
    expect(log).toEqual(['5', '5 again', '3']);
    expect(waiters.empty).toBe(true);
  });

  it('resolves a flush when every id below its target has completed', async () => {
    const { waiters, log, note, complete } = setup();
    note('below 3', waiters.forAllBelow(3, undefined));
    note('below 10', waiters.forAllBelow(10, undefined));
    await complete(1, 9);
    expect(log).toEqual([]);
    await complete(0);
    expect(log).toEqual(['below 3', 'below 10']);
    expect(waiters.empty).toBe(true);
  });

  it('resolves flushes one after another as their ids complete', async () => {
    const { waiters, log, note, complete } = setup();
    for (const target of [2, 5, 5, 9]) note(`${target}`, waiters.forAllBelow(target, undefined));
    await complete(0, 1);
    expect(log).toEqual(['2']);
    await complete(2, 6);
    expect(log).toEqual(['2', '5', '5']);
    await complete(7, 9);
    expect(log).toEqual(['2', '5', '5', '9']);
  });

  it('rejects with the reason of the signal and forgets the waiter', async () => {
    const { waiters, log, note, complete } = setup();
    const [id, flush] = [new AbortController(), new AbortController()];
    note('id', waiters.forId(5, id.signal));
    note('flush', waiters.forAllBelow(10, flush.signal));
    id.abort('no time');
    await turn();
    expect(log).toEqual(['id rejected: no time']);
    flush.abort('no more');
    await turn();
    expect(log).toEqual(['id rejected: no time', 'flush rejected: no more']);
    expect(waiters.empty).toBe(true);
    await complete(0, 9);
    expect(log).toHaveLength(2);
  });

  it('leaves the others waiting when one gives up', async () => {
    const { waiters, log, note, complete } = setup();
    const controller = new AbortController();
    note('gives up', waiters.forId(5, controller.signal));
    note('stays', waiters.forId(5, undefined));
    note('flush gives up', waiters.forAllBelow(10, controller.signal));
    note('flush stays', waiters.forAllBelow(10, undefined));
    controller.abort('x');
    await turn();
    await complete(0, 9);
    expect(log).toEqual([
      'gives up rejected: x',
      'flush gives up rejected: x',
      'stays',
      'flush stays',
    ]);
  });

  it('takes in nobody whose signal is aborted already', async () => {
    const { waiters, log, note } = setup();
    note('id', waiters.forId(5, AbortSignal.abort('late')));
    note('flush', waiters.forAllBelow(10, AbortSignal.abort('late')));
    await turn();
    expect(log).toEqual(['id rejected: late', 'flush rejected: late']);
    expect(waiters.empty).toBe(true);
  });

  it('takes its listeners off the signal, which may outlive many sends', async () => {
    const { waiters, note, complete } = setup();
    const { signal } = new AbortController();
    for (let id = 0; id < 5; id++) {
      note('id', waiters.forId(id, signal));
      note('flush', waiters.forAllBelow(10, signal));
    }
    expect(getEventListeners(signal, 'abort')).toHaveLength(1); // adding one walks all the others
    await complete(0, 9);
    expect(getEventListeners(signal, 'abort')).toHaveLength(0);
  });

  it('resolves an id with its record and a flush with its last event, in any order', async () => {
    const { inFlight, waiters, log, note } = setup();
    for (const id of [1, 2, 7, 8]) note(`${id}`, waiters.forId(id, undefined));
    note('flush', waiters.forAllBelow(10, undefined));
    // All have completed; the records are told of one after another.
    inFlight.complete(0, 9, false);
    const told = async (first: number, last: number, low: number) => {
      waiters.settle(inFlight, first, last, low);
      await turn();
      return log.splice(0);
    };
    expect(await told(7, 7, 0)).toEqual(['7']);
    expect(await told(1, 1, 0)).toEqual(['1']);
    expect(await told(0, 0, 2)).toEqual([]);
    expect(await told(0, -1, 2)).toEqual([]); // an event of something else
    expect(await told(8, 9, 2)).toEqual(['8']);
    expect(await told(2, 6, 10)).toEqual(['2', 'flush']);
    expect(waiters.empty).toBe(true);
  });

  it('resolves a flush for a target that an earlier one had, at the next event', async () => {
    const { inFlight, waiters, log, note, complete } = setup();
    note('first', waiters.forAllBelow(10, undefined));
    await complete(0, 9);
    note('second', waiters.forAllBelow(10, undefined));
    note('gone', waiters.forAllBelow(10, AbortSignal.abort('x')));
    waiters.settle(inFlight, 0, -1, 10);
    await turn();
    expect(log).toEqual(['first', 'gone rejected: x', 'second']);
    expect(waiters.empty).toBe(true);
  });

  // Counted, as times are not comparable: a look at an id is a call of has().
  it.each(['in order', 'backwards', 'at random', 'as one'])(
    'looks at each id a bounded number of times: %s',
    async (order) => {
      const looks: number[] = [];
      for (const count of [1000, 8000]) {
        const { inFlight, waiters } = setup(count);
        const all = Array.from({ length: count }, (_, id) => waiters.forId(id, undefined));
        const ids = Array.from({ length: count }, (_, id) => id);
        if (order === 'backwards') ids.reverse();
        if (order === 'at random') ids.sort((a, b) => ((a * 7919) % count) - ((b * 7919) % count));
        let calls = 0;
        const { has } = inFlight;
        inFlight.has = (id) => {
          calls++;
          return has.call(inFlight, id);
        };
        const records = order === 'as one' ? [[0, count - 1]] : ids.map((id) => [id, id]);
        for (const [first, last] of records as [number, number][]) {
          inFlight.complete(first, last, false);
          waiters.settle(inFlight, first, last, inFlight.low);
        }
        await Promise.all(all);
        looks.push(calls / count);
      }
      for (const each of looks) expect(each).toBeLessThanOrEqual(2);
    },
  );
});
