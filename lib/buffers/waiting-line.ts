import PQueue from 'p-queue';
import { AbortGroups } from '../base/abort-groups.js';

interface Waiter<T> {
  readonly take: () => T | Promise<T>;
  readonly priority: number;
  readonly signal: AbortSignal | undefined;
  /** for whom it waits; null: for nobody in particular */
  readonly owner: object | null;
  readonly resolve: (taken: T | Promise<T>) => void;
  readonly reject: (reason: unknown) => void;
}

/** Tasks of p-queue whose waiters have left that are kept before the rest is queued anew. */
const MOST_LEFT = 64;

// With an own `timeout`: p-queue would take one from Object.prototype.
const ORDER_OPTIONS = { autoStart: false, timeout: undefined } as { autoStart: boolean };

/**
 * Those who wait for something that becomes ready: the highest priority first, then the longest wait.
 *
 * A waiter is in `#waiters` until it is served, gives up or is turned away, and whichever of these
 * takes it out settles its promise. So being served is final: what was taken for a waiter reaches it,
 * whatever is aborted or closed in the same tick.
 *
 * Serving costs the same for any number of waiters. Joining does among equals; a waiter with a
 * priority above others moves the places behind it, by one memmove(3).
 */
export class WaitingLine<T> {
  readonly #ready: () => boolean;
  readonly #waiters = new Set<Waiter<T>>();
  // Puts them in order. It runs only within serve(), and knows nothing of signals: it would give up a
  // task that has taken something already.
  readonly #order = new PQueue(ORDER_OPTIONS);
  readonly #signals = new AbortGroups<Waiter<T>>((waiter, reason) => {
    this.#waiters.delete(waiter);
    waiter.reject(reason);
    this.#forgetThoseWhoLeft();
  });

  /** @param ready whether a waiter's `take` would find something */
  constructor(ready: () => boolean) {
    this.#ready = ready;
  }

  get size(): number {
    return this.#waiters.size;
  }

  /** Resolves with what `take` returns, which is called only while something is ready. */
  join(
    take: () => T | Promise<T>,
    priority: number,
    signal: AbortSignal | undefined,
    owner: object | null = null,
  ): Promise<T> {
    return new Promise((resolve, reject) => {
      const waiter = { take, priority, signal, owner, resolve, reject };
      this.#waiters.add(waiter);
      this.#signals.add(signal, waiter);
      this.#enqueue(waiter);
    });
  }

  /** Hands out what is ready for as long as there is any and somebody waits. */
  serve(): void {
    if (this.#waiters.size > 0 && this.#ready()) this.#order.start().pause();
  }

  /** Turns away all who wait. */
  rejectAll(reason: () => unknown): void {
    this.#order.clear();
    for (const waiter of this.#waiters) {
      this.#signals.delete(waiter.signal, waiter);
      waiter.reject(reason());
    }
    this.#waiters.clear();
  }

  /** Turns away those who wait for one owner. */
  rejectOf(owner: object, reason: () => unknown): void {
    for (const waiter of this.#waiters) {
      if (waiter.owner !== owner) continue;
      this.#waiters.delete(waiter);
      this.#signals.delete(waiter.signal, waiter);
      waiter.reject(reason());
    }
    this.#forgetThoseWhoLeft();
  }

  #enqueue(waiter: Waiter<T>): void {
    const { priority } = waiter;
    void this.#order.add(() => this.#serveOne(waiter), { priority, signal: undefined });
  }

  #serveOne(waiter: Waiter<T>): void {
    if (!this.#waiters.delete(waiter)) return; // has given up
    this.#signals.delete(waiter.signal, waiter);
    try {
      waiter.resolve(waiter.take());
    } catch (error) {
      waiter.reject(error);
    }
    if (!this.#ready()) this.#order.pause();
  }

  /** p-queue finds a task by looking at each, so the tasks of those who left go many at a time. */
  #forgetThoseWhoLeft(): void {
    if (this.#order.size <= 2 * this.#waiters.size + MOST_LEFT) return;
    this.#order.clear();
    for (const waiter of this.#waiters) this.#enqueue(waiter);
  }
}
