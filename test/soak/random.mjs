// @ts-check

/** A small generator of its own (mulberry32), so that a seed gives the same run everywhere. */
export function randomFrom(/** @type {number} */ seed) {
  let state = seed >>> 0;
  /** A whole number below `limit`. */
  return (/** @type {number} */ limit) => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t = (t + Math.imul(t ^ (t >>> 7), t | 61)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) % limit;
  };
}
