// @ts-check
// UDP has no flow control: a sender without a limit only fills the receiver's socket and loses the
// rest. The receiver says how many datagrams it has room for, and how far it has come.

const LOST_AFTER = 500; // ms without news: what is missing will not come any more

export class Credit {
  #window;
  #received = 0;
  /** @type {(() => void) | null} */
  #wake = null;

  /** @param {number} window datagrams that the receiver has room for */
  constructor(window) {
    this.#window = window;
  }

  /** The receiver has come so far. @param {number} next the sequence number that it expects */
  received(next) {
    this.#received = Math.max(this.#received, next);
    this.#wake?.();
  }

  /** @param {number} next the sequence number of the next datagram @param {number} datagrams */
  allows(next, datagrams) {
    return next + datagrams - this.#received <= this.#window;
  }

  /**
   * Resolves when the receiver has come further, when it seems that it will not (all that was sent
   * then counts as received or lost), or when the signal is aborted.
   * @param {number} next @param {AbortSignal} signal @returns {Promise<void>}
   */
  news(next, signal) {
    return new Promise((resolve) => {
      const wake = () => {
        clearTimeout(timer);
        signal.removeEventListener('abort', wake);
        this.#wake = null;
        resolve();
      };
      const giveUp = () => {
        this.#received = next;
        wake();
      };
      const timer = setTimeout(giveUp, LOST_AFTER);
      signal.addEventListener('abort', wake);
      this.#wake = wake;
      if (signal.aborted) wake();
    });
  }
}
