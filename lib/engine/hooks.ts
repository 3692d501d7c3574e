import type { Endpoint, SocketDescription } from '../addon/contract.js';
import type { CodedError } from '../base/errors.js';
import type { SocketInfo } from './stats.js';

/**
 * Functions by which one kind of socket differs from the others. Where one is missing, the default
 * applies.
 */
export interface Hooks {
  /**
   * The endpoint or interface that errors of system calls name, for a send with these flags; by
   * default the remote end.
   */
  about?(flags: number): Endpoint | { interface: string } | undefined;
  /**
   * Makes a clearer error of one with which the kernel refused a send. `index` says which of
   * several messages was refused.
   */
  explain?(error: CodedError, length: number, index: number | undefined): Error;
  /** The error of a send that is longer than `maxLength`. */
  tooLong?(length: number): Error;
  /**
   * Throws for a packet out of more frames than the kernel takes. Without it a packet is one frame.
   */
  checkFrames?(count: number): void;
  /** The error that ends the socket. */
  fatal?(errno: number, syscall: string): CodedError;
  /** Further fields of `info()`. */
  details?(kernel: SocketDescription): Partial<SocketInfo>;
  /** Called when a send begins to wait for room. */
  waits?(): void;
  /** Called once each time that the interface is down while frames were handed over. */
  linkDown?(): void;
  connected?(): void;
  connectFailed?(errno: number): void;
  /** Whether bytes are left that a close would lose; asked when no id is in flight. */
  lingers?(): boolean;
}
