import { clock, nextTurn } from '../../base/timers.js';
import { checkOneOf } from '../../base/validate.js';
import { Alarm } from '../../index.js';
import { yieldIfDue } from './yield.js';

/**
 * How to wait for a time. `'sleep'` sleeps up to it, by an alarm, and is woken some tens of microseconds late:
 * it costs two changes of threads for each wait. `'spin'` sleeps until 250 µs before it, and then looks once
 * a turn of the event loop: late by such a turn, where a core is free, for a quarter of a core at 1000
 * waits a second, and all of one from 4000 on.
 */
export type Precision = 'sleep' | 'spin';

/** What an alarm is late by where the machine is not busy. */
const SPIN_MS = 0.25;
/** Who waits for what has no time looks again after so long: it keeps the process alive meanwhile. */
const LONGEST_MS = 1e9;

/** @throws TypeError `ERR_ZEROSEND_INVALID_ARGUMENT` */
export function checkPrecision(value: unknown = 'sleep'): Precision {
  return checkOneOf('options.precision', value, ['sleep', 'spin']);
}

/** Sleeps until a time that may change meanwhile. */
export class Sleeper {
  readonly #alarm = new Alarm(() => this.wake());
  #waiting: (() => void)[] = [];

  /** All who sleep look whether it is time. */
  readonly wake = (): void => {
    this.#alarm.clear();
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const resolve of waiting) resolve();
  };

  /**
   * Resolves at a time, or when the signal is aborted. Where the time is past, gives the event loop a turn if
   * it has had none for 5 ms.
   * @param time ms of performance.now(), asked again after each wake
   * @param ended whether it is not to be waited for any more: for who calls `wake` then, and spares what
   * listening to a signal costs each time
   */
  async sleep(
    time: () => number,
    precision: Precision = 'sleep',
    signal?: AbortSignal,
    ended: () => boolean = () => false,
  ): Promise<void> {
    for (let slept = false; ; slept = true) {
      const due = time();
      const left = due - clock();
      if (!(left > 0) || signal?.aborted || ended()) {
        if (!slept) await yieldIfDue();
        return;
      }
      if (precision === 'spin' && left <= SPIN_MS) await nextTurn();
      else await this.#until(precision === 'spin' ? due - SPIN_MS : due, signal);
    }
  }

  async #until(time: number, signal: AbortSignal | undefined): Promise<void> {
    const woken = new Promise<void>((resolve) => this.#waiting.push(resolve));
    this.#alarm.set(Math.min(time, this.#alarm.time, clock() + LONGEST_MS));
    if (signal === undefined) return woken;
    signal.addEventListener('abort', this.wake, { once: true });
    await woken;
    signal.removeEventListener('abort', this.wake);
  }
}
