import type { Endpoint } from '../addon/contract.js';

/**
 * Where the messages of one call go, where that is not the peer. It is read before anything is checked or
 * booked, and written into the mailbox after, when no code of the caller's runs any more.
 */
export interface Aim {
  /** Where message `i` goes, for the error of one that is refused. */
  at(i: number): Endpoint | undefined;
  /** Reads what the caller gave for so many messages. Throws what is wrong with it. */
  read(count: number): void;
  /** Writes it into the mailbox; returns the flags that say so. */
  write(): number;
}
