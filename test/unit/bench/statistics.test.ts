import { describe, expect, it } from 'vitest';
import { interval } from '../../../bench/statistics.mjs';

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
