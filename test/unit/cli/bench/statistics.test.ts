import { describe, expect, it } from 'vitest';
import { summarize } from '../../../../lib/cli/bench/statistics.js';

describe('summarize', () => {
  it('has the least and the greatest of few values as its interval', () => {
    expect(summarize([5])).toEqual({ median: 5, low: 5, high: 5 });
    expect(summarize([3, 1, 2, 5, 4])).toEqual({ median: 3, low: 1, high: 5 });
    expect(summarize([4, 1, 3, 2])).toMatchObject({ median: 2.5 });
  });

  // The tables of the sign test: 95 % need the 2nd of 9 to 11, the 3rd of 12 to 14, the 6th of 20.
  it.each([
    [6, 1],
    [8, 1],
    [9, 2],
    [11, 2],
    [12, 3],
    [14, 3],
    [15, 4],
    [20, 6],
    [25, 8],
  ])('of %i values leaves out what is before the %i. and behind the last but as many', (n, nth) => {
    const values = Array.from({ length: n }, (_, i) => i + 1);
    expect(summarize(values)).toEqual({ median: (n + 1) / 2, low: nth, high: n + 1 - nth });
  });

  it('is not moved by a value that is far off', () => {
    const values = [10, 10, 10, 10, 10, 10, 10, 10, 10, 10, 1e9];
    expect(summarize(values)).toEqual({ median: 10, low: 10, high: 10 });
  });
});
