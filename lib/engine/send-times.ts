import { LatencyHistogram, uncounted } from '../base/latency-histogram.js';
import { nextStride, recentClock } from '../base/recent-clock.js';

/**
 * The histograms in which the pools of a send count its latency. A send out of parts may have
 * several.
 */
export type PoolLatencies = LatencyHistogram | readonly LatencyHistogram[] | null;

const FIRST_CAPACITY = 16;
/** The most marks that are kept. Beyond, two neighbouring ones are merged. */
const MOST_MARKS = 16_384;
/** So many ranges that have completed are counted together. */
const RANGES = 16;
/** first id, end, and when they completed */
const RANGE = 3;

/**
 * When the sends of one socket were made, and how long they took to complete.
 *
 * A mark is an id and a time, and holds for the ids from there to the next mark:
 *
 *   ids     12  13  14  15 | 16  17 | 18 ...
 *   marks  (12, 3.02 ms)    (16, …)  (18, …)
 *
 * How many ids share a mark depends on the rate of sends: each id has its own where sends are some
 * 70 µs apart, and several share one where they are closer, so that reading the clock takes a fixed
 * small share of the time. The latencies of ids behind a mark are too long by the time since that
 * mark.
 */
export class SendTimes {
  /** the id at which the next mark has to be made */
  due: number;
  readonly latency: LatencyHistogram;
  /** called with each mark */
  marked: (() => void) | null = null;
  /** ids from this one on were sent while times were noted */
  readonly firstId: number;
  #ids = new Float64Array(FIRST_CAPACITY);
  #times = new Float64Array(FIRST_CAPACITY);
  #pools: PoolLatencies[] = new Array(FIRST_CAPACITY).fill(null);
  #mask = FIRST_CAPACITY - 1;
  #head = 0;
  #count = 0;
  #stride = 1;
  /** What has completed and is not counted yet, and how many numbers of it there are. */
  readonly #ranges = new Float64Array(RANGES * RANGE);
  #rangesEnd = 0;
  /** no marks below are needed, but for what is not counted yet */
  #low = 0;

  /**
   * @param latency the histogram in which latencies are counted
   * @param low every id below has completed
   * @param next the next id; the ids in between are in flight, and the times at which they were
   * sent are not known
   */
  constructor(latency: LatencyHistogram, low: number, next: number) {
    this.latency = latency.begin();
    this.firstId = next;
    this.due = next;
    this.#push(low, recentClock.exact(), null);
  }

  /**
   * Notes that the ids from `id` on, up to the next mark, are sent now.
   * @param pool the histogram of their pool
   */
  mark(id: number, pool: PoolLatencies): void {
    this.#mark(id, pool, this.marked === null ? recentClock.recent() : recentClock.exact());
  }

  /**
   * Makes a mark with a known time, for the same pool as before, unless one is due already. No mark
   * is made either where the last one is more recent than the interval at which marks are worth
   * their cost.
   */
  markAt(id: number, now: number): void {
    const at = (this.#head + this.#count - 1) & this.#mask;
    if (this.due <= id || now - (this.#times[at] as number) < recentClock.pause) return;
    this.#mark(id, this.#pools[at] ?? null, now);
  }

  #mark(id: number, pool: PoolLatencies, now: number): void {
    const at = (this.#head + this.#count - 1) & this.#mask;
    const lastId = this.#ids[at] as number;
    const lastTime = this.#times[at] as number;
    if (now !== lastTime || pool !== this.#pools[at]) {
      const each = (now - lastTime) / Math.max(1, id - lastId);
      this.#stride = nextStride(this.#stride, each, recentClock.pause);
      this.#push(id, now, pool);
    }
    this.due = id + this.#stride;
    this.marked?.();
  }

  #push(id: number, time: number, pool: PoolLatencies): void {
    if (this.#count > this.#mask) this.#makeRoom();
    const at = (this.#head + this.#count++) & this.#mask;
    this.#ids[at] = id;
    this.#times[at] = time;
    this.#pools[at] = pool;
  }

  #makeRoom(): void {
    const thin = this.#count >= MOST_MARKS ? 2 : 1;
    const capacity = thin === 2 ? this.#count : 2 * this.#count;
    const ids = new Float64Array(capacity);
    const times = new Float64Array(capacity);
    const pools: PoolLatencies[] = new Array(capacity).fill(null);
    let count = 0;
    for (let i = 0; i < this.#count; i += thin) {
      const from = (this.#head + i) & this.#mask;
      ids[count] = this.#ids[from] as number;
      times[count] = this.#times[from] as number;
      pools[count++] = this.#pools[from] as PoolLatencies;
    }
    this.#ids = ids;
    this.#times = times;
    this.#pools = pools;
    this.#mask = capacity - 1;
    this.#head = 0;
    this.#count = count;
  }

  /** Counts the latencies of ids that have completed at the time `now`. */
  completed(first: number, end: number, now: number): void {
    if (this.#rangesEnd === RANGES * RANGE) this.count();
    const at = this.#rangesEnd;
    if (at === 0) uncounted.add(this);
    this.#ranges[at] = Math.max(first, this.firstId);
    this.#ranges[at + 1] = end;
    this.#ranges[at + 2] = now;
    this.#rangesEnd = at + RANGE;
  }

  /** All ids below have completed: their marks are not needed any more. */
  forget(low: number): void {
    this.#low = low;
  }

  /**
   * The socket may be idle for long from now on, and is not to be held by what it has left. Where it is to be
   * known which sends are late, a mark says that those below `next` were made before now.
   */
  rest(next: number): void {
    this.count();
    uncounted.delete(this);
    const last = this.#count - 1;
    if (this.marked === null || this.#idOf(last) >= next) return;
    this.#push(next, recentClock.exact(), null);
  }

  /** Counts what has completed. */
  count(): void {
    const ranges = this.#ranges;
    for (let at = 0; at < this.#rangesEnd; at += RANGE) {
      this.#countRange(ranges[at] as number, ranges[at + 1] as number, ranges[at + 2] as number);
    }
    this.#rangesEnd = 0;
    const low = this.#low;
    while (this.#count > 1 && this.#idOf(1) <= low) {
      this.#pools[this.#head] = null;
      this.#head = (this.#head + 1) & this.#mask;
      this.#count--;
    }
  }

  #countRange(first: number, end: number, now: number): void {
    let id = first;
    if (id >= end) return;
    for (let mark = this.#markOf(id); id < end; mark++) {
      const at = (this.#head + mark) & this.#mask;
      const stop = mark + 1 < this.#count ? Math.min(end, this.#idOf(mark + 1)) : end;
      if (stop === id) continue; // nothing was sent before the next mark
      const latency = (now - (this.#times[at] as number)) * 1e6;
      this.latency.record(latency, stop - id);
      const pool = this.#pools[at] as PoolLatencies;
      if (pool instanceof LatencyHistogram) pool.record(latency, stop - id);
      else if (pool !== null) for (const each of pool) each.record(latency, stop - id);
      id = stop;
    }
  }

  /**
   * The time of `clock` at which the id was sent, or at which measuring began where that was later.
   */
  timeOf(id: number): number {
    return this.#times[(this.#head + this.#markOf(id)) & this.#mask] as number;
  }

  /**
   * The first id below `next` that may have been sent after this time: of the ids of a mark only the first
   * was sent then, the others at some time before the next mark.
   */
  firstAfter(time: number, next: number): number {
    let id = next;
    for (let mark = this.#count - 1; mark >= 0; mark--) {
      const later = id;
      id = this.#idOf(mark);
      if ((this.#times[(this.#head + mark) & this.#mask] as number) <= time) {
        return Math.min(id + 1, later);
      }
    }
    return id;
  }

  /**
   * The ranges of ids, oldest first, whose latency is counted in this histogram. Each is from
   * `first` to before `end`.
   */
  *ofPool(pool: LatencyHistogram, next: number): Iterable<{ first: number; end: number }> {
    for (let mark = 0; mark < this.#count; mark++) {
      const counted = this.#pools[(this.#head + mark) & this.#mask] as PoolLatencies;
      if (counted !== pool && !(Array.isArray(counted) && counted.includes(pool))) continue;
      const end = mark + 1 < this.#count ? this.#idOf(mark + 1) : next;
      yield { first: this.#idOf(mark), end };
    }
  }

  #idOf(mark: number): number {
    return this.#ids[(this.#head + mark) & this.#mask] as number;
  }

  /**
   * The latest mark that is not above the id. Most ids complete in order, and have the first mark.
   */
  #markOf(id: number): number {
    if (this.#count === 1 || this.#idOf(1) > id) return 0;
    let from = 1;
    let to = this.#count;
    while (from + 1 < to) {
      const middle = (from + to) >>> 1;
      if (this.#idOf(middle) > id) to = middle;
      else from = middle;
    }
    return from;
  }
}
