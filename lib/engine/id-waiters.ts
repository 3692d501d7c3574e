import { AbortGroups } from '../base/abort-groups.js';
import type { InFlight } from './in-flight.js';

interface Waiter {
  readonly resolve: () => void;
  readonly reject: (reason: unknown) => void;
  readonly signal: AbortSignal | undefined;
  /** the map in which it waits, and the id under which it does */
  readonly waiters: Waiters;
  readonly key: number;
}

type Waiters = Map<number, Set<Waiter>>;

/**
 * Promises that wait for one id (`completed`) or for all ids so far (`flush`). The cost of a record
 * grows with its ids, or with the number of promises if that is smaller. All records of a socket
 * together cost no more than its ids, in whatever order these complete.
 */
export class IdWaiters {
  readonly #byId: Waiters = new Map();
  readonly #flushes: Waiters = new Map(); // by target
  // The keys of #flushes in order, since a Map walks over all removed entries to find its first
  // one.
  readonly #targets: number[] = [];
  #firstTarget = 0;
  #checked = 0; // the promises for ids below this one have been resolved
  readonly #signals = new AbortGroups<Waiter>((waiter, reason) => {
    const { waiters, key } = waiter;
    const equals = waiters.get(key);
    equals?.delete(waiter);
    if (equals?.size === 0) waiters.delete(key);
    waiter.reject(reason);
  });

  /** Whether no promise is pending. */
  get empty(): boolean {
    return this.#byId.size === 0 && this.#flushes.size === 0;
  }

  forId(id: number, signal: AbortSignal | undefined): Promise<void> {
    return this.#wait(this.#byId, id, signal);
  }

  /** Resolves when every id below `target` has completed. */
  forAllBelow(target: number, signal: AbortSignal | undefined): Promise<void> {
    const listed = this.#firstTarget < this.#targets.length && this.#targets.at(-1) === target;
    if (!listed) this.#targets.push(target);
    return this.#wait(this.#flushes, target, signal);
  }

  /**
   * Resolves the promises whose ids have completed.
   * @param first the first id of a record whose event was emitted; without it, all ids are looked
   * at
   * @param low the events of all ids below have been emitted
   */
  settle(
    inFlight: InFlight,
    first = this.#checked,
    last = inFlight.next - 1,
    low = inFlight.low,
  ): void {
    this.#settleIds(inFlight, this.#checked, low - 1);
    this.#checked = Math.max(this.#checked, low);
    // There are completed ids above it only if they completed out of order.
    if (inFlight.size < inFlight.next - low) {
      this.#settleIds(inFlight, Math.max(first, low), last);
    }
    this.#settleFlushes(low);
  }

  #settleFlushes(low: number): void {
    const targets = this.#targets;
    for (; this.#firstTarget < targets.length; this.#firstTarget++) {
      const target = targets[this.#firstTarget] as number;
      if (target > low) break;
      const waiters = this.#flushes.get(target);
      if (waiters !== undefined) this.#finish(this.#flushes, target, waiters);
    }
    if (this.#firstTarget > 32 && this.#firstTarget * 2 > targets.length) {
      targets.splice(0, this.#firstTarget);
      this.#firstTarget = 0;
    }
  }

  #settleIds(inFlight: InFlight, first: number, last: number): void {
    if (last - first < this.#byId.size) {
      for (let id = first; id <= last; id++) {
        const waiters = this.#byId.get(id);
        if (waiters !== undefined && !inFlight.has(id)) this.#finish(this.#byId, id, waiters);
      }
      return;
    }
    for (const [id, waiters] of this.#byId) {
      if (id < first || id > last || inFlight.has(id)) continue;
      this.#finish(this.#byId, id, waiters);
    }
  }

  #wait(waiters: Waiters, key: number, signal: AbortSignal | undefined): Promise<void> {
    return new Promise((resolve, reject) => {
      const waiter: Waiter = { resolve, reject, signal, waiters, key };
      const equals = waiters.get(key);
      if (equals) equals.add(waiter);
      else waiters.set(key, new Set([waiter]));
      this.#signals.add(signal, waiter);
    });
  }

  #finish(all: Waiters, key: number, waiters: Set<Waiter>): void {
    all.delete(key);
    for (const waiter of waiters) {
      this.#signals.delete(waiter.signal, waiter);
      waiter.resolve();
    }
  }
}
