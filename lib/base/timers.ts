import * as promises from 'node:timers/promises';

/*
 * Clocks and timers as they were when the library was loaded. Test frameworks replace the global
 * ones by fakes that stand still, while the kernel goes on; so the library keeps the real ones.
 */

export const { setImmediate, setTimeout, clearTimeout, setInterval, clearInterval } = globalThis;
export const { queueMicrotask } = globalThis;

const { performance } = globalThis;
/** Milliseconds of a monotonic clock. */
export const clock: () => number = performance.now.bind(performance);
/** When {@link clock} was 0, in ms since 1970. */
export const { timeOrigin } = performance;

/** Nanoseconds of CLOCK_MONOTONIC. */
export const monotonic: () => bigint = process.hrtime.bigint;

const { setTimeout: resolveAfter, setImmediate: resolveNextTurn } = promises;

export { resolveAfter as delay, resolveNextTurn as nextTurn };
