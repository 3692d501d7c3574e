import type { LatencyHistogram } from '../base/latency-histogram.js';

/** A send that has not completed, with the time of `clock` at which it was made. */
export interface SendInFlight {
  fd: number;
  id: number;
  time: number;
}

/** A socket as a dry pool sees it. */
export interface Reaper {
  /** Takes completions in. When it returns, their buffers are back in their pools. */
  takeIn(): void;
  /** the one weak reference to the socket, by which it is found in lists */
  readonly weakly: WeakRef<Reaper>;
  /**
   * Whether the socket may have buffers of the pool in flight. If not, it no longer refers to the
   * pool.
   */
  mayHold(pool: object): boolean;
  /** Begins to note when sends are made. */
  measure(): void;
  /** The oldest send in flight whose latency is to be counted in this histogram. */
  oldestOf(latency: LatencyHistogram): SendInFlight | null;
}

/**
 * The most sockets that are asked in one call, which bounds what a `tryAcquire` of a dry pool
 * costs.
 */
const MOST_ASKED = 64;

/**
 * The sockets that may have buffers of a pool in flight. A dry pool asks them in turn to take
 * completions in. A socket that has none of its buffers in flight leaves the list when it becomes
 * idle, or when it is asked. The references are weak, so that a socket to which the program no
 * longer refers can be collected and closed.
 *
 * It is a list and not a Set, since a dry pool may ask a million times a second, and removing an
 * element of a Set and adding it again allocates.
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

  /** The sockets that have not been collected, each once. */
  *alive(): Iterable<Reaper> {
    for (const weakly of this.#line) {
      const reaper = weakly.deref();
      if (reaper !== undefined) yield reaper;
    }
  }

  /**
   * Asks sockets to take completions in, until `enough` returns true. The next call begins behind
   * those that were asked.
   */
  ask(pool: object, enough: () => boolean): void {
    const line = this.#line;
    let asked = 0;
    for (let left = line.length; left > 0 && asked < MOST_ASKED && !enough(); left--) {
      if (line.length === 0) return; // listeners that ran meanwhile may have emptied the list
      if (this.#next >= line.length) this.#next = 0;
      const weakly = line[this.#next] as WeakRef<Reaper>;
      const reaper = weakly.deref();
      if (reaper?.mayHold(pool) !== true) {
        this.delete(weakly);
        continue;
      }
      this.#next++;
      reaper.takeIn();
      asked++;
    }
  }
}
