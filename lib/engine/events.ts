import type { CodedError } from '../base/errors.js';
import type { Timestamp } from './timestamps.js';

/** Inclusive range of ids of one socket that ended in the same way. */
export interface CompletionRange {
  /** The first id. */
  first: number;
  /** The last id, which belongs to the range. */
  last: number;
  /**
   * - `'zerocopy'`: the kernel no longer reads the pages, and has reported no copy
   * - `'copied'`: the kernel reports a copy for the notification that held these ids
   * - `'inline'`: sent by an ordinary copying send: below the threshold, or a fallback
   * - `'revoked'`: given up at close or abort; the pages were replaced, the memory is safe to reuse.
   *   Where that was not possible a pooled buffer is retired, and a plain array is held for ever.
   *   The process warning `ZEROSEND_MEMORY_LOST` tells of the array, and of the buffer if you have
   *   leases left: neither must be written to again
   * - `'failed'`: never reached the kernel (as a whole); `code` says why
   *
   * All of them mean that the memory may be reused. None means that the data was delivered.
   */
  how: 'zerocopy' | 'copied' | 'inline' | 'revoked' | 'failed';
  /**
   * Only with `'failed'`, and the same for all ids of the range: the code of the system's error
   * with which the kernel refused them, or which ended the socket before they were sent
   * (`EMSGSIZE`, `EPERM`, `ECONNRESET`, `ENXIO`, …), or `ERR_ZEROSEND_ABORTED` where they were
   * given up.
   */
  code?: string;
  /**
   * Only where a send of the range has a `tag` ({@link SendOptions}): `tags[i]` is that of the id
   * `first + i`, or undefined where it has none.
   */
  tags?: readonly unknown[];
}

/** Sends that have been in flight for longer than the option `stallAfter`. */
export interface StalledRange {
  /** the first id that is late */
  first: number;
  /** the last id that is late; all ids in between are late, too */
  last: number;
  /** ms since `first` was sent */
  age: number;
  /** as of a {@link CompletionRange} */
  tags?: readonly unknown[];
}

/** How a socket ended. */
export interface CloseReport {
  /**
   * `'drained'`: every send completed by itself, and a TCP peer has acknowledged all of it.
   * `'aborted'`: the connection was reset or failed, or sends never left. `'revoked'`: memory had to be taken back from the kernel.
   */
  outcome: 'drained' | 'aborted' | 'revoked';
  /** ids sent */
  ids: number;
  /** ids of those that were revoked or failed */
  unfinished: number;
  /** bytes of those sends that the kernel has taken, to send them */
  bytesAccepted: number;
  /**
   * Of a TCP connection, the bytes that the peer's kernel has acknowledged (`tcpi_bytes_acked`,
   * tcp(7)), counted from the beginning of the stream. The peer's kernel has received these; its
   * program may not have read all of them. Undefined of UDP and rings, which have no
   * acknowledgements.
   */
  bytesAcknowledged: number | undefined;
  /** the error that ended the socket, which the event `error` had; null without one */
  error: CodedError | null;
}

/**
 * The events of a socket, and what their listeners get. Listeners run on the thread of the socket,
 * and should not throw: what one throws becomes an uncaught exception.
 */
export interface ZeroCopySocketEvents {
  /** Ids have completed and their buffers are back in their pool. */
  complete: (range: CompletionRange) => void;
  /** A packet of a send has passed a stage; only with the option `timestamps`. */
  timestamp: (stamp: Timestamp) => void;
  /** The queue of sends that waited for room has emptied. */
  drain: () => void;
  /**
   * Sends are late: they have been in flight for longer than the option `stallAfter`. Each is named
   * once, at most an eighth of that time (and at most a second) after it became late. It still
   * completes later on.
   */
  stall: (late: StalledRange) => void;
  /**
   * A fatal error, emitted once, after the completions and before `close`. It is thrown when there
   * is neither a listener nor a reader of {@link ZeroCopySocket.completions}.
   */
  error: (error: Error) => void;
  /** The socket has closed; the last event. */
  close: (report: CloseReport) => void;
}
