import { clock, setImmediate } from './timers.js';

/** For how long loops that wait for nothing may keep a program from its event loop, in ms. */
const LONGEST_STRETCH = 5;

/**
 * Sees to it that the event loop of this thread goes round: `await` of what is there already goes on
 * within the same turn, so a loop over a pool that is never dry would let no timer, no socket and no
 * signal through.
 *
 * All who wait for a turn wait for the same one. They go on together, and from there on alternately,
 * one `await` after the other: none of several loops is left behind.
 */
class EventLoop {
  #began = 0;
  /** within a stretch: an immediate will tell of its end */
  #watching = false;
  #turn: Promise<void> | null = null;
  readonly #onTurned = () => {
    this.#watching = false;
  };

  /**
   * To be asked at each step of what may be an endless loop: whether there has been no turn for so
   * long that the step has to wait for one.
   */
  isDue(): boolean {
    if (!this.#watching) {
      this.#watching = true;
      this.#began = clock();
      setImmediate(this.#onTurned);
      return false;
    }
    return this.#turn !== null || clock() - this.#began >= LONGEST_STRETCH;
  }

  /** Resolves in the next turn. */
  turn(): Promise<void> {
    this.#turn ??= new Promise((resolve) => {
      setImmediate(() => {
        this.#turn = null;
        resolve();
      });
    });
    return this.#turn;
  }
}

export const eventLoop = new EventLoop();
