import { eventLoop } from '../../base/event-loop.js';

/** Gives the event loop a turn where it has had none for 5 ms, for loops that never have to wait. */
export async function yieldIfDue(): Promise<void> {
  if (eventLoop.isDue()) await eventLoop.turn();
}
