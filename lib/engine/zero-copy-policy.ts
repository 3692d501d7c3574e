import { KIND_COPIED, KIND_ZEROCOPY } from '../addon/addon.js';

/** When a socket asks for zero copy: see {@link SocketOptions.zeroCopy}. */
export type ZeroCopyMode = 'auto' | 'always' | 'never';

/** Copied answers (ranges, whatever their length) in a row after which asking costs more than it brings. */
const STRIKES = 16;
/** While suspended, one send in so many asks again. */
const PROBE_EVERY = 1024;

/**
 * Whether a send asks the kernel for zero copy.
 *
 * `'auto'` does for sends at or above the threshold, and stops asking when the kernel keeps
 * answering that it copied all the same (loopback, a device without scatter-gather): then the
 * notification is cost without gain. It goes on probing, since a route can change. One copied answer
 * proves nothing: a retransmission or a capture on the interface is enough for it.
 */
export class ZeroCopyPolicy {
  readonly mode: ZeroCopyMode;
  readonly threshold: number;
  #strikes = 0;
  #sinceProbe = 0;

  constructor(mode: ZeroCopyMode, threshold: number) {
    this.mode = mode;
    this.threshold =
      mode === 'always' ? 0 : mode === 'never' ? Number.POSITIVE_INFINITY : threshold;
  }

  /** Asking has been given up for now. */
  get suspended(): boolean {
    return this.#strikes >= STRIKES;
  }

  wants(length: number): boolean {
    if (length < this.threshold) return false;
    if (this.#strikes < STRIKES) return true;
    if (++this.#sinceProbe < PROBE_EVERY) return false;
    this.#sinceProbe = 0;
    return true;
  }

  /**
   * Learns from a range of `count` completed ids. It is one answer: the kernel merges notifications,
   * and a merged one says of all its ids what it said of the first.
   */
  observe(kind: number, count: number): void {
    if (count === 0) return;
    if (kind === KIND_ZEROCOPY) this.#strikes = 0;
    else if (kind === KIND_COPIED && this.mode === 'auto' && this.#strikes < STRIKES) {
      this.#strikes++;
    }
  }
}
