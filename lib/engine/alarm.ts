import { alarms, type Ringing } from '../addon/alarms.js';
import '../addon/reactor.js'; // the reactor has the addon call `alarms.ring`
import { invalidArgument } from '../base/errors.js';
import { showAs } from '../base/inspection.js';

/**
 * Calls a function at a given time, by a timer of the library's own thread (timerfd_create(2)). On
 * a machine with a free core it is some ten microseconds late, and uses no CPU while it waits. The
 * timers of Node.js have steps of a millisecond.
 *
 * While it is set, the process stays alive, as by `setTimeout`. An error that the function throws is
 * an uncaught exception.
 * @example
 * ```js
 * import { Alarm } from 'zerosend';
 *
 * const begin = performance.now();
 * let rung = 0;
 * const alarm = new Alarm(() => {
 *   if (++rung === 100) console.log(`${(performance.now() - begin).toFixed(2)} ms`);
 *   else alarm.set(begin + rung * 0.25); // every 250 µs, without drift
 * });
 * alarm.set(begin);
 * ```
 */
export class Alarm {
  readonly #ringing: Ringing;

  static {
    showAs(Alarm, (alarm) => ({ time: alarm.time }));
  }

  /**
   * @param onRing called without arguments at the time that was set, once for each `set`
   * @throws TypeError `ERR_ZEROSEND_INVALID_ARGUMENT`
   */
  constructor(onRing: () => void) {
    if (typeof onRing !== 'function') throw invalidArgument('onRing', 'a function', onRing);
    this.#ringing = { time: Number.POSITIVE_INFINITY, place: -1, ring: () => onRing() };
  }

  /** The time that it is set for, in ms of `performance.now()`; Infinity while it is not set. */
  get time(): number {
    return this.#ringing.time;
  }

  /**
   * Sets the time, in place of an earlier one. For a time that has passed, the function is called
   * in the next turn of the event loop, never within this call.
   * @param time in ms of `performance.now()`, fractions included; Infinity clears it
   * @throws TypeError `ERR_ZEROSEND_INVALID_ARGUMENT`
   */
  set(time: number): void {
    if (typeof time !== 'number' || Number.isNaN(time)) {
      throw invalidArgument('time', 'a time of performance.now()', time);
    }
    this.clear();
    if (time === Number.POSITIVE_INFINITY) return;
    this.#ringing.time = time;
    alarms.add(this.#ringing);
  }

  /** Clears the time: the function is not called. */
  clear(): void {
    if (this.#ringing.place >= 0) alarms.remove(this.#ringing);
    this.#ringing.time = Number.POSITIVE_INFINITY;
  }
}
