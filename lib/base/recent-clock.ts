import { clock } from './timers.js';

/**
 * Timing a send costs the reading of the clock and, with what is noted and counted for it, some four times
 * as much. That is to stay below this share of the time between two that are timed, whatever a reading
 * takes on this machine. 40 to 90 ns were measured, so one is timed about every 70 µs, besides those that
 * get the time at which completions were taken in just before.
 */
const SHARE = 0.0025;
const READINGS = 4;
/** So many of the shortest sends, of half a microsecond each, take as long. */
const MOST_READS = 128;
const TRIALS = 50;

/**
 * The clock by which sends are timed, for all sockets of the thread. A send may take less than a
 * microsecond, of which reading the clock would be a tenth. So where readings follow each other faster
 * than pays, several get the same time, and which are to do so is counted, not measured.
 */
class RecentClock {
  #now = 0;
  #left = 0;
  #reads = 1;
  #pause = 0;
  #batchTime = 0;
  #batchIsRead = false;

  /** Milliseconds between readings that keep their cost within SHARE. */
  get pause(): number {
    if (this.#pause === 0) this.#pause = (READINGS * measureCost()) / SHARE;
    return this.#pause;
  }

  /** Milliseconds as of `clock`, read now. */
  exact(): number {
    this.#now = clock();
    this.#left = this.#reads;
    return this.#now;
  }

  /** Whether nothing has gone on since the latest reading that could have taken time. */
  get isFresh(): boolean {
    return this.#left > 0;
  }

  /** The latest reading. */
  get latest(): number {
    return this.#now;
  }

  /** Completions are taken in, all of which get one time if any does. */
  beginBatch(): void {
    this.#batchIsRead = false;
  }

  /** The time of the batch that is being taken in. */
  ofBatch(): number {
    if (this.#batchIsRead) return this.#batchTime;
    this.#batchIsRead = true;
    this.#batchTime = this.exact();
    return this.#batchTime;
  }

  /** As `exact`, or of a moment ago while readings follow each other without a break. */
  recent(): number {
    if (--this.#left > 0) return this.#now;
    const before = this.#now;
    const now = clock();
    this.#now = now;
    this.#reads = nextStride(this.#reads, (now - before) / this.#reads, this.pause);
    this.#left = this.#reads;
    return now;
  }

  /** Others run now: the next reading is a new one. */
  expire(): void {
    this.#left = 0;
  }
}

/**
 * After how many more steps of `each` ms the clock is worth reading: it follows a rate that rises by
 * doubling, and one that falls at once.
 * @param pause ms
 */
export function nextStride(stride: number, each: number, pause: number): number {
  return Math.max(1, Math.min(2 * stride, MOST_READS, Math.ceil(pause / each)));
}

/** What the shortest of some readings took, in ms. */
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

export const recentClock = new RecentClock();
