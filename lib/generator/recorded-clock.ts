import type { Ready } from './prepare.js';
import type { Steps } from './steps.js';

/**
 * By how much frames may be out of order, in ms of the capture, before it is the clock that was
 * set: queues of a network card are apart by microseconds, and clocks are set by what they cannot
 * gently be led to (ntpd: 128 ms and more).
 */
const DISORDER_MS = 100;
const STEP = 4096;

/** The time of a capture whose own clock may jump while it is recorded. */
export class RecordedClock {
  /** Frames whose time does not follow that of an earlier one, or that have none. */
  unordered = 0;
  readonly #frames: readonly Pick<Ready, 'time'>[];
  readonly #maxGap: number;
  readonly #zero: bigint;
  /** the earliest time of a frame and all behind it, in ms after #zero */
  readonly #earliest: Float64Array;
  /** to be added to the recorded time */
  #shift = 0;
  #last = 0;
  /** recorded, of the last frame that was in order */
  #recorded = 0;
  /** what holds again when a clock that was ahead is back: from which recorded time on, and the shift */
  #back: { from: number; shift: number } | null = null;

  /** @param maxGap of two frames, in ms */
  constructor(frames: readonly Pick<Ready, 'time'>[], maxGap: number) {
    this.#frames = frames;
    this.#maxGap = maxGap;
    this.#zero = frames.find(({ time }) => time !== null)?.time ?? 0n;
    this.#earliest = new Float64Array(frames.length + 1).fill(Number.POSITIVE_INFINITY);
  }

  /** Looks through the times once; to be done before the first {@link next}. */
  *look(): Steps<void> {
    const earliest = this.#earliest;
    for (let i = this.#frames.length - 1; i >= 0; i--) {
      const behind = earliest[i + 1] as number;
      earliest[i] = Math.min(this.#timeOf(i) ?? behind, behind);
      if (i % STEP === 0) yield;
    }
  }

  /** When a frame is due, in ms after the first; to be asked for one after the other. */
  next(i: number): number {
    const time = this.#timeOf(i);
    if (time === null) {
      this.unordered++;
      return this.#last;
    }
    if (time < this.#recorded - DISORDER_MS) this.#stepBack(time);
    else if (this.#isAhead(i, time)) this.#stepAhead(time);
    const due = time + this.#shift;
    if (due < this.#last) {
      this.unordered++;
      return this.#last;
    }
    this.#shift -= Math.max(0, due - this.#last - this.#maxGap);
    this.#last = time + this.#shift;
    this.#recorded = time;
    return this.#last;
  }

  /**
   * The clock was set back: time goes on from here. Where it had jumped ahead before, as if it had
   * not.
   */
  #stepBack(time: number): void {
    this.unordered++;
    const back = this.#back;
    this.#back = null;
    this.#shift = this.#last - time;
    if (back !== null && time >= back.from) this.#shift = Math.max(this.#shift, back.shift);
    this.#recorded = time;
  }

  /** A jump after which frames come that belong before it: it was no gap in the traffic. */
  #isAhead(i: number, time: number): boolean {
    const later = this.#earliest[i + 1] as number;
    return (
      time - this.#recorded > DISORDER_MS && later >= this.#recorded && later < time - DISORDER_MS
    );
  }

  #stepAhead(time: number): void {
    this.unordered++;
    this.#back ??= { from: this.#recorded, shift: this.#shift };
    this.#shift = this.#last - time;
  }

  #timeOf(i: number): number | null {
    const time = this.#frames[i]?.time ?? null;
    return time === null ? null : Number(time - this.#zero) / 1e6;
  }
}
