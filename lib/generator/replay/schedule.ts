import { invalidArgument } from '../../base/errors.js';
import type { Steps } from '../base/steps.js';
import { type BitRate, type CheckedRate, checkRate, type Rate } from '../pace/rate.js';
import { RecordedClock } from './recorded-clock.js';
import type { SendableFrame } from './sendable-frames.js';

/** When each frame of a replay's loop is due. */
export interface Schedule {
  /** when each is due, in ms after the first */
  due: Float64Array;
  /** ms from the first frame of a loop to the first of the next */
  period: number;
  /** how many frames have no time, or one before that of an earlier frame; each is sent right behind that */
  unordered: number;
}

const STEP = 4096;

/** The schedule as it was recorded, `speed` times as fast; with Infinity all frames are due at once. */
export function* recordedSchedule(
  ready: readonly SendableFrame[],
  { speed, loopGap, maxGap }: { speed: number; loopGap: number | undefined; maxGap: number },
): Steps<Schedule> {
  const clock = new RecordedClock(ready, speed === Number.POSITIVE_INFINITY ? 0 : maxGap * speed);
  const due = new Float64Array(ready.length);
  yield* clock.look();
  for (let i = 0; i < ready.length; i++) {
    due[i] = clock.next(i) / speed;
    if (i % STEP === 0) yield;
  }
  // Without another wish the next loop comes as one more frame at the mean distance.
  const last = due.at(-1) ?? 0;
  const mean = ready.length > 1 ? last / (ready.length - 1) : 0;
  return { due, period: last + (loopGap ?? mean), unordered: clock.unordered };
}

/** At a rate; a rate in bits counts the length of each frame. */
export function* rateSchedule(
  ready: readonly SendableFrame[],
  rate: Rate,
  loopGap: number | undefined,
): Steps<Schedule> {
  const due = new Float64Array(ready.length);
  const { packets, burst, bits } = checkFrameRate(rate);
  let at = 0;
  for (let i = 0; i < ready.length; i++) {
    const { length } = ready[i] as SendableFrame;
    due[i] = bits ? at : (Math.floor(i / burst) * burst * 1000) / packets;
    const wire = length + (bits?.overhead ?? 0);
    at += bits ? (wire * 8 * 1000) / bits.bits : 1000 / packets;
    if (i % STEP === 0) yield;
  }
  return { due, period: at + (loopGap ?? 0), unordered: 0 };
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
