import { clock, delay } from '../../base/timers.js';

/** The longest delay that Node.js takes; a timer with a longer one fires after 1 ms. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;

/**
 * Resolves at a time of `performance.now()`, however far off, or when the signal is aborted; up to 2 ms
 * late. It needs no thread of the library's.
 */
export async function sleepUntil(time: number, signal?: AbortSignal): Promise<void> {
  for (;;) {
    const left = time - clock();
    if (signal?.aborted || !(left > 0)) return;
    const sleep = Math.min(Math.ceil(left), LONGEST_TIMER_MS);
    await delay(sleep, undefined, signal ? { signal } : {}).catch(() => {});
  }
}
