// @ts-check
// Figures from the description of the patch of 2014 that gave packet sockets
// MSG_ZEROCOPY.

/** The three ways that it compared. */
export const WAYS = /** @type {const} */ (['copying', 'each', 'batches']);
/** @typedef {typeof WAYS[number]} Way */

/** Bytes of a datagram, and thousand exchanges a second over loopback. */
export const PUBLISHED = [
  { size: 1, copying: 573, each: 368, batches: 439 },
  { size: 10, copying: 572, each: 361, batches: 441 },
  { size: 100, copying: 572, each: 299, batches: 408 },
  { size: 1000, copying: 564, each: 300, batches: 412 },
  { size: 10_000, copying: 475, each: 247, batches: 405 },
  { size: 30_000, copying: 328, each: 177, batches: 385 },
  { size: 65_000, copying: 218, each: 117, batches: 359 },
];

/** Million cycles for full-size TCP frames: copying, and without a copy. */
export const CYCLES = { copying: 1191, zerocopy: 391 };
