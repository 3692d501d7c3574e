import type { Timestamp } from './timestamps.js';

/** Inclusive range of ids of one socket that ended in the same way. */
export interface CompletionRange {
  first: number;
  last: number;
  /**
   * - `'zerocopy'`: the kernel has let go of the pages and reported no copy
   * - `'copied'`: the kernel reports a copy for the notification that held these ids
   * - `'inline'`: sent by an ordinary copying send: below the threshold, or a fallback
   * - `'revoked'`: given up at close or abort; the pages were replaced, the memory is safe to reuse.
   *   Where that was not possible a pooled buffer is retired, and of a plain array the process
   *   warning `ZEROSEND_MEMORY_LOST` tells: it is held for ever and must not be written again
   * - `'failed'`: never reached the kernel (as a whole): the socket failed first
   *
   * All of them mean that the memory may be reused. None means that the data was delivered.
   */
  how: 'zerocopy' | 'copied' | 'inline' | 'revoked' | 'failed';
}

/** How a socket ended. */
export interface CloseReport {
  /**
   * `'drained'`: every send completed by itself. `'aborted'`: the connection was reset or failed, or
   * sends never left. `'revoked'`: memory had to be taken back from the kernel.
   */
  outcome: 'drained' | 'aborted' | 'revoked';
  /** ids sent */
  ids: number;
  /** of those, revoked or failed */
  unfinished: number;
}

export interface ZeroCopySocketEvents {
  /** Ids have completed and their buffers are back in their pool. */
  complete: (range: CompletionRange) => void;
  /** A packet of a send has passed a stage; only with the option `timestamps`. */
  timestamp: (stamp: Timestamp) => void;
  /** The queue of sends that waited for room has emptied. */
  drain: () => void;
  /** A fatal error, once, after the completions and before `close`. Thrown when nobody listens. */
  error: (error: Error) => void;
  /** The socket has closed; the last event. */
  close: (report: CloseReport) => void;
}
