// @ts-check

/**
 * The value below which a share of the values lies, interpolated between neighbours.
 * @param {readonly number[]} values @param {number} share 0 to 1
 */
export function quantile(values, share) {
  const sorted = [...values].sort((a, b) => a - b);
  const at = (sorted.length - 1) * share;
  const low = sorted[Math.floor(at)] ?? Number.NaN;
  const high = sorted[Math.ceil(at)] ?? Number.NaN;
  return low + (high - low) * (at - Math.floor(at));
}

/**
 * Median and quartiles, so that a slice in which something else ran does not move the result.
 * @param {readonly number[]} values
 */
export function summarize(values) {
  return {
    median: quantile(values, 0.5),
    low: quantile(values, 0.25),
    high: quantile(values, 0.75),
  };
}

/** @typedef {ReturnType<typeof summarize>} Summary */

/**
 * What 97.5 % of Student's t lie below, by degrees of freedom from 1; above 30 follows the expansion
 * about the normal distribution (Abramowitz and Stegun, 26.7.5), which is exact to four digits there.
 */
const STUDENT = [
  12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179, 2.16, 2.145,
  2.131, 2.12, 2.11, 2.101, 2.093, 2.086, 2.08, 2.074, 2.069, 2.064, 2.06, 2.056, 2.052, 2.048,
  2.045, 2.042,
];

/** @typedef {ReturnType<typeof interval>} Interval */

/**
 * On which side of a bound an interval lies; undecided where it contains the bound.
 * @param {Interval} interval @param {number} bound
 * @returns {'above' | 'below' | 'undecided'}
 */
export function sideOf({ low, high }, bound) {
  if (low >= bound) return 'above';
  return high < bound ? 'below' : 'undecided';
}

/**
 * The geometric mean of ratios with its 95 % interval. `within`: how far that reaches from the mean,
 * as a share of it.
 * @param {readonly number[]} ratios one gives no interval: it is without end
 */
export function interval(ratios) {
  const { mean, half } = meanOf(ratios.map(Math.log));
  return {
    ratio: Math.exp(mean),
    low: Math.exp(mean - half),
    high: Math.exp(mean + half),
    within: Math.expm1(half),
  };
}

/** @param {readonly number[]} values @returns {{ mean: number, half: number }} half of the interval */
function meanOf(values) {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  const squares = values.reduce((sum, value) => sum + (value - mean) ** 2, 0);
  const freedom = values.length - 1;
  const t = STUDENT[freedom - 1] ?? 1.95996 + 2.3722 / freedom + 2.8224 / freedom ** 2;
  const half =
    freedom < 1 ? Number.POSITIVE_INFINITY : t * Math.sqrt(squares / freedom / values.length);
  return { mean, half };
}

/** The mean of differences with its 95 % interval. @param {readonly number[]} differences */
export function differenceOf(differences) {
  const { mean, half } = meanOf(differences);
  return { difference: mean, low: mean - half, high: mean + half };
}

/** @typedef {ReturnType<typeof differenceOf>} Difference */
