// pace: when packets are due, at a rate.

import { createHistogram } from 'node:perf_hooks';
import { outOfRange } from '../../base/errors.js';
import { showAs } from '../../base/inspection.js';
import { clock } from '../../base/timers.js';
import { checkInteger } from '../../base/validate.js';
import { pauseUntil } from '../base/sleep.js';
import { checkKeys, checkPositive } from '../base/validate.js';
import { type CheckedRate, checkRate, type Rate } from './rate.js';

/** Packets that are let go at once of what a pause has left due: they go in a few ms. */
const PORTION = 1024;

/** How a rate was kept. */
export interface PacerReport {
  /** Packets a second, as asked for. */
  asked: number;
  /** Packets a second from the start to now. */
  achieved: number;
  /** `achieved / asked - 1` */
  error: number;
  /** Packets that are let go together: as asked for, and the most that were, after a pause. */
  burst: number;
  /** The most packets that were let go together, after a pause. */
  largestBurst: number;
  /** Packets that were due longer ago than `catchUp`, and were never let go. */
  lost: number;
  /** Microseconds by which bursts were let go late. */
  lateness: {
    /** the median */
    p50: number;
    /** what 99 of 100 did not exceed */
    p99: number;
    /** the latest */
    max: number;
  };
}

/** Options of {@link Pacer}. */
export interface PacerOptions {
  /** Bytes of each packet, for a rate in bits: the mean where they differ. Default 0. */
  bytes?: number;
  /** This pacer's place among several that keep the rate together; default 0 of 1. */
  index?: number;
  /** How many pacers keep the rate together, 1 to 1024; default 1. */
  of?: number;
}

/**
 * A token bucket that never drifts: packet k is due at `start + k / rate`. Ask {@link Pacer.take} how many
 * may go now, send that many, and {@link Pacer.wait} for the next.
 * @example
 * ```js
 * import { Pacer } from 'zerosend/generator';
 *
 * const pacer = new Pacer(1000); // a second
 * for (let sent = 0; sent < 100; ) {
 *   await pacer.wait();
 *   sent += pacer.take(); // here they would be sent
 * }
 * console.log(pacer.report());
 * ```
 */
export class Pacer {
  readonly #rate: CheckedRate;
  /** packets a millisecond, of this pacer */
  readonly #perMs: number;
  readonly #most: number;
  readonly #lag: number;
  readonly #lateness = createHistogram({ lowest: 1, highest: 1e10 });
  #start = Number.NaN;
  #taken = 0;
  #last = 0;
  #lastAt = 0;
  /** packets that go without a pause between them, and whether more of them are due */
  #together = 0;
  #leftOver = false;
  #largest = 0;
  #lost = 0;

  static {
    showAs(Pacer, (pacer) => pacer.#facts());
  }

  /** @throws TypeError `ERR_ZEROSEND_INVALID_ARGUMENT`, RangeError `ERR_ZEROSEND_OUT_OF_RANGE` */
  constructor(rate: Rate, options: PacerOptions = {}) {
    checkKeys('options', options, ['bytes', 'index', 'of']);
    const { bytes = 0, index = 0, of = 1 } = options;
    if (bytes !== 0 && checkPositive('options.bytes', bytes) > 2 ** 20) {
      throw outOfRange('options.bytes', 'at most 1048576', bytes);
    }
    checkInteger('options.of', of, 1, 1024);
    checkInteger('options.index', index, 0, of - 1);
    this.#rate = checkRate('rate', rate, bytes);
    const { packets, burst, catchUp } = this.#rate;
    this.#perMs = Math.max(packets / of / 1000, Number.MIN_VALUE); // 0 would never be due
    // Bursts of several pacers are due one after the other.
    this.#lag = (index * burst) / of / this.#perMs;
    this.#most = Math.max(burst, Math.floor((catchUp * this.#perMs) / burst) * burst);
  }

  /**
   * Begins, and begins anew where it has begun before; {@link Pacer.take} does so by itself.
   * @param now in ms of `performance.now()`
   */
  start(now: number = clock()): void {
    this.#start = now + this.#lag;
    this.#lastAt = this.#start;
    this.#taken = 0;
    this.#last = 0;
    this.#leftOver = false;
    this.#largest = 0;
    this.#lost = 0;
    this.#lateness.reset();
  }

  /** When the next burst is due, in ms of `performance.now()`. */
  get due(): number {
    return this.#start + (this.#taken + this.#lost) / this.#perMs;
  }

  /**
   * How many packets may go now: a multiple of the burst, or what `most` leaves of it. They count as
   * sent.
   *
   * Without arguments, after a pause, at most as many as go in a few milliseconds. The rest stays
   * due, so {@link Pacer.wait} between two calls only lets the event loop have its turn.
   * @param now in ms of `performance.now()`
   * @param most packets that there are to send; the rest stays due. Default with `now`: no limit
   */
  take(now?: number, most?: number): number {
    const at = now ?? clock();
    if (Number.isNaN(this.#start)) this.start(at);
    const { burst } = this.#rate;
    const limit = most ?? (now === undefined ? Math.max(burst, PORTION) : Number.POSITIVE_INFINITY);
    if (!(limit >= 1)) throw outOfRange('most', 'at least 1', most);
    const { due } = this;
    if (at < due) return 0;
    // Within rounding of the very moment, one burst is due at least.
    const bursts = Math.floor(((at - due) * this.#perMs) / burst) + 1;
    const open = Math.min(bursts * burst, this.#most);
    const count = Math.min(open, limit);
    this.#lost += bursts * burst - open;
    this.#lateness.record(Math.max(1, Math.round((at - due) * 1e6)));
    this.#taken += count;
    this.#last = count;
    this.#lastAt = at;
    // What is left over goes right behind; at a rate that is never met, so does all that follows.
    this.#together = this.#leftOver ? Math.min(this.#together + count, this.#most) : count;
    this.#leftOver = count < open;
    this.#largest = Math.max(this.#largest, this.#together);
    return count;
  }

  /**
   * Resolves when the next burst is due, or when the signal is aborted. The event loop has a turn
   * every 5 ms, also where the rate is above what can be sent and the next burst always is due.
   */
  wait(signal?: AbortSignal): Promise<void> {
    return pauseUntil(this.due, signal);
  }

  #facts(): object {
    if (Number.isNaN(this.#start)) return { asked: this.#perMs * 1000, taken: 0 };
    const { asked, achieved, burst, largestBurst, lost } = this.report();
    return { asked, achieved, taken: this.#taken, burst, largestBurst, lost };
  }

  /** How the rate has been kept. @param now the end, in ms of `performance.now()` */
  report(now: number = this.#lastAt): PacerReport {
    const asked = this.#perMs * 1000;
    // The last burst takes its time as well, although nothing happens in it.
    const elapsed = Math.max(now, this.#lastAt + this.#last / this.#perMs) - this.#start;
    const achieved = this.#taken === 0 ? 0 : (this.#taken / elapsed) * 1000;
    const microseconds = (value: number) => (this.#taken === 0 ? 0 : value / 1000);
    return {
      asked,
      achieved,
      error: achieved / asked - 1,
      burst: this.#rate.burst,
      largestBurst: this.#largest,
      lost: this.#lost,
      lateness: {
        p50: microseconds(this.#lateness.percentile(50)),
        p99: microseconds(this.#lateness.percentile(99)),
        max: microseconds(this.#lateness.max),
      },
    };
  }
}
