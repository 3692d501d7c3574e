/** The summary of repeated measurements of one thing. */
export interface Summary {
  readonly median: number;
  /** The median lies between `low` and `high` with a confidence of 95 %; of five values or fewer they
   * are the least and the greatest, which is 94 % for five. */
  readonly low: number;
  readonly high: number;
}

/**
 * Computes the median and its interval by order statistics, which assume no distribution of the
 * values: a slice in which the machine was busy otherwise must not move the result.
 */
export function summarize(values: readonly number[]): Summary {
  const sorted = [...values].sort((a, b) => a - b);
  const { length } = sorted;
  const at = (index: number) => sorted[index] ?? Number.NaN;
  const middle = (length - 1) / 2;
  const outer = valuesOutside(length);
  return {
    median: (at(Math.floor(middle)) + at(Math.ceil(middle))) / 2,
    low: at(outer),
    high: at(length - 1 - outer),
  };
}

/** How many of the least and of the greatest of `n` values may be left out of an interval of 95 %. */
function valuesOutside(n: number): number {
  // The number of values below the median is binomial: n tosses of a coin.
  let probability = 0.5 ** n;
  let tail = probability;
  let outside = 0;
  while (tail + (probability * (n - outside)) / (outside + 1) <= 0.025) {
    probability *= (n - outside) / (outside + 1);
    tail += probability;
    outside++;
  }
  return tail <= 0.025 ? outside : 0;
}
