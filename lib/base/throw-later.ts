import { queueMicrotask } from './timers.js';

/** Raises `error` as an uncaught exception. */
export function throwLater(error: unknown): void {
  queueMicrotask(() => {
    throw error;
  });
}
