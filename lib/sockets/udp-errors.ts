import { native } from '../addon/addon.js';
import { type CodedError, rangeError } from '../base/errors.js';
import { describeSocket } from '../engine/kernel-facts.js';
import type { SocketState } from '../engine/state.js';
import type { Family } from './address.js';

/** Bytes of the headers of a datagram on the wire, IP and UDP. */
export const HEADERS = { 4: 28, 6: 48 } as const;

/**
 * The error for a datagram that the kernel has refused, with a clearer code where the errno has a
 * known cause.
 */
export function explain(
  state: SocketState,
  family: Family,
  error: CodedError,
  length: number,
): Error {
  if (error.code === 'ENOBUFS') {
    const { sendBufferSize } = describeSocket(state.handle);
    return rangeError(
      'ERR_ZEROSEND_SEND_BUFFER_TOO_SMALL',
      `the kernel has no room for ${length} bytes though it holds nothing of this socket: a ` +
        `datagram in fragments may take twice the send buffer of ${sendBufferSize} bytes ` +
        `with all overhead; raise options.sendBufferSize or send less (${error.message})`,
    );
  }
  // EINVAL has many reasons (a blackhole route, a source address that does not fit); it is about
  // the length only where segments do not fit the path, on kernels before 6.14.
  const narrow = error.code === 'EINVAL' && segmentsExceedPath(state, family);
  if (error.code !== 'EMSGSIZE' && !narrow) return error;
  return rangeError(
    'ERR_ZEROSEND_DATAGRAM_TOO_LONG',
    `the kernel refuses ${length} bytes on this path (${error.message})`,
  );
}

function segmentsExceedPath({ handle, segmentSize }: SocketState, family: Family): boolean {
  if (segmentSize === 0) return false;
  const mtu = describeSocket(handle).mtu ?? 0;
  return mtu > 0 && segmentSize + HEADERS[family] > mtu;
}

/** The error for a datagram, or a GSO train, that is longer than any may be. */
export function tooLong({ maxLength, segmentSize }: SocketState, length: number): Error {
  const segments = segmentSize
    ? ` (at most ${native.maxSegments()} segments of ${segmentSize})`
    : '';
  return rangeError(
    'ERR_ZEROSEND_DATAGRAM_TOO_LONG',
    `length must be at most ${maxLength}${segments}; received ${length}`,
  );
}

/**
 * Whether another address of the same host is worth trying: the system refused this one, or its
 * family.
 */
export function isOfAddress(error: unknown): boolean {
  const { code, syscall } = error as CodedError;
  return syscall !== undefined || code === 'ERR_ZEROSEND_INVALID_ADDRESS';
}
