import type { CodedError } from '../base/errors.js';
import type { CloseReport, StalledRange } from './events.js';
import type { ZeroCopySocket } from './socket.js';
import type { SocketInfo } from './stats.js';

/** What every message on a channel of `node:diagnostics_channel` has. */
export interface DiagnosticMessage {
  /** the socket that it is about */
  socket: ZeroCopySocket;
  protocol: SocketInfo['protocol'];
}

/** `zerosend:socket:open`: a socket is open, of TCP: connected. Whoever opened it has it next. */
export interface SocketOpenMessage extends DiagnosticMessage {
  local: SocketInfo['local'];
  remote: SocketInfo['remote'];
  /** of a packet or XDP socket */
  interface: string | undefined;
}

/** `zerosend:socket:close`: after the event `close`. */
export interface SocketCloseMessage extends DiagnosticMessage {
  report: CloseReport;
}

/** `zerosend:socket:error`: an error has ended the socket; before its event `error`. */
export interface SocketErrorMessage extends DiagnosticMessage {
  error: CodedError;
}

/** `zerosend:completion:stall`: sends are late, of a socket with the option `stallAfter`; after its event
 * `stall`. */
export interface CompletionStallMessage extends DiagnosticMessage, StalledRange {}

/** The messages by the names of their channels. */
export interface DiagnosticMessages {
  'zerosend:socket:open': SocketOpenMessage;
  'zerosend:socket:close': SocketCloseMessage;
  'zerosend:socket:error': SocketErrorMessage;
  'zerosend:completion:stall': CompletionStallMessage;
}
