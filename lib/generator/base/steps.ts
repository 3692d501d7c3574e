import { yieldIfDue } from './yield.js';

/** Work in steps: a generator that yields where it may be interrupted, and returns the result. */
export type Steps<T> = Generator<void, T, void>;

/** Does all steps at once, for synchronous functions. */
export function atOnce<T>(work: Steps<T>): T {
  for (;;) {
    const step = work.next();
    if (step.done) return step.value;
  }
}

/** Does the steps in stretches of 5 ms, between which the event loop has its turn. */
export async function inTurns<T>(work: Steps<T>): Promise<T> {
  for (;;) {
    const step = work.next();
    if (step.done) return step.value;
    await yieldIfDue();
  }
}
