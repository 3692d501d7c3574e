// pace: when packets are due, at a rate. `course` is how the rate changes, `pace` which packets are due at a
// time, and the pacer adds the clock, the waiting and the report.

import { outOfRange } from '../../base/errors.js';
import { showAs } from '../../base/inspection.js';
import { LatencyHistogram } from '../../base/latency-histogram.js';
import { clock } from '../../base/timers.js';
import { checkInteger } from '../../base/validate.js';
import { checkPrecision, type Precision, Sleeper } from '../base/sleeper.js';
import { checkKeys, checkPositive } from '../base/validate.js';
import { Pace } from './pace.js';
import { checkRate, type Rate } from './rate.js';

/** Packets that are let go at once of what a pause has left due: they go in a few ms. */
const PORTION = 1024;

/** How a rate was kept. */
export interface PacerReport {
  /** Packets a second, as asked for; the mean of a rate that has changed. */
  asked: number;
  /** Packets a second from the start to now, pauses left out. */
  achieved: number;
  /** `achieved / asked - 1` */
  error: number;
  /** Packets that are let go together: as asked for, and the most that were, after a pause. */
  burst: number;
  /** The most packets that were let go together, after a pause. */
  largestBurst: number;
  /**
   * Packets that were never let go: due longer ago than `catchUp`, or before a pause, of which one burst
   * goes after it.
   */
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
  /** How {@link Pacer.wait} waits; default `'sleep'`. */
  precision?: Precision;
}

function checkBytes(bytes: number): number {
  if (bytes !== 0 && checkPositive('options.bytes', bytes) > 2 ** 20) {
    throw outOfRange('options.bytes', 'at most 1048576', bytes);
  }
  return bytes;
}

/** How a pace has been kept. @param now the end, in ms of `performance.now()` */
export function pacingOf(pace: Pace, lateness: LatencyHistogram, now?: number): PacerReport {
  const { asked, achieved } = pace.report(now);
  const { p50, p99, max } = lateness.summary();
  return {
    asked,
    achieved,
    error: asked > 0 ? achieved / asked - 1 : 0,
    burst: pace.burst,
    largestBurst: pace.largestBurst,
    lost: pace.lost,
    lateness: { p50: p50 / 1000, p99: p99 / 1000, max: max / 1000 },
  };
}

/**
 * A token bucket that never drifts: packet k is due at `start + k / rate`, and where the rate changes, when
 * the area below it is k. Ask {@link Pacer.take} how many may go now, send that many, and
 * {@link Pacer.wait} for the next.
 * @example
 * ```js
 * import { Pacer } from 'zerosend/generator';
 *
 * const pacer = new Pacer(1000); // a second
 * for (let sent = 0; sent < 100; ) {
 *   await pacer.wait();
 *   sent += pacer.take(); // here they would be sent
 *   if (sent === 50) pacer.setRate(2000); // goes on from here, without a burst
 * }
 * console.log(pacer.report());
 * ```
 */
export class Pacer {
  readonly #pace: Pace;
  #rate: Rate;
  #bytes: number;
  readonly #precision: Precision;
  readonly #sleeper = new Sleeper();
  #lateness = new LatencyHistogram();

  static {
    showAs(Pacer, (pacer) => pacer.#facts());
  }

  /** @throws TypeError `ERR_ZEROSEND_INVALID_ARGUMENT`, RangeError `ERR_ZEROSEND_OUT_OF_RANGE` */
  constructor(rate: Rate, options: PacerOptions = {}) {
    checkKeys('options', options, ['bytes', 'index', 'of', 'precision']);
    const { bytes = 0, index = 0, of = 1, precision } = options;
    checkInteger('options.of', of, 1, 1024);
    checkInteger('options.index', index, 0, of - 1);
    this.#precision = checkPrecision(precision);
    this.#bytes = checkBytes(bytes);
    this.#rate = rate;
    this.#pace = new Pace(checkRate('rate', rate, bytes), index, of);
  }

  /**
   * Begins, and begins anew where it has begun before; {@link Pacer.take} does so by itself.
   * @param now in ms of `performance.now()`
   */
  start(now: number = clock()): void {
    this.#pace.start(now);
    this.#lateness = new LatencyHistogram();
    this.#sleeper.wake();
  }

  /**
   * When the next burst is due, in ms of `performance.now()`; Infinity while it is paused, and where the
   * rate rests for ever. Of a rate that rests for more than a second, when to ask again.
   */
  get due(): number {
    return this.#pace.due;
  }

  /** Whether it is paused. */
  get paused(): boolean {
    return this.#pace.paused;
  }

  /**
   * Goes on at another rate from now on, also while it is paused. There is no burst: the time that was
   * waited for the next packet counts, and what is due stays due only as far as the new rate would make up
   * for it (`catchUp`); the rest is lost. A rate that changes begins with its first piece.
   * @param options `bytes` of each packet from now on, default as before; `now`, in ms of
   * `performance.now()`
   * @throws as the constructor
   */
  setRate(rate: Rate, options: { bytes?: number; now?: number } = {}): void {
    checkKeys('options', options, ['bytes', 'now']);
    const { bytes = this.#bytes, now = clock() } = options;
    this.#pace.setRate(checkRate('rate', rate, checkBytes(bytes)), now);
    this.#rate = rate;
    this.#bytes = bytes;
    this.#sleeper.wake();
  }

  /** Goes on with packets of another length: a rate in bits is another one of packets then. @internal */
  _resize(bytes: number): void {
    const rate = this.#rate;
    if (typeof rate === 'object' && 'bits' in rate) {
      const { overhead = 0 } = rate;
      const factor = (this.#bytes + overhead) / (bytes + overhead);
      this.#pace.setRate(checkRate('rate', rate, bytes), clock(), factor);
      this.#sleeper.wake();
    }
    this.#bytes = bytes;
  }

  /**
   * Lets nothing go until {@link Pacer.resume}. Of what is due by now one burst goes then; the rest is lost.
   * @param now in ms of `performance.now()`
   */
  pause(now: number = clock()): void {
    if (!this.#pace.started) this.start(now);
    this.#pace.pause(now);
    this.#sleeper.wake();
  }

  /**
   * Goes on where it was paused, as if no time had passed: there is no burst.
   * @param now in ms of `performance.now()`
   */
  resume(now: number = clock()): void {
    this.#pace.resume(now);
    this.#sleeper.wake();
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
    const pace = this.#pace;
    if (!pace.started) this.start(at);
    const limit =
      most ?? (now === undefined ? Math.max(pace.burst, PORTION) : Number.POSITIVE_INFINITY);
    if (!(limit >= 1)) throw outOfRange('most', 'at least 1', most);
    const count = pace.take(at, limit);
    if (count > 0) this.#lateness.record(Math.max(1, Math.round(pace.late * 1e6)), 1);
    return count;
  }

  /**
   * Resolves when the next burst is due, or when the signal is aborted; what `setRate`, `pause` and `resume`
   * change counts. It sleeps by a timer of the library's own thread, and does not keep a core busy
   * ({@link Precision}). The event loop has a turn every 5 ms, also where the rate is above what can be
   * sent and the next burst always is due.
   */
  async wait(signal?: AbortSignal): Promise<void> {
    await this.#sleeper.sleep(() => this.#pace.due, this.#precision, signal);
  }

  #facts(): object {
    const pace = this.#pace;
    if (!pace.started) return { asked: this.report().asked, taken: 0 };
    const { asked, achieved, burst, largestBurst, lost } = this.report();
    return { asked, achieved, taken: pace.taken, burst, largestBurst, lost };
  }

  /** How the rate has been kept. @param now the end, in ms of `performance.now()` */
  report(now?: number): PacerReport {
    return pacingOf(this.#pace, this.#lateness, now);
  }
}
