import { systemError } from '../base/errors.js';
import type { Emitter } from './emitter.js';
import type { ZeroCopySocketEvents } from './events.js';
import type { SocketState } from './state.js';

/** Warns of options that the kernel has not granted, where no error says so. */
export function warnOfGrants(state: SocketState): void {
  const { stamps, sendBufferAsked, protocol } = state;
  if (stamps === null && sendBufferAsked === 0) return;
  const { timestampErrno = 0, sendBufferSize = 0 } = state.describe();
  if (stamps !== null && timestampErrno > 0) {
    const { code } = systemError(timestampErrno, 'setsockopt');
    process.emitWarning(
      `the kernel has refused timestamps to a ${protocol} socket (SO_TIMESTAMPING: ${code}): it will ` +
        'never emit `timestamp`',
      { type: 'ZeroSendWarning', code: 'ZEROSEND_TIMESTAMPS_REFUSED' },
    );
  }
  // The kernel doubles what it grants.
  if (sendBufferSize > 0 && sendBufferSize < 2 * sendBufferAsked) {
    process.emitWarning(
      `a ${protocol} socket asked for a send buffer of ${sendBufferAsked} bytes and got ` +
        `${sendBufferSize / 2}: net.core.wmem_max bounds it`,
      { type: 'ZeroSendWarning', code: 'ZEROSEND_SEND_BUFFER_CAPPED' },
    );
  }
}

/** Warns of listeners that can never be called, since an option is missing. */
export function warnOfListeners(
  emitter: Emitter<ZeroCopySocketEvents>,
  { stamps, stallAfter }: SocketState,
): void {
  const missing = [
    ['timestamp', 'timestamps', stamps !== null],
    ['stall', 'stallAfter', stallAfter > 0],
  ] as const;
  for (const [event, option, given] of missing) {
    if (given || emitter.listenerCount(event) === 0) continue;
    process.emitWarning(
      `a socket has a listener of '${event}', which it only emits when it is opened with the option ` +
        option,
      { type: 'ZeroSendWarning', code: 'ZEROSEND_LISTENER_UNUSED' },
    );
  }
}
