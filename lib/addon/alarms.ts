import { throwLater } from '../base/throw-later.js';
import { clearTimeout, clock, setTimeout } from '../base/timers.js';
import { native } from './addon.js';
import { hold } from './keep-alive.js';

/** What is to happen at a time. Its place is that of the list of alarms: nobody else sets it. */
export interface Ringing {
  /** ms of performance.now(); Infinity: it is not set */
  time: number;
  /** its place in the list; -1: it is not set */
  place: number;
  ring(): void;
}

/** A time that is past still takes one wake: 0 would clear the timer of the addon. */
const LEAST_NS = 1;
/** The longest that the addon takes, 30 years; what is later is set again then. */
const LONGEST_NS = 1e18;
/** The longest delay that Node.js takes. */
const LONGEST_TIMEOUT_MS = 2 ** 31 - 1;

/**
 * All alarms of this thread, by the one timer of its poller thread: a binary heap with the earliest in
 * front. The timer is set for the earliest only, and is left where one is cleared: a wake for nothing
 * costs less than setting it each time.
 */
class Alarms {
  readonly #heap: Ringing[] = [];
  /** for when the timer is set */
  #set = Number.POSITIVE_INFINITY;
  /** in place of a timer that the system refuses */
  #fallback: NodeJS.Timeout | undefined;

  add(one: Ringing): void {
    if (this.#heap.length === 0) hold(1);
    this.#heap.push(one);
    this.#rise(one, this.#heap.length - 1);
    if (one.place === 0) this.#setTimer();
  }

  remove(one: Ringing): void {
    const { place } = one;
    const last = this.#heap.pop() as Ringing;
    one.place = -1;
    if (last !== one) this.#move(last, place);
    if (this.#heap.length > 0) return;
    clearTimeout(this.#fallback);
    hold(-1);
  }

  /** The timer has run out. */
  readonly ring = (): void => {
    this.#set = Number.POSITIVE_INFINITY;
    const now = clock();
    const due: Ringing[] = [];
    for (let first = this.#heap[0]; first && first.time <= now; first = this.#heap[0]) {
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
    const first = this.#heap[0];
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

  #move(one: Ringing, place: number): void {
    this.#rise(one, place);
    if (one.place === place) this.#sink(one, place);
  }

  #rise(one: Ringing, from: number): void {
    let place = from;
    while (place > 0) {
      const above = (place - 1) >> 1;
      const other = this.#heap[above] as Ringing;
      if (other.time <= one.time) break;
      this.#put(other, place);
      place = above;
    }
    this.#put(one, place);
  }

  #sink(one: Ringing, from: number): void {
    let place = from;
    for (;;) {
      let below = 2 * place + 1;
      if (below >= this.#heap.length) break;
      const right = this.#heap[below + 1];
      if (right !== undefined && right.time < (this.#heap[below] as Ringing).time) below++;
      const other = this.#heap[below] as Ringing;
      if (other.time >= one.time) break;
      this.#put(other, place);
      place = below;
    }
    this.#put(one, place);
  }

  #put(one: Ringing, place: number): void {
    this.#heap[place] = one;
    one.place = place;
  }
}

export const alarms = new Alarms();
