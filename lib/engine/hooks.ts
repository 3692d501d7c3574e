import type { Endpoint, SocketDescription } from '../addon/contract.js';
import type { CodedError } from '../base/errors.js';
import type { SocketInfo } from './stats.js';

/** What one kind of socket does in its own way. What is left out is done as for any socket. */
export interface Hooks {
  /** What errors of system calls are about, for a send with these flags: by default the remote end. */
  about?(flags: number): Endpoint | { interface: string } | undefined;
  /** A clearer error for what the kernel has refused; `index` says which of several messages. */
  explain?(error: CodedError, length: number, index: number | undefined): Error;
  /** The error of a send that is longer than `maxLength`. */
  tooLong?(length: number): Error;
  /** Refuses a packet out of more frames than the kernel takes. Without it a packet is one frame. */
  checkFrames?(count: number): void;
  /** The error that ends the socket. */
  fatal?(errno: number, syscall: string): CodedError;
  /** What `info()` has to say besides. */
  details?(kernel: SocketDescription): Partial<SocketInfo>;
  /** A send waits for room, where none has waited before. */
  waits?(): void;
  /** The interface could not send what was handed over: called once each time that it is down. */
  linkDown?(): void;
  connected?(): void;
  connectFailed?(errno: number): void;
  /** Whether bytes are left that a close would lose; asked when no id is in flight. */
  lingers?(): boolean;
}
