import { Chance } from './chance.js';
import { Course, type Lines } from './course.js';
import { type BitRate, checkRate, type Rate } from './rate.js';

/** A rate of packets that differ in length, none of which is left out. It counts packets, or bits. */
export interface FrameRate {
  /** so many a second; null of one that changes */
  perSecond: number | null;
  /** bytes of each packet that are not in its buffer; null: packets are counted */
  overhead: number | null;
  /** packets that leave together */
  burst: number;
  /** null: at equal distances */
  seed: number | null;
  /** of one that changes: what it is in its own unit a ms, and how many of them one that is counted is */
  lines: Lines;
  scale: number;
}

/**
 * Checks a rate of packets that differ in length.
 * @param burst where none is given; null: of packets, those that are due in 100 µs
 * @throws TypeError `ERR_ZEROSEND_INVALID_ARGUMENT`; RangeError `ERR_ZEROSEND_OUT_OF_RANGE`
 */
export function checkFrameRate(rate: Rate, burst: number | null): FrameRate {
  const checked = checkRate('options.rate', rate, 1);
  const { packets, constant, seed, lines } = checked;
  const given = (typeof rate === 'object' ? rate : {}) as Partial<BitRate>;
  const { bits, overhead = 0 } = given;
  const inBits = bits !== undefined;
  const steady = inBits ? (bits as number) : packets;
  return {
    perSecond: constant ? steady : null,
    overhead: inBits ? overhead : null,
    // Packets of several lengths have none in common to make bursts of.
    burst: given.burst ?? burst ?? (inBits ? 1 : checked.burst),
    seed,
    lines,
    scale: inBits ? 1 / (8 * (1 + overhead)) : 1,
  };
}

/** Where each packet lies in what a rate counts: how much of it goes before the packet. */
export class Marks {
  readonly #rate: FrameRate;
  readonly #chance: Chance | null;
  #number = 0;
  #before = 0;
  /** of the burst */
  #mark = 0;
  #markedAt = 0;

  constructor(rate: FrameRate) {
    this.#rate = rate;
    this.#chance = rate.seed === null ? null : new Chance(rate.seed);
  }

  /** How much goes before the next packet; with arrivals by chance, in the mean. */
  get before(): number {
    return this.#before;
  }

  /** The mark of the next packet, which has so many bytes. */
  next(bytes: number): number {
    const { burst, overhead } = this.#rate;
    if (this.#number % burst === 0) {
      const distance = this.#before - this.#markedAt;
      this.#mark =
        this.#chance === null ? this.#before : this.#mark + distance * this.#chance.distance();
      this.#markedAt = this.#before;
    }
    this.#number++;
    this.#before += overhead === null ? 1 : (bytes + overhead) * 8;
    return this.#mark;
  }
}

/** How often the time of a mark is looked for, each time a second further on: more often than there are pieces. */
const MOST_ASKED = 100_000;

/** When marks are due by a rate that changes, and which are at a time. Both only go on. */
export class Warp {
  readonly #course: Course;

  constructor({ lines }: FrameRate) {
    this.#course = new Course(lines, 0);
  }

  /**
   * In ms; Infinity where the rate rests for ever, or a function for longer than it is asked.
   * @param until of a mark that is not due by then, a time behind it at which to ask again
   */
  timeOf(mark: number, until = Number.POSITIVE_INFINITY): number {
    const course = this.#course;
    let time = course.timeOf(mark);
    for (let asked = 0; !course.sure && time <= until; asked++) {
      if (asked === MOST_ASKED) return Number.POSITIVE_INFINITY;
      course.countAt(time);
      time = course.timeOf(mark);
    }
    return time;
  }

  /** Of a time that is not before that of a mark which was asked for. */
  markAt(time: number): number {
    return this.#course.countAt(time);
  }
}
