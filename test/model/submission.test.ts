// The protocol between JavaScript and the submission thread, where each has a store buffer.
import { describe, expect, it } from 'vitest';
import { explore, type Violation } from './explorer.js';
import type { Machine } from './store-buffers.js';
import { drain, publication, stream, type Weakening } from './submission.js';

const show = (violation: Violation | undefined) =>
  violation && [violation.what, ...violation.trace].join('\n');

const protocols: [string, (weakened?: Weakening) => Machine, number][] = [
  ['no line is read too early, and the thread sleeps through none', publication, 100],
  ['no record is lost, and the event loop is called for each', stream, 500],
  ['whoever waits for room is told', drain, 10],
];

describe('the protocol of the submission thread', () => {
  it.each(protocols)('%s', (_, protocol, least) => {
    const { states, violation } = explore(protocol());
    expect(show(violation)).toBeUndefined();
    expect(states).toBeGreaterThan(least);
  });

  it.each<[Weakening, (weakened: Weakening) => Machine, string]>([
    ['tailUnordered', publication, 'a line was read before it was written'],
    ['tailReleased', publication, 'everybody waits'],
    ['asleepReleased', publication, 'everybody waits'],
    ['tailNotLookedAt', publication, 'everybody waits'],
    ['recordsUnordered', stream, 'a record was read that is another'],
    ['recordsReleased', stream, 'everybody waits'],
    ['idleReleased', stream, 'everybody waits'],
    ['backlogReleased', stream, 'everybody waits'],
    ['headReleased', stream, 'everybody waits'],
    ['waitingReleased', drain, 'everybody waits'],
    ['drainAtReleased', drain, 'everybody waits'],
  ])('fails without one order: %s', (weakening, protocol, what) => {
    expect(explore(protocol(weakening)).violation?.what).toBe(what);
  });
});
