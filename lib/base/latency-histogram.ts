import { clock, timeOrigin } from './timers.js';

/** Latencies of one kind in nanoseconds. */
export interface LatencySummary {
  /** How many sends were measured. Where there are none, the other fields are 0. */
  count: number;
  /** The shortest. */
  min: number;
  /** The mean of all. */
  mean: number;
  /** The longest. */
  max: number;
  /** The median. */
  p50: number;
  /** The latency that 99 of 100 sends did not exceed. */
  p99: number;
}

/** How many latencies were below a bound. */
export interface LatencyBucket {
  /** nanoseconds */
  upTo: number;
  /** how many latencies were below `upTo`, those of earlier buckets included */
  count: number;
}

/**
 * How many bits of a latency are kept after its leading one: a column is a 64th of its row wide.
 */
const COLUMN_BITS = 6;
const COLUMNS = 2 ** COLUMN_BITS;
/** Row r counts the latencies from 2^r to 2^(r+1) ns. The last one ends at 2^53. */
const ROWS = 53;
/** The exponents of the bounds of buckets, which are edges of rows: from 8 µs to 34 s. */
const FIRST_BOUND = 13;
const LAST_BOUND = 35;

/**
/**
 * Those who have latencies that no histogram has counted yet. Several latencies are counted together,
 * since then all but the first find what counting reads in the CPU cache. All are counted before
 * anything is read.
 */
export const uncounted = new Set<{ count(): void }>();

function countAll(): void {
  for (const each of uncounted) each.count();
  uncounted.clear();
}

/**
 * Counts latencies in rows, each of which covers twice the range of the one before, and in columns
 * of equal width within a row. So a percentile is off by less than 1 in 128. A row is allocated
 * with its first latency: usual latencies need five or six rows of half a kilobyte each, where all
 * 53 would be 27 KB.
 */
export class LatencyHistogram {
  #since = Number.POSITIVE_INFINITY;
  readonly #rows: (Float64Array | undefined)[] = new Array(ROWS).fill(undefined);
  #count = 0;
  #sum = 0;
  #min = Number.POSITIVE_INFINITY;
  #max = 0;

  /** when counting began, in ms since 1970; infinite while it has not */
  get since(): number {
    return this.#since;
  }

  begin(): this {
    this.#since = Math.min(this.#since, Math.round(timeOrigin + clock()));
    return this;
  }

  get count(): number {
    countAll();
    return this.#count;
  }

  /** Counts `times` sends that took `latency` nanoseconds. A latency below 1 counts as 1. */
  record(latency: number, times: number): void {
    const whole = latency < 1 ? 1 : Math.floor(latency);
    this.#count += times;
    this.#sum += whole * times;
    if (whole < this.#min) this.#min = whole;
    if (whole > this.#max) this.#max = whole;
    // Up to two seconds this works with integers of 31 bits, and takes 5 ns. Powers and divisions
    // took some 400.
    let row: number;
    let column: number;
    if (whole < 2 ** 31) {
      row = 31 - Math.clz32(whole);
      column =
        (row < COLUMN_BITS ? whole << (COLUMN_BITS - row) : whole >>> (row - COLUMN_BITS)) -
        COLUMNS;
    } else {
      row = Math.min(62 - Math.clz32(whole / 2 ** 31), ROWS - 1);
      column = Math.min(Math.floor((whole / 2 ** row - 1) * COLUMNS), COLUMNS - 1);
    }
    const counts = this.#rows[row] ?? this.#addRow(row);
    counts[column] = (counts[column] as number) + times;
  }

  #addRow(row: number): Float64Array {
    const counts = new Float64Array(COLUMNS);
    this.#rows[row] = counts;
    return counts;
  }

  /** Adds all that another histogram has counted. */
  add(other: LatencyHistogram): void {
    countAll();
    this.#since = Math.min(this.#since, other.#since);
    this.#count += other.#count;
    this.#sum += other.#sum;
    this.#min = Math.min(this.#min, other.#min);
    this.#max = Math.max(this.#max, other.#max);
    for (const [row, counts] of other.#rows.entries()) {
      if (counts === undefined) continue;
      const own = this.#rows[row] ?? this.#addRow(row);
      for (let column = 0; column < COLUMNS; column++) {
        own[column] = (own[column] as number) + (counts[column] as number);
      }
    }
  }

  summary(): LatencySummary {
    countAll();
    const count = this.#count;
    if (count === 0) return { count, min: 0, mean: 0, max: 0, p50: 0, p99: 0 };
    return {
      count,
      min: this.#min,
      mean: this.#sum / count,
      max: this.#max,
      p50: this.#percentile(0.5),
      p99: this.#percentile(0.99),
    };
  }

  /**
   * The latency that a `share` of all does not exceed: the middle of the column that it is counted
   * in.
   */
  #percentile(share: number): number {
    let left = Math.ceil(share * this.#count);
    for (const [row, counts] of this.#rows.entries()) {
      if (counts === undefined) continue;
      for (let column = 0; column < COLUMNS; column++) {
        left -= counts[column] as number;
        if (left > 0) continue;
        const middle = Math.round(2 ** row * (1 + (column + 0.5) / COLUMNS));
        return Math.min(Math.max(middle, this.#min), this.#max);
      }
    }
    return this.#max;
  }

  /**
   * Counts by bounds that never change, as monitors need them. The counts are exact, since the
   * bounds are edges of rows.
   */
  upTo(): LatencyBucket[] {
    countAll();
    const buckets: LatencyBucket[] = [];
    let count = 0;
    for (let row = 0; row < LAST_BOUND; row++) {
      for (const times of this.#rows[row] ?? []) count += times;
      if (row + 1 >= FIRST_BOUND) buckets.push({ upTo: 2 ** (row + 1), count });
    }
    return buckets;
  }
}
