import { describe, expect, it } from 'vitest';
import { differenceOf, interval, sideOf } from '../../../bench/statistics.mjs';

/** Ratios whose logarithms have the mean 0 and the standard error 1, half of them on either side. */
const spread = (count: number) =>
  Array.from({ length: count }, (_, i) => Math.exp((i % 2 ? 1 : -1) * Math.sqrt(count - 1)));

describe('the interval of a mean', () => {
  // The quantiles of Student's t, by degrees of freedom, are those of any book of tables.
  it.each([
    [1, 12.706],
    [3, 3.182],
    [9, 2.262],
    [29, 2.045],
    [31, 2.0395],
    [59, 2.001],
    [119, 1.9801],
    [9999, 1.9602],
  ])('reaches as far as Student says with %i degrees of freedom', (freedom, t) => {
    const { ratio, low, high, within } = interval(spread(freedom + 1));
    expect(ratio).toBeCloseTo(1, 10);
    expect(Math.log(high)).toBeCloseTo(t, 3);
    expect(Math.log(low)).toBeCloseTo(-t, 3);
    expect(within).toBeCloseTo(high - 1, 10);
  });

  it('is about the geometric mean', () => {
    expect(interval([0.5, 2])).toMatchObject({ ratio: 1 });
    expect(interval([1.1, 1.1, 1.1])).toMatchObject({ within: 0 });
  });

  it('is without end for one round', () => {
    expect(interval([1])).toEqual({ ratio: 1, low: 0, high: Infinity, within: Infinity });
  });
});

describe('a bound', () => {
  it.each([
    [[1.1, 1.1], 1.1, 'above'],
    [[1.2, 1.2], 1.1, 'above'],
    [[1, 1], 1.1, 'below'],
    [[1, 1.3], 1.1, 'undecided'],
    [[1], 0.5, 'undecided'], // of one round nothing is known
  ])('is decided where the whole interval is on one side of it: %j, %d', (ratios, bound, side) => {
    expect(sideOf(interval(ratios), bound)).toBe(side);
  });
});

describe('the mean of differences', () => {
  it('has an interval of its own, which can reach across 0', () => {
    // Mean 2, standard error 1, two degrees of freedom.
    const spread = Math.sqrt(3);
    const { difference, low, high } = differenceOf([2 - spread, 2, 2 + spread]);
    expect(difference).toBeCloseTo(2, 10);
    expect(low).toBeCloseTo(2 - 4.303, 10);
    expect(high).toBeCloseTo(2 + 4.303, 10);
  });
});
