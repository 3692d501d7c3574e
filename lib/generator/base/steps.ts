import { yieldIfDue } from './sleep.js';

/** Work that can be laid down after each step, for as long as anybody likes. */
export type Steps<T> = Generator<void, T, void>;

/** Does work at once, for those who cannot wait. */
export function atOnce<T>(work: Steps<T>): T {
  for (;;) {
    const step = work.next();
    if (step.done) return step.value;
  }
}

/** Does work in pieces of a few milliseconds, between which the event loop has its turn. */
export async function inTurns<T>(work: Steps<T>): Promise<T> {
  for (;;) {
    const step = work.next();
    if (step.done) return step.value;
    await yieldIfDue();
  }
}
