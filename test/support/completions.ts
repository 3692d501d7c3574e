import { expect } from 'vitest';
import type { CompletionRange, ZeroCopySocket } from 'zerosend';

type How = CompletionRange['how'];

/** Listens to a socket from now on and keeps how often, and how, each id has completed. */
export class Completions {
  readonly ranges: CompletionRange[] = [];
  /** How each id completed, the first time. */
  readonly how: How[] = [];
  readonly #times: number[] = [];
  readonly #resolve = new Map<number, () => void>();

  constructor(socket: ZeroCopySocket) {
    socket.on('complete', (range) => {
      this.ranges.push(range);
      for (let id = range.first; id <= range.last; id++) {
        this.#times[id] = (this.#times[id] ?? 0) + 1;
        this.how[id] ??= range.how;
      }
      for (const [count, resolve] of this.#resolve) {
        if (this.count < count) continue;
        this.#resolve.delete(count);
        resolve();
      }
    });
  }

  /** Ids that have completed at least once. */
  get count(): number {
    let count = 0;
    for (const times of this.#times) if (times > 0) count++;
    return count;
  }

  /** Resolves when so many ids have completed, without any call to the socket. */
  reached(count: number): Promise<void> {
    if (this.count >= count) return Promise.resolve();
    return new Promise((resolve) => void this.#resolve.set(count, resolve));
  }

  /** Asserts that the ids 0 to count - 1 have completed exactly once, and that there are no others. */
  expectEachOnce(count: number): void {
    const wrong = [];
    for (let id = 0; id < Math.max(count, this.#times.length); id++) {
      const times = this.#times[id] ?? 0;
      if (times !== (id < count ? 1 : 0)) wrong.push(`id ${id}: ${times} times`);
    }
    expect(wrong).toEqual([]);
    expect(this.ranges.every(({ first, last }) => first <= last)).toBe(true);
  }

  /** How many ids completed in each way. */
  tally(): Partial<Record<How, number>> {
    const tally: Partial<Record<How, number>> = {};
    for (const how of this.how) if (how !== undefined) tally[how] = (tally[how] ?? 0) + 1;
    return tally;
  }
}
