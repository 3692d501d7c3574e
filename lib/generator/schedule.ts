import { invalidArgument } from './check.js';
import type { Ready } from './prepare.js';
import { checkRate, type Rate } from './rate.js';

/** When each frame of a loop is due. */
export interface Schedule {
  /** ms after the first */
  due: Float64Array;
  /** ms from the first frame of a loop to the first of the next */
  period: number;
  /** frames whose time is before that of an earlier one, or that have none; sent right behind it */
  unordered: number;
}

/** As recorded, `speed` times as fast. Infinity: all at once. */
export function recordedSchedule(
  ready: readonly Ready[],
  speed: number,
  gap: number | undefined,
): Schedule {
  const due = new Float64Array(ready.length);
  const first = ready.find(({ time }) => time !== null)?.time ?? 0n;
  let last = 0;
  let unordered = 0;
  for (const [i, { time }] of ready.entries()) {
    const at = time === null ? -1 : Number(time - first) / 1e6 / speed;
    if (at < last || time === null) unordered++;
    else last = at;
    due[i] = last;
  }
  // Without another wish the next loop comes as one more frame at the mean distance.
  const mean = ready.length > 1 ? last / (ready.length - 1) : 0;
  return { due, period: last + (gap ?? mean), unordered };
}

/** At a rate; a rate in bits counts the length of each frame. */
export function rateSchedule(
  ready: readonly Ready[],
  rate: Rate,
  gap: number | undefined,
): Schedule {
  const due = new Float64Array(ready.length);
  const bits = typeof rate === 'object' && 'bits' in rate ? rate : null;
  const { packets, burst } = checkRate('options.rate', rate, 1);
  // Each frame is sent, however late, and frames have no length in common to make bursts of.
  if (typeof rate === 'object' && (rate.catchUp !== undefined || bits?.burst !== undefined)) {
    throw invalidArgument('options.rate', 'without catchUp, and in bits without burst', rate);
  }
  let at = 0;
  for (const [i, { length }] of ready.entries()) {
    due[i] = bits ? at : (Math.floor(i / burst) * burst * 1000) / packets;
    const wire = length + (bits?.overhead ?? 0);
    at += bits ? (wire * 8 * 1000) / bits.bits : 1000 / packets;
  }
  return { due, period: at + (gap ?? 0), unordered: 0 };
}
