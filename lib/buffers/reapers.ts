import type { LatencyHistogram } from '../base/latency-histogram.js';

/** A send that has not completed, and when it was made, by `clock`. */
export interface SendInFlight {
  fd: number;
  id: number;
  time: number;
}

/** A socket as a dry pool sees it. */
export interface Reaper {
  /** Takes in what has finished; buffers are back in their pools when it returns. */
  poll(): number;
  /** one for each socket, so that it can be found again */
  readonly weakly: WeakRef<Reaper>;
  /** Whether it may have buffers of the pool in flight. If not, it has let go of the pool. */
  mayHold(pool: object): boolean;
  /** Notes from now on when sends are made. */
  measure(): void;
  /** The oldest send in flight whose latency is counted here. */
  oldestOf(latency: LatencyHistogram): SendInFlight | null;
}

/** So many sockets are asked at a time: a bound for what one `tryAcquire` of a dry pool costs. */
const MOST_ASKED = 64;

/**
 * The sockets that may have buffers of a pool in flight, which are asked in turn. Sockets that have
 * nothing of it in flight drop out when they come to rest, or here. Weak, as a socket that its user has
 * forgotten is to be collected and closed.
 *
 * A list with a place for each, not a set: a dry pool may ask a million times a second, and to take one
 * out of a set and put it in again allocates.
 */
export class Reapers {
  readonly #line: WeakRef<Reaper>[] = [];
  readonly #places = new Map<WeakRef<Reaper>, number>();
  #next = 0;

  add(reaper: WeakRef<Reaper>): void {
    if (this.#places.has(reaper)) return;
    this.#places.set(reaper, this.#line.length);
    this.#line.push(reaper);
  }

  delete(reaper: WeakRef<Reaper>): void {
    const place = this.#places.get(reaper);
    if (place === undefined) return;
    this.#places.delete(reaper);
    const last = this.#line.pop() as WeakRef<Reaper>;
    if (last === reaper) return;
    this.#line[place] = last;
    this.#places.set(last, place);
  }

  /** Those that are left of them, each once. */
  *alive(): Iterable<Reaper> {
    for (const weakly of this.#line) {
      const reaper = weakly.deref();
      if (reaper !== undefined) yield reaper;
    }
  }

  /** Has some take completions in, until `enough`. The next call begins behind those asked. */
  ask(pool: object, enough: () => boolean): void {
    const line = this.#line;
    let asked = 0;
    for (let left = line.length; left > 0 && asked < MOST_ASKED && !enough(); left--) {
      if (line.length === 0) return; // listeners have run meanwhile
      if (this.#next >= line.length) this.#next = 0;
      const weakly = line[this.#next] as WeakRef<Reaper>;
      const reaper = weakly.deref();
      if (reaper?.mayHold(pool) !== true) {
        this.delete(weakly);
        continue;
      }
      this.#next++;
      reaper.poll();
      asked++;
    }
  }
}
