import type { InFlight } from './in-flight.js';

interface Waiter {
  resolve: () => void;
  reject: (reason: unknown) => void;
  signal: AbortSignal | undefined;
  onAbort: (() => void) | undefined;
}

/** Promises that wait for one id (`completed`) or for all ids so far (`flush`). */
export class IdWaiters {
  readonly #byId = new Map<number, Set<Waiter>>();
  readonly #flushes: { target: number; waiter: Waiter }[] = []; // targets never fall

  /** Whether nobody waits: the usual case, asked for each batch. */
  get empty(): boolean {
    return this.#byId.size === 0 && this.#flushes.length === 0;
  }

  forId(id: number, signal: AbortSignal | undefined): Promise<void> {
    return this.#wait(
      signal,
      (waiter) => {
        const waiters = this.#byId.get(id);
        if (waiters) waiters.add(waiter);
        else this.#byId.set(id, new Set([waiter]));
      },
      (waiter) => {
        const waiters = this.#byId.get(id);
        waiters?.delete(waiter);
        if (waiters?.size === 0) this.#byId.delete(id);
      },
    );
  }

  /** Resolves when every id below `target` has completed. */
  forAllBelow(target: number, signal: AbortSignal | undefined): Promise<void> {
    return this.#wait(
      signal,
      (waiter) => this.#flushes.push({ target, waiter }),
      (waiter) => {
        const at = this.#flushes.findIndex((flush) => flush.waiter === waiter);
        if (at >= 0) this.#flushes.splice(at, 1);
      },
    );
  }

  /** Resolves those whose ids have completed. */
  settle(inFlight: InFlight): void {
    for (const [id, waiters] of this.#byId) {
      if (inFlight.has(id)) continue;
      this.#byId.delete(id);
      for (const waiter of waiters) finish(waiter);
    }
    while (this.#flushes.length > 0) {
      const [flush] = this.#flushes;
      if (flush === undefined || flush.target > inFlight.low) return;
      this.#flushes.shift();
      finish(flush.waiter);
    }
  }

  #wait(
    signal: AbortSignal | undefined,
    add: (waiter: Waiter) => void,
    remove: (waiter: Waiter) => void,
  ): Promise<void> {
    return new Promise((resolve, reject) => {
      if (signal?.aborted) {
        reject(signal.reason);
        return;
      }
      const waiter: Waiter = { resolve, reject, signal, onAbort: undefined };
      waiter.onAbort = () => {
        remove(waiter);
        reject(signal?.reason);
      };
      signal?.addEventListener('abort', waiter.onAbort, { once: true });
      add(waiter);
    });
  }
}

function finish(waiter: Waiter): void {
  if (waiter.onAbort) waiter.signal?.removeEventListener('abort', waiter.onAbort);
  waiter.resolve();
}
