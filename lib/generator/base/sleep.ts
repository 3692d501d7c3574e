import { clock, delay, nextTurn } from '../../base/timers.js';

/** Timers have steps of 1 ms, and come up to 1 ms late where nothing else runs. */
const TIMER_SLACK_MS = 2;
/** What Node.js takes for a timer; one that is longer fires after 1 ms. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;
/** For how long a program may be kept from its event loop, in ms. */
const TURN_MS = 5;

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

/**
 * Lets timers, signals and sockets of the program through, in a loop that always has something to
 * do: a promise that is resolved already gives the event loop no turn.
 */
export class Turns {
  #due = 0;

  /** The event loop has just had its turn. */
  ran(): void {
    this.#due = clock() + TURN_MS;
  }

  /** Gives the event loop a turn unless it has had one within 5 ms. */
  async yieldIfDue(): Promise<void> {
    if (clock() < this.#due) return;
    await nextTurn();
    this.ran();
  }

  /** As {@link sleepUntil}; where the time is past, as {@link yieldIfDue}. */
  async sleepUntil(time: number, signal?: AbortSignal): Promise<void> {
    if (await sleepUntil(time, signal)) this.ran();
    else await this.yieldIfDue();
  }
}
