import PQueue from 'p-queue';
import { AbortGroups } from '../base/abort-groups.js';

interface Waiter<T> {
  readonly take: () => T | Promise<T>;
  readonly priority: number;
  readonly signal: AbortSignal | undefined;
  /** the share on whose behalf it waits, or null */
  readonly owner: object | null;
  readonly resolve: (taken: T | Promise<T>) => void;
  readonly reject: (reason: unknown) => void;
}

/**
 * How many tasks of p-queue may be left over from waiters that have left, before the queue is built
 * anew.
 */
const MAX_STALE_TASKS = 64;

// `timeout` is set as an own property, since p-queue would take one from Object.prototype.
const ORDER_OPTIONS = { autoStart: false, timeout: undefined } as { autoStart: boolean };

/**
 * A line of waiters for something that becomes ready. The highest priority is served first, then
 * the longest wait.
 *
 * A waiter is in `#waiters` until it is served, aborted or rejected, and whichever of these removes
 * it settles its promise. So being served is final: what was taken for a waiter reaches it,
 * whatever is aborted or closed in the same tick.
 *
 * The cost of serving does not depend on the number of waiters. Nor does that of joining, if all
 * have the same priority; a waiter with a higher priority than others moves the places behind it,
 * by one memmove(3).
 */
export class WaitingLine<T> {
  readonly #ready: () => boolean;
  readonly #waiters = new Set<Waiter<T>>();
  // Orders the waiters. It runs only within serve(), and gets no signals: it would abort a task
  // that has taken something already.
  readonly #order = new PQueue(ORDER_OPTIONS);
  readonly #signals = new AbortGroups<Waiter<T>>((waiter, reason) => {
    this.#waiters.delete(waiter);
    waiter.reject(reason);
    this.#dropStaleTasks();
  });

  /** @param ready whether the `take` of a waiter would find something */
  constructor(ready: () => boolean) {
    this.#ready = ready;
  }

  get size(): number {
    return this.#waiters.size;
  }

  /**
   * Adds a waiter. Resolves with what `take` returns, which is called only while something is
   * ready.
   */
  join(
    take: () => T | Promise<T>,
    priority: number,
    signal: AbortSignal | undefined,
    owner: object | null = null,
  ): Promise<T> {
    return new Promise((resolve, reject) => {
      const waiter = { take, priority, signal, owner, resolve, reject };
      this.#waiters.add(waiter);
      this.#enqueue(waiter);
      this.#signals.add(signal, waiter); // which listeners may have aborted since the caller looked
    });
  }

  /** Serves waiters for as long as something is ready. */
  serve(): void {
    if (this.#waiters.size > 0 && this.#ready()) this.#order.start().pause();
  }

  /** Rejects all waiters. */
  rejectAll(reason: () => unknown): void {
    this.#order.clear();
    for (const waiter of this.#waiters) {
      this.#signals.delete(waiter.signal, waiter);
      waiter.reject(reason());
    }
    this.#waiters.clear();
  }

  /** Rejects the waiters of one owner. */
  rejectOf(owner: object, reason: () => unknown): void {
    for (const waiter of this.#waiters) {
      if (waiter.owner !== owner) continue;
      this.#waiters.delete(waiter);
      this.#signals.delete(waiter.signal, waiter);
      waiter.reject(reason());
    }
    this.#dropStaleTasks();
  }

  #enqueue(waiter: Waiter<T>): void {
    const { priority } = waiter;
    void this.#order.add(() => this.#serveOne(waiter), { priority, signal: undefined });
  }

  #serveOne(waiter: Waiter<T>): void {
    if (!this.#waiters.delete(waiter)) return; // it has left already
    this.#signals.delete(waiter.signal, waiter);
    try {
      waiter.resolve(waiter.take());
    } catch (error) {
      waiter.reject(error);
    }
    if (!this.#ready()) this.#order.pause();
  }

  /**
   * Removes the tasks of waiters that have left, many at a time, since p-queue finds a task by a
   * linear search.
   */
  #dropStaleTasks(): void {
    if (this.#order.size <= 2 * this.#waiters.size + MAX_STALE_TASKS) return;
    this.#order.clear();
    for (const waiter of this.#waiters) this.#enqueue(waiter);
  }
}
