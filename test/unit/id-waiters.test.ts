import { getEventListeners } from 'node:events';
import { describe, expect, it } from 'vitest';
import { IdWaiters } from '../../lib/id-waiters.js';
import { InFlight } from '../../lib/in-flight.js';
import { turn } from '../support/deadline.js';

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
    expect(getEventListeners(signal, 'abort')).toHaveLength(10);
    await complete(0, 9);
    expect(getEventListeners(signal, 'abort')).toHaveLength(0);
  });
});
