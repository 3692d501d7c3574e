import { clock, monotonic } from './timers.js';

/**
 * The largest share of the time that measuring latency may cost. To time one send costs about
 * READINGS times as much as a reading of the clock, with what is noted and counted for it. A
 * reading took 40 to 90 ns where it was measured, so one send is timed about every 70 µs, besides
 * those that reuse the time at which completions were taken in just before.
 */
const SHARE = 0.0025;
const READINGS = 4;
/**
 * The most sends that share one reading: so many of the shortest, of half a microsecond each, take
 * longer than the distance above.
 */
const MOST_READS = 256;
const TRIALS = 50;

/**
 * The clock by which sends of all sockets of the thread are timed. A send may take less than a
 * microsecond, and reading the clock would be a tenth of that. So where sends follow each other
 * faster than the clock is worth reading, several get the same time. How many do is counted,
 * without reading the clock.
 */
class RecentClock {
  #now = 0;
  #left = 0;
  #reads = 1;
  #pause = 0;
  #batchTime = 0;
  #batchIsRead = false;
  /** when the batch was looked for, in nanoseconds of CLOCK_MONOTONIC; 0: nobody has noted it */
  #batchNoted = 0;
  #offset = Number.NaN;

  /** Milliseconds between readings that keep their cost within SHARE. */
  get pause(): number {
    if (this.#pause === 0) this.#pause = (READINGS * measureCost()) / SHARE;
    return this.#pause;
  }

  /** The time of `clock` in ms, read now. */
  exact(): number {
    this.#now = clock();
    this.#left = this.#reads;
    return this.#now;
  }

  /** Whether nothing that takes time has run since the latest reading. */
  get isFresh(): boolean {
    return this.#left > 0;
  }

  /** The latest reading. */
  get latest(): number {
    return this.#now;
  }

  /**
  /**
   * A batch of completions begins. All of them get the same time, which is read when the first one
   * needs it.
   * @param noted when the batch was found, in nanoseconds of CLOCK_MONOTONIC; 0 where it is to be read
   */
  beginBatch(noted = 0): void {
    this.#batchIsRead = false;
    this.#batchNoted = noted;
  }

  /** The time of the batch of completions that is being taken in. */
  ofBatch(): number {
    if (this.#batchIsRead) return this.#batchTime;
    this.#batchIsRead = true;
    this.#batchTime = this.#batchNoted === 0 ? this.exact() : this.#noted(this.#batchNoted);
    return this.#batchTime;
  }

  /** Converts a reading of CLOCK_MONOTONIC of a moment ago to the time of `clock`. */
  #noted(nanoseconds: number): number {
    if (Number.isNaN(this.#offset)) this.#offset = measureOffset();
    this.#now = nanoseconds / 1e6 - this.#offset;
    this.#left = this.#reads;
    return this.#now;
  }

  /**
   * The time as `exact` returns it, or that of the latest reading while calls follow each other
   * closely.
   */
  recent(): number {
    if (--this.#left > 0) return this.#now;
    const before = this.#now;
    const now = clock();
    this.#now = now;
    this.#reads = nextStride(this.#reads, (now - before) / this.#reads, this.pause);
    this.#left = this.#reads;
    return now;
  }

  /** Other code is about to run, so the next call reads the clock. */
  expire(): void {
    this.#left = 0;
  }
}

/**
 * After how many steps of `each` ms the clock is to be read again. When steps get shorter, the
 * number at most doubles; when they get longer, it falls at once.
 * @param pause ms
 */
export function nextStride(stride: number, each: number, pause: number): number {
  return Math.max(1, Math.min(2 * stride, MOST_READS, Math.ceil(pause / each)));
}

/** The cost of reading the clock, in ms: the least of TRIALS measurements. */
function measureCost(): number {
  let least = Number.POSITIVE_INFINITY;
  for (let i = 0; i < TRIALS; i++) {
    const begin = clock();
    clock();
    clock();
    clock();
    least = Math.min(least, (clock() - begin) / 4);
  }
  return Math.max(least, 1e-5);
}

/** By how many ms CLOCK_MONOTONIC is ahead of `clock`: not more than it is, so that no latency comes out too short. */
function measureOffset(): number {
  let most = Number.NEGATIVE_INFINITY;
  for (let i = 0; i < TRIALS; i++) {
    const ahead = Number(monotonic()) / 1e6;
    most = Math.max(most, ahead - clock());
  }
  return most;
}

export const recentClock = new RecentClock();
