import { clock, setImmediate } from './timers.js';

/**
 * The longest time, in ms, for which loops that never wait may keep the program from its event
 * loop.
 */
const LONGEST_STRETCH = 5;

/**
 * Lets the event loop of this thread turn from time to time. An `await` of a promise that is
 * resolved already goes on within the same turn, so a loop over a pool that is never dry would keep
 * all timers, sockets and signals from being served.
 *
 * All loops that wait for a turn wait for the same one, and then go on alternately, one `await`
 * after the other. So each of several loops makes progress.
 */
class EventLoop {
  #began = 0;
  /** an immediate is pending that will note the end of this turn */
  #watching = false;
  #turn: Promise<void> | null = null;
  readonly #onTurned = () => {
    this.#watching = false;
  };

  /**
   * Has to be called at each step of what may be an endless loop. Returns whether the event loop
   * has not turned for so long that the step has to wait for a turn.
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
