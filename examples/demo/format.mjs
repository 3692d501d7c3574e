// @ts-check
// Numbers for people.

/** @param {number} value */
export const count = (value) => Math.round(value).toLocaleString('en-US');

/** @param {number} value @param {string} unit @param {number} step */
function scaled(value, unit, step) {
  const prefixes = ['', 'k', 'M', 'G', 'T'];
  let power = 0;
  while (value >= step && power < prefixes.length - 1) {
    value /= step;
    power++;
  }
  const digits = power === 0 || value >= 100 ? 0 : value >= 10 ? 1 : 2;
  return `${value.toFixed(digits)} ${prefixes[power]}${unit}`;
}

/** @param {number} value */
export const bytes = (value) => scaled(value, 'B', 1000);
/** @param {number} value a second */
export const bits = (value) => scaled(value, 'bit/s', 1000);
/** @param {number} value 0 to 1 */
export const share = (value) => `${(value * 100).toFixed(value === 0 || value === 1 ? 0 : 1)}%`;
/** @param {number} microseconds */
export const time = (microseconds) =>
  microseconds < 1000
    ? `${microseconds.toFixed(1)} µs`
    : `${(microseconds / 1000).toFixed(microseconds < 100_000 ? 2 : 0)} ms`;
