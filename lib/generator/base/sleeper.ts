import { clock, setImmediate } from '../../base/timers.js';
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

/** Who sleeps, and until when. */
interface Waiting {
  readonly time: () => number;
  readonly precision: Precision;
  readonly signal: AbortSignal | undefined;
  readonly ended: () => boolean;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

const never = () => false;

/** Sleeps until a time that may change meanwhile. */
export class Sleeper {
  readonly #alarm = new Alarm(() => this.wake());
  #waiting: Waiting[] = [];

  /** All who sleep look whether it is time. */
  readonly wake = (): void => {
    this.#alarm.clear();
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const one of waiting) this.#look(one);
  };

  /**
   * Resolves at a time, or when the signal is aborted. Where the time is past, gives the event loop a turn if
   * it has had none for 5 ms.
   *
   * A paced run sleeps for each of its packets, so this makes one promise for each, and no other.
   * @param time ms of performance.now(), asked again after each wake; what it throws, it is rejected with
   * @param ended whether it is not to be waited for any more: for who calls `wake` then, and spares what
   * listening to a signal costs each time
   */
  sleep(
    time: () => number,
    precision: Precision = 'sleep',
    signal?: AbortSignal,
    ended: () => boolean = never,
  ): Promise<void> {
    return new Promise((resolve, reject) => {
      const one = { time, precision, signal, ended, resolve, reject };
      try {
        if (this.#isOver(one)) {
          resolve(yieldIfDue());
          return;
        }
      } catch (error) {
        reject(error);
        return;
      }
      this.#look(one);
    });
  }

  #isOver({ time, signal, ended }: Waiting): boolean {
    return !(time() - clock() > 0) || signal?.aborted === true || ended();
  }

  /** Lets one go on, or has it wait on. */
  #look(one: Waiting): void {
    const { precision, signal } = one;
    try {
      const due = one.time();
      const left = due - clock();
      if (left > 0 && signal?.aborted !== true && !one.ended()) {
        if (precision === 'spin' && left <= SPIN_MS) setImmediate(() => this.#look(one));
        else this.#wait(one, precision === 'spin' ? due - SPIN_MS : due);
        return;
      }
      one.resolve();
    } catch (error) {
      one.reject(error);
    }
    // Others who wait may have the same signal.
    if (this.#waiting.some((other) => other.signal === signal)) return;
    signal?.removeEventListener('abort', this.wake);
  }

  #wait(one: Waiting, time: number): void {
    this.#waiting.push(one);
    one.signal?.addEventListener('abort', this.wake);
    this.#alarm.set(Math.min(time, this.#alarm.time, clock() + LONGEST_MS));
  }
}
