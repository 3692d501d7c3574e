import type { Steps } from '../base/steps.js';

/**
 * By how much frames may be out of order, in ms of the capture, before it is the clock that was
 * set: queues of a network card are apart by microseconds, and clocks are set by what they cannot
 * gently be led to (ntpd: 128 ms and more).
 */
const DISORDER_MS = 100;
const STEP = 4096;

interface Timed {
  /** ns since 1970; null where the file has none */
  readonly time: bigint | null;
}

/** The time of a capture whose own clock may jump while it is recorded. */
export class RecordedClock {
  /** How many frames have no time, or one before that of an earlier frame. */
  unordered = 0;
  readonly #frames: readonly Timed[];
  readonly #maxGap: number;
  readonly #zero: bigint;
  /** for each frame, the earliest time that it or one behind it has, in ms after #zero */
  readonly #earliest: Float64Array;
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
  constructor(frames: readonly Timed[], maxGap: number) {
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
    const away = time - this.#recorded;
    if (away < -DISORDER_MS) this.#jump(time, 'back');
    else if (away > DISORDER_MS && this.#isAhead(i, time)) this.#jump(time, 'ahead');
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
  #isAhead(i: number, time: number): boolean {
    const later = this.#earliest[i + 1] as number;
    return later >= this.#recorded && later < time - DISORDER_MS;
  }

  #timeOf(i: number): number | null {
    const time = this.#frames[i]?.time ?? null;
    return time === null ? null : Number(time - this.#zero) / 1e6;
  }
}
