import { Chance } from './chance.js';
import { Course } from './course.js';
import type { CheckedRate } from './rate.js';

/** What counts as due within rounding, in packets. */
const NEAR = 1e-3;

/**
 * When packets are due, at a rate that may change and rest, without drift: packet k is due when the area
 * below the rate is k. It reads no clock: each call says what time it is, in ms.
 */
export class Pace {
  readonly #index: number;
  /** of so many who keep the rate together it lets go each `of`-th burst */
  readonly #of: number;
  #rate: CheckedRate;
  #course: Course;
  /** the packet of the course with which the next burst is due */
  #mark = 0;
  /** how many packets of that burst have been let go */
  #begun = 0;
  #due = Number.NaN;
  /** when it was paused; NaN: it is not */
  #pausedAt = Number.NaN;
  /** of chance arrivals: packets that are due, and what draws their distances */
  #arrived = 0;
  #chance = new Chance(0);

  /** when the course begins, which may be in the future, and when the first packet is due */
  #begin = Number.NaN;
  #start = Number.NaN;
  #rested = 0;
  #taken = 0;
  #lost = 0;
  /** what was let go last, and when */
  #last = 0;
  #lastAt = 0;
  /** whether the rate has been the same all the time; else what was due before it was set last */
  #steady = true;
  #dueBefore = 0;
  /** packets that go without a pause between them, and whether more of them are due */
  #together = 0;
  #leftOver = false;
  #largest = 0;
  #late = 0;

  constructor(rate: CheckedRate, index = 0, of = 1) {
    this.#index = index;
    this.#of = of;
    this.#rate = rate;
    this.#course = new Course(rate.lines, 0);
  }

  /** Begins, also anew, at the rate that was set last. */
  start(now: number): void {
    const { burst, packets, lines, seed, constant } = this.#rate;
    this.#course = new Course(lines, now);
    this.#begin = now;
    // Bursts of several are due one after the other.
    this.#mark = this.#index * burst;
    this.#start = now + (this.#mark === 0 ? 0 : (this.#mark / packets) * 1000);
    this.#rested = this.#taken = this.#lost = this.#last = this.#together = 0;
    this.#largest = this.#late = this.#arrived = this.#begun = this.#dueBefore = 0;
    this.#lastAt = this.#start;
    this.#leftOver = false;
    this.#steady = constant;
    this.#pausedAt = Number.NaN;
    if (seed !== null) {
      this.#chance = this.#chanceOf(seed);
      this.#mark = this.#distance();
    }
    this.#findDue();
  }

  get started(): boolean {
    return !Number.isNaN(this.#start);
  }

  get paused(): boolean {
    return !Number.isNaN(this.#pausedAt);
  }

  get burst(): number {
    return this.#rate.burst;
  }

  get taken(): number {
    return this.#taken;
  }

  get lost(): number {
    return this.#lost;
  }

  get largestBurst(): number {
    return this.#largest;
  }

  /** By how many ms what was let go last was late. */
  get late(): number {
    return this.#late;
  }

  /**
   * When the next burst is due, or, where the rate rests for long, when to ask again. Infinity while it is
   * paused, and where it rests for ever.
   */
  get due(): number {
    return this.paused ? Number.POSITIVE_INFINITY : this.#due;
  }

  /**
   * How many packets may go at `now`, at most so many. They count as sent; the rest stays due.
   * @param end behind which nothing is due, also where it is late
   */
  take(now: number, limit: number, end = now): number {
    if (now < this.#due || this.paused) return 0;
    const { seed } = this.#rate;
    const count = this.#course.countAt(Math.min(now, end));
    while (!this.#course.sure) {
      this.#findDue();
      if (now < this.#due) return 0;
    }
    const due = this.#due;
    const open = seed === null ? this.#evenlyOpen(count) : this.#chanceOpen(count);
    if (open === 0) {
      this.#findDue();
      return 0;
    }
    const most = this.#mostAt(now);
    const lost = Math.max(0, open - most);
    const taken = Math.min(open - lost, limit);
    if (seed === null) this.#goOn(lost + taken);
    else this.#arrived -= lost + taken;
    this.#lost += lost;
    this.#late = now - due;
    this.#taken += taken;
    this.#last = taken;
    this.#lastAt = now;
    // What is left over goes right behind; at a rate that is never met, so does all that follows.
    this.#together = this.#leftOver ? Math.min(this.#together + taken, most) : taken;
    this.#leftOver = taken < open - lost;
    this.#largest = Math.max(this.#largest, this.#together);
    if (this.#arrived === 0) this.#findDue();
    return taken;
  }

  /** The rest of a burst that has begun is due with it. */
  #goOn(packets: number): void {
    const { burst } = this.#rate;
    const done = this.#begun + packets;
    this.#begun = done % burst;
    this.#mark += (done - this.#begun) * this.#of;
  }

  /** Packets of whole bursts that are due when `count` packets of all are, but for those that have been let go. */
  #evenlyOpen(count: number): number {
    const { burst } = this.#rate;
    const each = burst * this.#of;
    const bursts = Math.floor((count - this.#mark) / each) + 1;
    // Within rounding of the very moment, one burst is due at least.
    if (bursts < 1) return this.#mark - count < NEAR ? burst - this.#begun : 0;
    return bursts * burst - this.#begun;
  }

  #chanceOpen(count: number): number {
    while (this.#mark - count < NEAR) {
      this.#arrived += this.#rate.burst;
      this.#mark += this.#distance();
    }
    return this.#arrived;
  }

  /** Those who keep a rate together have distances of their own each. */
  #chanceOf(seed: number): Chance {
    return new Chance(seed + Math.imul(this.#index, 0x9e37_79b9));
  }

  /** Of all the packets of the course, from one burst of chance to the next: as in a Poisson process. */
  #distance(): number {
    return this.#chance.distance() * this.#rate.burst * this.#of;
  }

  #mostAt(now: number): number {
    const { burst, catchUp } = this.#rate;
    const packets = (catchUp * this.#course.rateAt(now)) / this.#of;
    return Math.max(burst, Math.floor(packets / burst) * burst);
  }

  #findDue(): void {
    this.#due = this.#course.timeOf(this.#mark);
  }

  /** Lets nothing go until it is resumed. Of what is due, one burst goes then, and the rest never. */
  pause(now: number): void {
    if (this.paused || !this.started) return;
    if (now >= this.#due) this.#dropBacklog(now);
    this.#leftOver = false;
    // There is no rest before the beginning, which stays where it is.
    this.#pausedAt = Math.max(now, this.#begin);
  }

  /** Goes on where it was paused: what would have been due meanwhile is due later, not at once. */
  resume(now: number): void {
    if (!this.paused) return;
    const rested = Math.max(0, now - this.#pausedAt);
    this.#course.shift(rested);
    this.#due += rested;
    this.#rested += rested;
    this.#pausedAt = Number.NaN;
  }

  /**
   * Goes on at another rate. What was waited for the next packet counts; what is due stays due, as far as
   * the new rate would make up for it.
   * @param factor null, or of a rate in bits that goes on where it is, with packets of another length: how
   * many of them there are for each that there was
   * @throws what a function says that is no rate; then all is as it was
   */
  setRate(rate: CheckedRate, now: number, factor: number | null = null): void {
    const before = this.#rate;
    const begun = this.started ? Math.max(now, this.#begin) : 0;
    const at = this.paused ? this.#pausedAt : begun;
    const course = factor === null ? new Course(rate.lines, at) : this.#course;
    // A function is asked for the times of its first burst.
    if (factor === null) course.timeOf(rate.burst * this.#of);
    const count = this.started ? this.#course.countAt(at) : 0;
    this.#rate = rate;
    if (!this.started) return;
    this.#dueBefore += count;
    this.#steady = false;
    this.#course = course;
    if (factor !== null) course.goOn(at, factor);
    const each = rate.burst * this.#of;
    // A burst that has begun ends here: what is left of it counts as waited for.
    this.#mark += this.#begun * this.#of;
    this.#begun = 0;
    if (rate.seed === null) {
      // Of arrivals by chance, those that are due are let go as a backlog of even ones.
      this.#mark = Math.min(this.#mark - count, each) - this.#arrived * this.#of;
      this.#arrived = 0;
    } else {
      if (before.seed !== rate.seed) this.#chance = this.#chanceOf(rate.seed);
      this.#mark = Math.min(this.#mark - count, this.#distance());
    }
    if (this.#arrived === 0) this.#findDue();
  }

  /** Packets that are due at `now`, but for one burst, are lost. */
  #dropBacklog(now: number): void {
    const { burst, seed } = this.#rate;
    const count = this.#course.countAt(now);
    const even = seed === null;
    const open = even ? this.#evenlyOpen(count) : this.#chanceOpen(count);
    const lost = open - burst;
    if (lost <= 0) return;
    this.#lost += lost;
    if (even) {
      this.#goOn(lost);
      this.#findDue();
    } else {
      this.#arrived = burst;
      this.#due = now;
    }
  }

  /**
   * Packets a second that were asked for, and how many were let go, from the start to `end`, without
   * pauses.
   */
  report(end: number = this.#lastAt): { asked: number; achieved: number } {
    const steady = this.#rate.packets / this.#of;
    const until = Math.max(this.paused ? Math.min(end, this.#pausedAt) : end, this.#lastAt);
    const before = this.#start + this.#rested;
    const rate = this.#course.rateAt(this.#lastAt) || steady / 1000;
    // The last burst takes its time as well, although nothing happens in it.
    const elapsed = Math.max(until, this.#lastAt + (this.#last * this.#of) / rate) - before;
    const achieved = this.#taken === 0 ? 0 : (this.#taken / elapsed) * 1000;
    if (this.#steady || !(until > before)) return { asked: steady, achieved };
    const due = (this.#dueBefore + this.#course.countAt(until)) / this.#of;
    return { asked: (due / (until - before)) * 1000, achieved };
  }
}
