import { invalidArgument } from '../../base/errors.js';
import type { Steps } from '../base/steps.js';
import { checkFrameRate, type FrameRate, Marks } from '../pace/frame-rate.js';
import type { Rate } from '../pace/rate.js';
import { RecordedClock } from './recorded-clock.js';
import type { SendableFrame } from './sendable-frames.js';

/** When the frames of a loop are due, which are taken one after the other, any number at a time. */
export interface Timing {
  /** ms after the first of the loop, for frames that follow those of the last call */
  take(frames: readonly SendableFrame[]): Steps<Float64Array>;
  /** ms from the first frame of a loop to the first of the next, when all were taken */
  readonly period: number;
  /** how many frames have no time, or one before that of an earlier frame; each is sent right behind that */
  readonly unordered: number;
}

const STEP = 4096;

/** As recorded, `speed` times as fast; with Infinity all frames are due at once. */
export class RecordedTiming implements Timing {
  readonly #clock: RecordedClock;
  readonly #speed: number;
  readonly #loopGap: number | undefined;
  #last = 0;
  #frames = 0;

  constructor({
    speed,
    loopGap,
    maxGap,
  }: { speed: number; loopGap: number | undefined; maxGap: number }) {
    this.#clock = new RecordedClock(speed === Number.POSITIVE_INFINITY ? 0 : maxGap * speed);
    this.#speed = speed;
    this.#loopGap = loopGap;
  }

  *take(frames: readonly SendableFrame[]): Steps<Float64Array> {
    const due = yield* this.#clock.take(frames);
    for (let i = 0; i < due.length; i++) due[i] = (due[i] as number) / this.#speed;
    this.#last = due.at(-1) ?? this.#last;
    this.#frames += frames.length;
    return due;
  }

  /** Without another wish the next loop comes as one more frame at the mean distance. */
  get period(): number {
    const mean = this.#frames > 1 ? this.#last / (this.#frames - 1) : 0;
    return this.#last + (this.#loopGap ?? mean);
  }

  get unordered(): number {
    return this.#clock.unordered;
  }
}

/**
 * At a rate; a rate in bits counts the length of each frame. At a rate that changes, times are marks, which are
 * due when the rate has counted so far: `Warp` says when that is.
 */
export class RateTiming implements Timing {
  readonly unordered = 0;
  readonly #marks: Marks;
  readonly #each: number;
  readonly #loopGap: number | undefined;

  constructor(rate: FrameRate, loopGap: number | undefined) {
    this.#marks = new Marks(rate);
    const { perSecond, scale } = rate;
    this.#each = perSecond === null ? scale : 1000 / perSecond;
    this.#loopGap = loopGap;
  }

  *take(frames: readonly SendableFrame[]): Steps<Float64Array> {
    const due = new Float64Array(frames.length);
    for (let i = 0; i < frames.length; i++) {
      due[i] = this.#marks.next((frames[i] as SendableFrame).length) * this.#each;
      if (i % STEP === 0) yield;
    }
    return due;
  }

  get period(): number {
    return this.#marks.before * this.#each + (this.#loopGap ?? 0);
  }
}

/**
 * Checks a rate of frames, each of which is sent, however late.
 * @throws TypeError `ERR_ZEROSEND_INVALID_ARGUMENT`; RangeError `ERR_ZEROSEND_OUT_OF_RANGE`
 */
export function checkReplayRate(rate: Rate, loopGap: number | undefined): FrameRate {
  const checked = checkFrameRate(rate, null);
  if (typeof rate === 'object' && (rate.catchUp !== undefined || ('bits' in rate && rate.burst))) {
    throw invalidArgument('options.rate', 'without catchUp, and in bits without burst', rate);
  }
  if (checked.perSecond === null && loopGap !== undefined) {
    throw invalidArgument('options.loopGap', 'only at a rate that stays', loopGap);
  }
  return checked;
}
