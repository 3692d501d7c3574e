import { invalidArgument } from '../../base/errors.js';
import type { Steps } from '../base/steps.js';
import { type BitRate, type CheckedRate, checkRate, type Rate } from '../pace/rate.js';
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

/** At a rate; a rate in bits counts the length of each frame. */
export class RateTiming implements Timing {
  readonly unordered = 0;
  readonly #rate: ReturnType<typeof checkFrameRate>;
  readonly #loopGap: number | undefined;
  #frames = 0;
  #bits = 0;

  constructor(rate: Rate, loopGap: number | undefined) {
    this.#rate = checkFrameRate(rate);
    this.#loopGap = loopGap;
  }

  *take(frames: readonly SendableFrame[]): Steps<Float64Array> {
    const due = new Float64Array(frames.length);
    const { burst, bits } = this.#rate;
    for (let i = 0; i < frames.length; i++) {
      due[i] = bits
        ? this.#at
        : (Math.floor(this.#frames / burst) * burst * 1000) / this.#rate.packets;
      this.#bits += ((frames[i] as SendableFrame).length + (bits?.overhead ?? 0)) * 8;
      this.#frames++;
      if (i % STEP === 0) yield;
    }
    return due;
  }

  get period(): number {
    return this.#at + (this.#loopGap ?? 0);
  }

  get #at(): number {
    const { bits, packets } = this.#rate;
    return bits ? (this.#bits * 1000) / bits.bits : (this.#frames * 1000) / packets;
  }
}

/** A rate that stays. */
type FrameBits = BitRate & { bits: number };

/**
 * Checks a rate of frames, which differ in length.
 * @throws TypeError `ERR_ZEROSEND_INVALID_ARGUMENT`; RangeError `ERR_ZEROSEND_OUT_OF_RANGE`
 */
export function checkFrameRate(rate: Rate): CheckedRate & { bits: FrameBits | null } {
  const checked = checkRate('options.rate', rate, 1);
  const bits = typeof rate === 'object' && 'bits' in rate ? (rate as FrameBits) : null;
  if (!checked.constant || checked.seed !== null) {
    throw invalidArgument('options.rate', 'one that stays, at even distances', rate);
  }
  // Each frame is sent, however late, and frames have no length in common to make bursts of.
  if (typeof rate === 'object' && (rate.catchUp !== undefined || bits?.burst !== undefined)) {
    throw invalidArgument('options.rate', 'without catchUp, and in bits without burst', rate);
  }
  return { ...checked, bits };
}
