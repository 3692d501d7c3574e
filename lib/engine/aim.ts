import type { Endpoint } from '../addon/contract.js';

/**
 * The destinations of the messages of one call, other than the peer. They are read before anything
 * is checked or booked, and written into the mailbox afterwards, when no code of the caller runs
 * any more.
 */
export interface Aim {
  /** The destination of message `i`, for the error of a message that is refused. */
  at(i: number): Endpoint | undefined;
  /** Reads what the caller gave for `count` messages. Throws where that is not valid. */
  read(count: number): void;
  /** Writes the destinations into the mailbox. Returns the flags for the call. */
  write(): number;
}
