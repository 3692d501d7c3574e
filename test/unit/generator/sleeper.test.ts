import { expect, it } from 'vitest';
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
