import { setTimeout as delay, setImmediate as nextTurn } from 'node:timers/promises';

/** Timers have steps of 1 ms, and come up to 1 ms late where nothing else runs. */
const TIMER_SLACK_MS = 2;

/**
 * Resolves at a time of `performance.now()`, or when the signal is aborted: sleeps by a timer for
 * as long as that is exact enough, then looks once a turn of the event loop, which goes on.
 */
export async function sleepUntil(time: number, signal?: AbortSignal): Promise<void> {
  while (!signal?.aborted) {
    const left = time - performance.now();
    if (left <= 0) return;
    if (left <= TIMER_SLACK_MS) await nextTurn();
    else await delay(left - TIMER_SLACK_MS, undefined, signal ? { signal } : {}).catch(() => {});
  }
}

export { nextTurn };
