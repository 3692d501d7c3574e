import { native } from './addon.js';

let holds = 0;

/** Keeps the process alive while the sum of all changes is above 0. `change` is 1 or -1. */
export function hold(change: number): void {
  const before = holds;
  holds += change;
  if (before === 0 || holds === 0) native.keepAlive(holds > 0);
}
