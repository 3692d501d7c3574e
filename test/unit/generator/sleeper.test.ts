import { setTimeout as pause, setImmediate as turn } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { Sleeper } from '../../../lib/generator/base/sleeper.js';
import { within } from '../../support/deadline.js';

it.each([
  ['who is done first', false],
  ['who is done last', true],
])('two who wait with one signal both hear of it, looked at first: %s', async (_, longFirst) => {
  const sleeper = new Sleeper();
  const stop = new AbortController();
  let due = Number.POSITIVE_INFINITY; // of the short one
  const forever = () => sleeper.sleep(() => Number.POSITIVE_INFINITY, 'sleep', stop.signal);
  const before = longFirst ? forever() : null;
  const short = sleeper.sleep(() => due, 'sleep', stop.signal);
  const long = before ?? forever();
  due = 0;
  sleeper.wake();
  await within(short, 'the one that is due');
  stop.abort();
  await within(long, 'the one that the signal ends');
  expect(stop.signal.aborted).toBe(true);
});

describe('on the thread of the program', () => {
  const sleeper = new Sleeper();
  const block = (ms: number, signal?: AbortSignal) => {
    const due = performance.now() + ms;
    return within(
      sleeper.sleep(() => due, 'block', signal),
      `${ms} ms`,
    );
  };

  it('waits up to the time, without a turn of the event loop', async () => {
    await turn();
    let turned = false;
    setImmediate(() => {
      turned = true;
    });
    const began = performance.now();
    await block(1.9);
    expect(turned).toBe(false);
    expect(performance.now() - began).toBeGreaterThanOrEqual(1.9);
  });

  it('is asleep meanwhile', async () => {
    /** Which part of 20 ms this process has used the CPU for. */
    const busy = async () => {
      const began = performance.now();
      const before = process.cpuUsage();
      for (let waits = 0; waits < 20; waits++) await block(1);
      const { user, system } = process.cpuUsage(before);
      return (user + system) / 1000 / (performance.now() - began);
    };
    const rounds = [];
    for (let i = 0; i < 5; i++) rounds.push(await busy());
    expect(Math.min(...rounds)).toBeLessThan(0.5); // who looks at the clock all the time: 1
  });

  it('lets the event loop turn between many short waits', async () => {
    let turns = 0;
    let immediate = setImmediate(function count() {
      turns++;
      immediate = setImmediate(count);
    });
    for (let waits = 0; waits < 50; waits++) await block(1);
    clearImmediate(immediate);
    expect(turns).toBeGreaterThan(0);
  });

  it('leaves the event loop alone until shortly before a time that is far off', async () => {
    const timer = pause(1);
    let rung = false;
    void timer.then(() => {
      rung = true;
    });
    await block(50);
    expect(rung).toBe(true);
  });

  it('ends by a signal', async () => {
    const stop = new AbortController();
    const waiting = block(1e6, stop.signal);
    setTimeout(() => stop.abort(), 5);
    await waiting;
  });
});
