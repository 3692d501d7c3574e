import * as promises from 'node:timers/promises';

/*
 * Clocks and timers as they were when the library was loaded. Test frameworks replace those of the
 * program by ones that stand still; the kernel goes on all the same, and so must we.
 */

export const { setImmediate, setTimeout, clearTimeout, setInterval, clearInterval } = globalThis;
export const { queueMicrotask } = globalThis;

const { performance } = globalThis;
/** Milliseconds of a clock that is never set. */
export const clock: () => number = performance.now.bind(performance);
/** When {@link clock} was 0, in ms since 1970. */
export const { timeOrigin } = performance;

/** Nanoseconds of CLOCK_MONOTONIC. */
export const monotonic: () => bigint = process.hrtime.bigint;

const { setTimeout: resolveAfter, setImmediate: resolveNextTurn } = promises;

export { resolveAfter as delay, resolveNextTurn as nextTurn };
