import { REFUSED_CLOSED, REFUSED_QUEUE_FULL, REFUSED_WRONG_POOL } from '../addon/addon.js';
import type { Endpoint } from '../addon/contract.js';
import { LAST_BEGIN } from '../addon/mailbox.js';
import {
  type CodedError,
  invalidArgument,
  outOfRange,
  stateError,
  systemError,
  typeError,
} from '../base/errors.js';
import { checkInteger } from '../base/validate.js';
import { type BufferPool, memoryOf } from '../buffers/buffer-pool.js';
import type { SocketState } from './state.js';

const IS_SHARED =
  'is memory of a PacketSocket or an XdpSocket, which shares it with the kernel: only that socket ' +
  'sends from it; copy the bytes';

/**
 * The error of a send that the addon or the kernel has refused.
 * @param code a negated errno or refusal
 * @param index which of several messages it was about
 * @param about the endpoint or interface that an error of the system names; by default that of any
 * send of the socket
 */
export function refusal(
  state: SocketState,
  code: number,
  length: number,
  flags: number,
  index?: number,
  about = (): Endpoint | { interface: string } | undefined => state.about(flags),
): Error {
  if (code === REFUSED_CLOSED || state.phase !== 'open') return state.closedError();
  if (code === REFUSED_QUEUE_FULL) {
    return stateError(
      'ERR_ZEROSEND_QUEUE_FULL',
      'more sends than maxQueuedSends would wait for room; wait for drain',
    );
  }
  if (code === REFUSED_WRONG_POOL) return wrongPool(`the array ${IS_SHARED}`);
  const error = systemError(-code, state.sendCall, about());
  if (index !== undefined) nameIndex(error, index);
  return withSystem(state.hooks.explain?.(error, length, index) ?? error, error);
}

/** Copies errno, call, and address or interface of the system's error to a clearer one. */
function withSystem(explained: Error, { code: _, message: __, stack: ___, ...system }: CodedError) {
  return Object.assign(explained, system);
}

/**
 * Throws for memory from which only another socket may send.
 * @param own the only pool whose buffers this socket sends; null: any but those of rings
 */
export function checkPool(pool: BufferPool, own: BufferPool | null, index: number): void {
  if (pool === own) return;
  if (own !== null) {
    throw wrongPool(`buffer ${index} is another pool's; this socket sends from its own pool only`);
  }
  if (memoryOf(pool).isRing) throw wrongPool(`buffer ${index} ${IS_SHARED}`);
}

function wrongPool(message: string): CodedError {
  return typeError('ERR_ZEROSEND_WRONG_POOL', message);
}

/**
 * Throws unless `length` is a number of bytes from 1 to `available`, and not too long for the
 * socket.
 */
export function checkLength(state: SocketState, length: number, available: number): void {
  const { maxLength } = state;
  if (
    // checked first, since a comparison would convert a value that is no number
    Number.isInteger(length) &&
    length > 0 &&
    length <= available &&
    length <= maxLength
  ) {
    return;
  }
  if (available === 0 && typeof length === 'number') {
    throw outOfRange('length', 'at least 1, and the buffer is empty', length);
  }
  checkInteger('length', length, 1, available);
  throw state.hooks.tooLong?.(length) ?? outOfRange('length', `at most ${maxLength}`, length);
}

/**
 * Checks where in its memory a send begins, and returns it.
 * @param own the only pool whose buffers the socket sends; null: any
 */
export function checkOffset(offset: unknown, available: number, own: BufferPool | null): number {
  if (offset === undefined) return 0;
  if (own !== null) {
    throw invalidArgument('options.offset', 'left out: frames lie in a ring as they are', offset);
  }
  const last = Math.min(Math.max(available - 1, 0), LAST_BEGIN);
  return checkInteger('options.offset', offset, 0, last);
}

/** Adds to an error which of several buffers it is about. */
export function nameIndex(error: unknown, index: number): void {
  if (error instanceof Error) (error as CodedError).index ??= index;
}
