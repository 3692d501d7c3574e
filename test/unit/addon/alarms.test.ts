import { afterEach, describe, expect, it, vi } from 'vitest';
import { Alarm } from '../../../lib/engine/alarm.js';
import { until } from '../../support/deadline.js';
import { fake } from '../support/fake-native.js';
import { uncaught } from '../support/fake-sockets.js';

// The clock is made up: it is read when the module is loaded.
const time = vi.hoisted(() => ({ now: 0 }));
vi.mock('../../../lib/base/timers.js', async (load) => ({
  ...(await load<typeof import('../../../lib/base/timers.js')>()),
  clock: () => time.now,
}));
vi.mock(
  '../../../lib/addon/addon.js',
  async () => (await import('../support/fake-native.js')).module,
);

const made: Alarm[] = [];

/** An alarm that notes its name in `log`. */
function alarm(log: string[], name: string, more: () => void = () => {}): Alarm {
  const one = new Alarm(() => {
    log.push(name);
    more();
  });
  made.push(one);
  return one;
}

/** The timer runs out at the time for which it was set last, or at `now`. */
function ringAt(now: number): void {
  time.now = now;
  fake.ringAlarm();
}

afterEach(() => {
  for (const one of made.splice(0)) one.clear();
  // What an earlier test has left set may ring for nothing.
  ringAt(time.now + 1e12);
  fake.alarmCalls.length = 0;
  fake.alarmAnswer = 0;
});

describe('alarms', () => {
  it('ring in the order of their times, whatever order they were set in', () => {
    const log: string[] = [];
    const begin = time.now;
    for (const at of [7, 3, 9, 1, 8, 2, 6, 4, 5]) alarm(log, `${at}`).set(begin + at);
    for (const at of [2.5, 2.6, 7, 100]) ringAt(begin + at);
    expect(log).toEqual(['1', '2', '3', '4', '5', '6', '7', '8', '9']);
  });

  it('set one timer, for the earliest of all', () => {
    const log: string[] = [];
    const begin = time.now;
    alarm(log, 'b').set(begin + 2);
    alarm(log, 'c').set(begin + 3);
    alarm(log, 'a').set(begin + 1);
    expect(fake.alarmCalls).toEqual([2e6, 1e6]);
    ringAt(begin + 1);
    expect(fake.alarmCalls.slice(2)).toEqual([1e6]);
    expect(log).toEqual(['a']);
  });

  it('do not ring early when the timer runs out for one that was cleared', () => {
    const log: string[] = [];
    const begin = time.now;
    const first = alarm(log, 'first');
    first.set(begin + 1);
    alarm(log, 'second').set(begin + 5);
    first.clear();
    expect(first.time).toBe(Number.POSITIVE_INFINITY);
    ringAt(begin + 1);
    expect(log).toEqual([]);
    expect(fake.alarmCalls.at(-1)).toBe(4e6);
    ringAt(begin + 5);
    expect(log).toEqual(['second']);
  });

  it('that one before them clears, or sets anew, do not ring in the same turn', () => {
    const log: string[] = [];
    const begin = time.now;
    const cleared = alarm(log, 'cleared');
    const moved = alarm(log, 'moved');
    alarm(log, 'first', () => {
      cleared.clear();
      moved.set(begin + 9);
    }).set(begin + 1);
    cleared.set(begin + 2);
    moved.set(begin + 3);
    ringAt(begin + 4);
    expect(log).toEqual(['first']);
    ringAt(begin + 9);
    expect(log).toEqual(['first', 'moved']);
  });

  it('may be set anew by what they call, also for a time that is past', () => {
    const log: string[] = [];
    const begin = time.now;
    const again = alarm(log, 'x', () => {
      if (log.length < 3) again.set(begin);
    });
    again.set(begin + 1);
    ringAt(begin + 1);
    expect(log).toEqual(['x']); // never within the same turn
    expect(fake.alarmCalls.at(-1)).toBe(1);
    ringAt(begin + 1);
    ringAt(begin + 1);
    expect(log).toEqual(['x', 'x', 'x']);
    expect(again.time).toBe(Number.POSITIVE_INFINITY);
  });

  it('keep the process alive while any is set', () => {
    const one = alarm([], 'one');
    const other = alarm([], 'other');
    one.set(time.now + 1);
    other.set(time.now + 2);
    expect(fake.alive).toBe(true);
    one.clear();
    expect(fake.alive).toBe(true);
    ringAt(time.now + 2);
    expect(fake.alive).toBe(false);
  });

  it('all ring, although one throws', async () => {
    const log: string[] = [];
    const failing = new Alarm(() => {
      throw new Error('of the user');
    });
    failing.set(time.now + 1);
    alarm(log, 'next').set(time.now + 1);
    const errors = await uncaught(() => ringAt(time.now + 1));
    expect(log).toEqual(['next']);
    expect(errors.map((error) => (error as Error).message)).toEqual(['of the user']);
  });

  it('ring by the timers of Node.js where the system gives none', async () => {
    const log: string[] = [];
    fake.alarmAnswer = -24;
    const one = alarm(log, 'late', () => {});
    one.set(time.now + 5);
    time.now += 5;
    await until(() => log.length > 0, 'the alarm');
    expect(log).toEqual(['late']);
  });

  it('ring by these also after an earlier one was cleared', async () => {
    const log: string[] = [];
    fake.alarmAnswer = -24;
    const cleared = alarm(log, 'cleared');
    cleared.set(time.now + 5);
    cleared.clear();
    alarm(log, 'later').set(time.now + 9);
    time.now += 9;
    await until(() => log.length > 0, 'the alarm');
    expect(log).toEqual(['later']);
  });

  it.each([
    ['no number', '5'],
    ['NaN', Number.NaN],
    ['nothing', undefined],
  ])('are not set to %s', (_, value) => {
    expect(() => alarm([], 'x').set(value as number)).toThrow(
      expect.objectContaining({ code: 'ERR_ZEROSEND_INVALID_ARGUMENT' }),
    );
  });

  it('need a function', () => {
    expect(() => new Alarm(7 as never)).toThrow(
      expect.objectContaining({ code: 'ERR_ZEROSEND_INVALID_ARGUMENT' }),
    );
  });
});
