import { throwLater } from '../base/throw-later.js';
import { type Timed, TimeHeap } from '../base/time-heap.js';
import { clearTimeout, clock, setTimeout } from '../base/timers.js';
import { native } from './addon.js';
import { hold } from './keep-alive.js';

/** What is to happen at a time. Its place is that of the list of alarms: nobody else sets it. */
export interface Ringing extends Timed {
  /** ms of performance.now(); Infinity: it is not set */
  time: number;
  ring(): void;
}

/** A time that is past still takes one wake: 0 would clear the timer of the addon. */
const LEAST_NS = 1;
/** The longest that the addon takes, 30 years; what is later is set again then. */
const LONGEST_NS = 1e18;
/** The longest delay that Node.js takes. */
const LONGEST_TIMEOUT_MS = 2 ** 31 - 1;

/**
 * All alarms of this thread, by the one timer of its poller thread. The timer is set for the earliest only,
 * and is left where that is cleared: a wake for nothing costs less than setting it each time.
 */
class Alarms {
  readonly #heap = new TimeHeap<Ringing>();
  /** for when the timer is set */
  #set = Number.POSITIVE_INFINITY;
  /** in place of a timer that the system refuses */
  #fallback: NodeJS.Timeout | undefined;

  add(one: Ringing): void {
    if (this.#heap.size === 0) hold(1);
    this.#heap.add(one);
    if (one.place === 0) this.#setTimer();
  }

  remove(one: Ringing): void {
    this.#heap.remove(one);
    if (this.#heap.size > 0) return;
    clearTimeout(this.#fallback);
    hold(-1);
  }

  /** The timer has run out. */
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
      // Cleared, or set anew, by one before it.
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

  /** Sets the timer for the earliest, unless it is set for as early a time. */
  #setTimer(): void {
    const { first } = this.#heap;
    if (first === undefined || first.time >= this.#set) return;
    this.#set = first.time;
    const left = first.time - clock();
    const nanoseconds = Math.min(Math.max(LEAST_NS, Math.ceil(left * 1e6)), LONGEST_NS);
    if (native.setAlarm(nanoseconds) === 0) return;
    // Without a thread or a timer of the kernel, to the millisecond.
    clearTimeout(this.#fallback);
    const delay = Math.min(Math.max(1, Math.ceil(left)), LONGEST_TIMEOUT_MS);
    this.#fallback = setTimeout(this.ring, delay);
  }
}

export const alarms = new Alarms();
