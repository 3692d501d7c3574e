import type { CodedError } from '../base/errors.js';
import type { CloseReport, StalledRange } from './events.js';
import type { ZeroCopySocket } from './socket.js';
import type { SocketInfo } from './stats.js';

/** What every message on a channel of `node:diagnostics_channel` has. */
export interface DiagnosticMessage {
  /** the socket that it is about */
  socket: ZeroCopySocket;
  /** what kind of socket that is */
  protocol: SocketInfo['protocol'];
}

/** `zerosend:socket:open`: a socket is open, of TCP: connected. Whoever opened it has it next. */
export interface SocketOpenMessage extends DiagnosticMessage {
  /** its address, as of `info()` */
  local: SocketInfo['local'];
  /** its peer, as of `info()` */
  remote: SocketInfo['remote'];
  /** of a packet or XDP socket */
  interface: string | undefined;
}

/** `zerosend:socket:close`: after the event `close`. */
export interface SocketCloseMessage extends DiagnosticMessage {
  /** how it ended */
  report: CloseReport;
}

/** `zerosend:socket:error`: an error has ended the socket; before its event `error`. */
export interface SocketErrorMessage extends DiagnosticMessage {
  /** why it ended */
  error: CodedError;
}

/** `zerosend:completion:stall`: sends are late, of a socket with the option `stallAfter`; after its event
 * `stall`. */
export interface CompletionStallMessage extends DiagnosticMessage, StalledRange {}

/** The messages by the names of their channels. */
export interface DiagnosticMessages {
  /** A socket is open. */
  'zerosend:socket:open': SocketOpenMessage;
  /** A socket has closed. */
  'zerosend:socket:close': SocketCloseMessage;
  /** An error has ended a socket. */
  'zerosend:socket:error': SocketErrorMessage;
  /** Sends are late. */
  'zerosend:completion:stall': CompletionStallMessage;
}
