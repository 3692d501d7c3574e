// Every interleaving of the JavaScript thread, the poller thread and the kernel, for a few sends.
import { describe, expect, it } from 'vitest';
import { explore, type Violation } from './explorer.js';
import { Protocol } from './protocol.js';
import type { Bounds, Switch } from './rules.js';

const small: Bounds[] = [
  { sends: [2], room: 1, batch: 2 },
  { sends: [2], room: 1, batch: 2, refusals: 1 },
  { sends: [1, 1], room: 1, batch: 1 },
  { sends: [2], room: 2, batch: 2, inputs: 1 },
  { sends: [3], room: 2, batch: 1 },
  { sends: [2], room: 2, batch: 1, timer: true },
  { sends: [3], room: 1, batch: 2, budget: 1 },
];
// With ZEROSEND_MODEL=large, as `npm run test:sanitizers` sets it: half a minute.
const large: Bounds[] = [
  { sends: [4], room: 2, batch: 2 },
  { sends: [3], room: 1, batch: 2, budget: 1, refusals: 1 },
  { sends: [3], room: 1, batch: 2, inputs: 1 },
  { sends: [3], room: 1, batch: 2, refusals: 2 },
  { sends: [2, 1], room: 1, batch: 1 },
  { sends: [1, 1], room: 1, batch: 2, inputs: 1 },
];

const switches: Switch[] = [
  'listTakenInPart',
  'calledFirst',
  'unfinishedForgotten',
  'armKeepsBusy',
  'armedStaysSet',
  'edgeTriggered',
  'noLock',
  'noRearm',
  'silentPutBack',
  'turnForgets',
  'unwatchKeepsArmed',
  'refusalIgnored',
];

const show = (violation: Violation | undefined) =>
  violation && [violation.what, ...violation.trace].join('\n');

describe('the arm/notify/reap protocol', () => {
  const bounds = process.env.ZEROSEND_MODEL === 'large' ? [...small, ...large] : small;
  it.each(bounds)(
    'loses no wake-up and delivers no id twice: %j',
    { timeout: 300_000 },
    (bounds) => {
      const { states, violation } = explore(new Protocol(bounds));
      expect(show(violation)).toBeUndefined();
      expect(states).toBeGreaterThan(4000);
    },
  );

  it.each(switches)('fails when one rule is broken: %s', { timeout: 120_000 }, (rule) => {
    const found = small.some(
      (bounds) => explore(new Protocol(bounds, rule)).violation !== undefined,
    );
    expect(found).toBe(true);
  });
});
