// @ts-check
// How long a sender goes on.
import { performance } from 'node:perf_hooks';
import { setImmediate as nextTurn } from 'node:timers/promises';

const TURN = 20; // ms that a loop may keep the event loop waiting

/** The time and number of sends that one sender has, and the signal that ends it early. */
export class Run {
  #started = Number.NaN;
  #paused = 0;
  #turnEnds = 0;
  #end = Number.POSITIVE_INFINITY;

  /** @param {{ count: number, signal: AbortSignal }} limits */
  constructor({ count, signal }) {
    this.count = count;
    this.signal = signal;
  }

  /** The sender goes on for so long. @param {number} seconds */
  begin(seconds) {
    this.#started = performance.now();
    this.#end = this.#started + seconds * 1e3;
    this.#turnEnds = this.#started + TURN;
  }

  /** @param {number} sent @returns {boolean} whether there is something left to send */
  goesOn(sent) {
    return sent < this.count && !this.signal.aborted && performance.now() < this.#end;
  }

  /** Whether it is time to `await run.turn()`: timers, signals and messages want their turn. */
  get turnDue() {
    return performance.now() > this.#turnEnds;
  }

  async turn() {
    await nextTurn();
    this.#turnEnds = performance.now() + TURN;
  }

  /** Stops the clock until the next begin(). */
  pause() {
    if (!Number.isNaN(this.#started)) this.#paused += performance.now() - this.#started;
    this.#started = Number.NaN;
  }

  /** Seconds for which it has been sending. */
  get seconds() {
    const since = Number.isNaN(this.#started) ? 0 : performance.now() - this.#started;
    return (this.#paused + since) / 1e3;
  }
}
