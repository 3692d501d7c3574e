import { eventLoop } from '../../base/event-loop.js';

/**
 * Gives the event loop a turn where it has had none for 5 ms, for loops that never have to wait.
 * @returns what is to be awaited; nothing where it has had one, as is usual
 */
export function yieldIfDue(): Promise<void> | undefined {
  return eventLoop.isDue() ? eventLoop.turn() : undefined;
}
