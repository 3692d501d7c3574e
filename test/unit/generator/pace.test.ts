import { describe, expect, it } from 'vitest';
import { Pace } from '../../../lib/generator/pace/pace.js';
import { checkRate } from '../../../lib/generator/pace/rate.js';
import { checkStreamRate } from '../../../lib/generator/streams/stream-options.js';

const BYTES = 32;

describe('a pace in bits, with packets of another length', () => {
  const pieces = [
    { to: 1000 * BYTES * 8, seconds: 0.01 },
    { to: 100 * BYTES * 8, seconds: 1 },
  ];
  const rateOf = (bytes: number) =>
    checkRate('rate', { bits: pieces, burst: 1, catchUp: 1e6 }, bytes);

  it('goes on in the piece that it has got to', () => {
    const pace = new Pace(rateOf(BYTES));
    pace.start(0);
    expect(pace.take(15, 1000)).toBe(11); // at 0, 1, … 10 ms; the next is due at 20
    pace.setRate(rateOf(2 * BYTES), 15, 0.5);
    // Half of its distance is over; the other half is twice as long with 50 of them a second.
    expect(pace.due).toBeCloseTo(25);
    expect(pace.take(25, 1000)).toBe(1);
    expect(pace.due).toBeCloseTo(45);
  });

  it('begins with the first piece where the rate is set', () => {
    const pace = new Pace(rateOf(BYTES));
    pace.start(0);
    pace.take(15, 1000);
    pace.setRate(rateOf(2 * BYTES), 15);
    expect(pace.due).toBeCloseTo(16);
  });
});

it('streams by chance have distances of their own each, unless they are given a seed', () => {
  const rate = { packets: 1000, arrivals: 'poisson' } as const;
  const duesOf = (number: number, more = {}) => {
    const pace = new Pace(checkStreamRate({ ...rate, ...more }, 0, number));
    pace.start(0);
    return Array.from({ length: 5 }, () => {
      pace.take(pace.due, 1);
      return pace.due;
    });
  };
  expect(duesOf(1)).not.toEqual(duesOf(2));
  expect(duesOf(1)).toEqual(duesOf(1));
  expect(duesOf(1, { seed: 7 })).toEqual(duesOf(2, { seed: 7 }));
});
