import { eventLoop } from '../../base/event-loop.js';
import { clock, setImmediate } from '../../base/timers.js';
import { checkOneOf } from '../../base/validate.js';
import { Alarm } from '../../index.js';
import { yieldIfDue } from './yield.js';

/**
 * How to wait for a time. `'sleep'` sleeps up to it, by an alarm, and is woken some tens of microseconds late:
 * it costs two changes of threads for each wait. `'block'` sleeps as `'sleep'` until 2 ms before it, and then
 * on the program's own thread (futex(2)), as a loop in C does: nothing else of the program runs meanwhile, but
 * for a turn of the event loop every 5 ms. It costs half to three quarters of `'sleep'`. `'spin'`
 * sleeps until 250 µs before it, and then looks once a turn of the event loop: late by such a turn, where a
 * core is free, for a quarter of a core at 1000 waits a second, and all of one from 4000 on.
 */
export type Precision = 'sleep' | 'block' | 'spin';

/** For how many ms before the time the alarm does not sleep. */
const LEAD: Readonly<Record<Precision, number>> = { sleep: 0, block: 2, spin: 0.25 };
/** Nobody changes or notifies it: waiting for that is sleeping. */
const NEVER_NOTIFIED = new Int32Array(new SharedArrayBuffer(4));
const { wait: waitFor } = Atomics;
/** Who waits for what has no time looks again after so long: it keeps the process alive meanwhile. */
const LONGEST_MS = 1e9;

/** @throws TypeError `ERR_ZEROSEND_INVALID_ARGUMENT` */
export function checkPrecision(value: unknown = 'sleep'): Precision {
  return checkOneOf('options.precision', value, ['sleep', 'block', 'spin']);
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
        if (this.#left(one) === 0) {
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

  /** How many ms it has to wait on; 0 where it is time, or is not to be waited for any more. */
  #left({ time, signal, ended }: Waiting): number {
    const left = time() - clock();
    return left > 0 && signal?.aborted !== true && !ended() ? left : 0;
  }

  /** Lets one go on, or has it wait on. */
  #look(one: Waiting): void {
    const { precision, signal } = one;
    try {
      for (let left = this.#left(one); left > 0; left = this.#left(one)) {
        if (left > LEAD[precision]) {
          this.#wait(one, clock() + left - LEAD[precision]);
          return;
        }
        if (precision === 'spin' || eventLoop.isDue()) {
          setImmediate(() => this.#look(one));
          return;
        }
        waitFor(NEVER_NOTIFIED, 0, 0, left);
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
