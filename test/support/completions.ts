import { expect } from 'vitest';
import type { CompletionRange, ZeroCopySocket } from 'zerosend';
import { IdHistory } from '../../rig/ids.mjs';

/** Listens to a socket, from its first send on, and checks its ids; see IdChecker. */
export class Completions extends IdHistory {
  readonly #resolve = new Map<number, () => void>();

  constructor(socket: ZeroCopySocket) {
    super(socket);
    socket.on('complete', (range) => this.complete(range));
  }

  override complete(range: CompletionRange): boolean {
    const right = super.complete(range);
    for (const [count, resolve] of this.#resolve) {
      if (this.completed < count) continue;
      this.#resolve.delete(count);
      resolve();
    }
    return right;
  }

  /** Resolves when `count` ids have completed, without any call to the socket. */
  reached(count: number): Promise<void> {
    if (this.completed >= count) return Promise.resolve();
    return new Promise((resolve) => void this.#resolve.set(count, resolve));
  }

  /** Asserts that `count` ids have been given out, and that each has completed exactly once. */
  expectEachOnce(count: number): void {
    expect(this.problems()).toEqual([]);
    expect(this.sent).toBe(count);
  }
}
