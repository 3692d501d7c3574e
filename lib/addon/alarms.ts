import { throwLater } from '../base/throw-later.js';
import { type Timed, TimeHeap } from '../base/time-heap.js';
import { clearTimeout, clock, setTimeout } from '../base/timers.js';
import { native } from './addon.js';
import { hold } from './keep-alive.js';

/**
 * Something that is to be called at a time. `place` is its place in the heap of `Alarms`, which
 * alone sets it.
 */
export interface Ringing extends Timed {
  /** ms of performance.now(); Infinity while the alarm is not set */
  time: number;
  ring(): void;
}

/**
 * What is set for an alarm whose time has passed already, since 0 would clear the timer of the
 * addon.
 */
const LEAST_NS = 1;
/**
 * The longest delay that the addon takes, about 30 years. An alarm that is due later is set again
 * then.
 */
const LONGEST_NS = 1e18;
/** The longest delay that Node.js takes. */
const LONGEST_TIMEOUT_MS = 2 ** 31 - 1;

/**
 * Calls all alarms of this thread by a single timer of its poller thread, which is set for the
 * earliest of them. When that alarm is cleared, the timer stays set: one needless wake costs less
 * than a system call each time.
 */
class Alarms {
  readonly #heap = new TimeHeap<Ringing>();
  /** the time for which the timer is set */
  #set = Number.POSITIVE_INFINITY;
  /** the timer of Node.js that is used when the kernel's cannot be set */
  #fallback: NodeJS.Timeout | undefined;

  add(one: Ringing): void {
    if (this.#heap.size === 0) hold(1);
    this.#heap.add(one);
    if (one.place === 0) this.#setTimer();
  }

  remove(one: Ringing): void {
    this.#heap.remove(one);
    if (this.#heap.size > 0) return;
    hold(-1);
    if (this.#fallback === undefined) return;
    clearTimeout(this.#fallback); // unlike the kernel's, it would keep the process alive
    this.#fallback = undefined;
    this.#set = Number.POSITIVE_INFINITY;
  }

  /** Called by the addon when the timer has run out. */
  readonly ring = (): void => {
    this.#set = Number.POSITIVE_INFINITY;
    const now = clock();
    const due: Ringing[] = [];
    const isDue = (one: Ringing | undefined): one is Ringing =>
      one !== undefined && one.time <= now;
    for (let first = this.#heap.first; isDue(first); first = this.#heap.first) {
      this.remove(first);
      due.push(first);
    }
    for (const one of due) {
      // An alarm that was called before this one may have cleared it, or set it anew.
      if (one.place >= 0 || one.time > now) continue;
      one.time = Number.POSITIVE_INFINITY;
      try {
        one.ring();
      } catch (error) {
        throwLater(error);
      }
    }
    this.#setTimer();
  };

  /** Sets the timer for the earliest alarm, unless it will run out by then anyway. */
  #setTimer(): void {
    const { first } = this.#heap;
    if (first === undefined || first.time >= this.#set) return;
    this.#set = first.time;
    const left = first.time - clock();
    const nanoseconds = Math.min(Math.max(LEAST_NS, Math.ceil(left * 1e6)), LONGEST_NS);
    if (native.setAlarm(nanoseconds) === 0) return;
    // Without a poller thread or a timer of the kernel, alarms are exact to the millisecond only.
    clearTimeout(this.#fallback);
    const delay = Math.min(Math.max(1, Math.ceil(left)), LONGEST_TIMEOUT_MS);
    this.#fallback = setTimeout(this.ring, delay);
  }
}

export const alarms = new Alarms();
