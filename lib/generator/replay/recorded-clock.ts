import type { Steps } from '../base/steps.js';

/**
 * By how much frames may be out of order, in ms of the capture, before it is the clock that was
 * set: queues of a network card are apart by microseconds, and clocks are set by what they cannot
 * gently be led to (ntpd: 128 ms and more).
 */
const DISORDER_MS = 100;
const STEP = 4096;

/** A frame with its time. */
export interface Timed {
  /** ns since 1970; null where the file has none */
  readonly time: bigint | null;
}

/**
 * The time of a capture whose own clock may jump while it is recorded. Whether it has, is told by the
 * frames behind a jump, as far as they were taken together with it.
 */
export class RecordedClock {
  /** How many frames have no time, or one before that of an earlier frame. */
  unordered = 0;
  readonly #maxGap: number;
  /** the first time that there is */
  #zero: bigint | null = null;
  /** what is added to a recorded time */
  #shift = 0;
  #last = 0;
  /** the recorded time of the last frame that was in order */
  #recorded = 0;
  /**
   * where the clock was set: once recorded times are back on the old side of `from`, somebody has put it
   * right, and `shift` holds again
   */
  #base: { from: number; shift: number; left: 'back' | 'ahead' } | null = null;

  /** @param maxGap the longest that a gap between two frames may become, in ms */
  constructor(maxGap: number) {
    this.#maxGap = maxGap;
  }

  /** When frames are due that follow those of the last call: in ms after the first of all. */
  *take(frames: readonly Timed[]): Steps<Float64Array> {
    this.#zero ??= frames.find(({ time }) => time !== null)?.time ?? null;
    // For each frame, the earliest time that one behind it has.
    const due = new Float64Array(frames.length);
    let earliest = Number.POSITIVE_INFINITY;
    for (let i = frames.length - 1; i >= 0; i--) {
      due[i] = earliest;
      earliest = Math.min(this.#timeOf(frames[i]) ?? earliest, earliest);
      if (i % STEP === 0) yield;
    }
    for (let i = 0; i < frames.length; i++) {
      due[i] = this.#next(this.#timeOf(frames[i]), due[i] as number);
      if (i % STEP === 0) yield;
    }
    return due;
  }

  #next(time: number | null, later: number): number {
    if (time === null) {
      this.unordered++;
      return this.#last;
    }
    const away = time - this.#recorded;
    if (away < -DISORDER_MS) this.#jump(time, 'back');
    else if (away > DISORDER_MS && this.#isAhead(later, time)) this.#jump(time, 'ahead');
    else if (this.#base?.left === 'back' && time >= this.#base.from) this.#return(time);
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

  /** The clock was set: time goes on from here, or from where it was before it was set away. */
  #jump(time: number, left: 'back' | 'ahead'): void {
    this.unordered++;
    if (this.#base !== null && this.#base.left !== left && time >= this.#base.from) {
      this.#return(time);
    } else {
      this.#base ??= { from: this.#recorded, shift: this.#shift, left };
      this.#shift = this.#last - time;
    }
    this.#recorded = time;
  }

  /**
   * The clock is where it was before it was set away, and so were single frames: the time between is
   * that of the clock they left. Where it only went on from where it was set back to, and has come
   * by, there is no gap to be left out.
   */
  #return(time: number): void {
    const shift = this.#base?.shift ?? this.#shift;
    this.#base = null;
    if (Math.abs(time - this.#recorded) > DISORDER_MS) {
      this.#shift = Math.max(this.#last - time, shift);
    }
  }

  /** A jump after which frames come that belong before it: it was no gap in the traffic. */
  #isAhead(later: number, time: number): boolean {
    return later >= this.#recorded && later < time - DISORDER_MS;
  }

  #timeOf(frame: Timed | undefined): number | null {
    const time = frame?.time ?? null;
    return time === null ? null : Number(time - (this.#zero ?? time)) / 1e6;
  }
}
