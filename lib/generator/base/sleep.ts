import { eventLoop } from '../../base/event-loop.js';
import { clock, delay, nextTurn } from '../../base/timers.js';

/** Timers have steps of 1 ms, and come up to 1 ms late where nothing else runs. */
const TIMER_SLACK_MS = 2;
/** The longest delay that Node.js takes; a timer with a longer one fires after 1 ms. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;
/**
 * Resolves at a time of `performance.now()`, however far off, or when the signal is aborted: sleeps
 * by timers for as long as that is exact enough, then looks once a turn of the event loop, which
 * goes on.
 * @returns whether the event loop has had a turn; not so when the time is past
 */
export async function sleepUntil(time: number, signal?: AbortSignal): Promise<boolean> {
  for (let turned = false; ; turned = true) {
    const left = time - clock();
    if (signal?.aborted || !(left > 0)) return turned;
    if (left <= TIMER_SLACK_MS) {
      await nextTurn();
    } else {
      const sleep = Math.min(left - TIMER_SLACK_MS, LONGEST_TIMER_MS);
      await delay(sleep, undefined, signal ? { signal } : {}).catch(() => {});
    }
  }
}

/** Gives the event loop a turn where it has had none for 5 ms, for loops that never have to wait. */
export async function yieldIfDue(): Promise<void> {
  if (eventLoop.isDue()) await eventLoop.turn();
}

/** As {@link sleepUntil}; where the time is past, as {@link yieldIfDue}. */
export async function pauseUntil(time: number, signal?: AbortSignal): Promise<void> {
  if (!(await sleepUntil(time, signal))) await yieldIfDue();
}
