import { getSystemErrorMap, type InspectOptions, inspect } from 'node:util';

/**
 * The stable `code` of every error that the library makes itself. Errors of the system carry the
 * system's code (`ECONNREFUSED`, …) with `errno` and `syscall`, as Node's do.
 */
export type ErrorCode =
  /** An argument has the wrong type. */
  | 'ERR_ZEROSEND_INVALID_ARGUMENT'
  /** Objects of the class are not made by `new`; the message says by which call they are. */
  | 'ERR_ZEROSEND_ILLEGAL_CONSTRUCTOR'
  /** A number is outside of its range, or not a whole number. */
  | 'ERR_ZEROSEND_OUT_OF_RANGE'
  /** The buffer is free: it was not acquired, or has been released or sent and came back. */
  | 'ERR_ZEROSEND_BUFFER_FREE'
  /** The buffer's leases are used up and its sends have not all completed. */
  | 'ERR_ZEROSEND_BUFFER_IN_FLIGHT'
  /** The memory of the array has been detached (transferred to another thread). */
  | 'ERR_ZEROSEND_BUFFER_DETACHED'
  /** The array sits on a resizable ArrayBuffer, whose memory can go away. */
  | 'ERR_ZEROSEND_BUFFER_RESIZABLE'
  /**
   * The socket takes only buffers of its own pool, or the memory is that of a ring or a UMEM, which
   * only its own socket sends from.
   */
  | 'ERR_ZEROSEND_WRONG_POOL'
  /** The array is a view of a pool's memory: send the buffer itself. */
  | 'ERR_ZEROSEND_POOLED_MEMORY'
  /** Frames of a transmit ring can be sent once: they are handed out, and leave, in turn. */
  | 'ERR_ZEROSEND_RETAIN_UNSUPPORTED'
  /** The datagram is longer than UDP, or the socket's segments, allow. */
  | 'ERR_ZEROSEND_DATAGRAM_TOO_LONG'
  /** The datagram needs more of the send buffer than there ever is, or the kernel has no memory. */
  | 'ERR_ZEROSEND_SEND_BUFFER_TOO_SMALL'
  /** A segment with its headers is longer than the path's MTU. */
  | 'ERR_ZEROSEND_SEGMENT_TOO_LONG'
  /** The frame is longer than the interface's MTU allows, or the ring's frames hold. */
  | 'ERR_ZEROSEND_FRAME_TOO_LONG'
  /** The frame is one that the kernel would stop at: too short, or with a wrong offload header. */
  | 'ERR_ZEROSEND_FRAME_MALFORMED'
  /** The address is not a numeric IP address of the socket's family. */
  | 'ERR_ZEROSEND_INVALID_ADDRESS'
  /** The socket is closing, closed, or has failed. */
  | 'ERR_ZEROSEND_SOCKET_CLOSED'
  /** The send was given up before the kernel had taken it: by `abort`, or by `close` after its timeout. */
  | 'ERR_ZEROSEND_ABORTED'
  /** The socket did not drain before it was disposed of; `report` says how it ended. */
  | 'ERR_ZEROSEND_NOT_DRAINED'
  /** `maxQueuedSends` sends are waiting for room already. */
  | 'ERR_ZEROSEND_QUEUE_FULL'
  /** A reader of `completions()` has fallen so far behind that no more ranges are kept for it. */
  | 'ERR_ZEROSEND_READER_BEHIND'
  /** Nothing between the socket and the wire would enforce `maxPacingRate`. */
  | 'ERR_ZEROSEND_PACING_UNSUPPORTED'
  /** The pool is closing or closed. */
  | 'ERR_ZEROSEND_POOL_CLOSED'
  /** The pool would need more memory than there is. */
  | 'ERR_ZEROSEND_NO_MEMORY'
  /** `hugePages: 'explicit'`, and the system has not reserved enough. */
  | 'ERR_ZEROSEND_NO_HUGE_PAGES'
  /** `verify`: a buffer was written to while the kernel could read it, or after it had gone back. */
  | 'ERR_ZEROSEND_BUFFER_CHANGED'
  /** `verify`: a handle was used after its buffer had gone back to the pool. */
  | 'ERR_ZEROSEND_STALE_HANDLE'
  /** The system is not Linux. */
  | 'ERR_ZEROSEND_UNSUPPORTED_PLATFORM'
  /**
   * There is no native binary for this system, or it does not load. `reason` says which: 'no-binary',
   * 'not-loadable', 'no-addons' (Node's option), 'permission' (Node's permission model), or 'bundled'
   * (a bundler has moved the code away from it).
   */
  | 'ERR_ZEROSEND_NATIVE_MISSING'
  /** The native binary belongs to another version of the library. */
  | 'ERR_ZEROSEND_NATIVE_MISMATCH'
  /** The JavaScript engine has no external ArrayBuffers: Electron, and others with a memory cage. */
  | 'ERR_ZEROSEND_NO_EXTERNAL_BUFFERS'
  /** A defect of this library; please report it. */
  | 'ERR_ZEROSEND_INTERNAL';

/**
 * An error with a stable `code`: one of the library's ({@link ErrorCode}), or an error of the
 * system with the properties that Node's errors have. Only the properties that apply to an error
 * are present.
 */
export interface CodedError extends Error {
  /** The error's code: `ERR_ZEROSEND_…`, or the name of an errno, such as `ECONNREFUSED`. */
  code: string;
  /**
   * Of an error of the system: the errno as a negative number, as in `os.constants.errno` with its
   * sign changed.
   */
  errno?: number;
  /** Of an error of the system: the call that failed, with its option where it has one. */
  syscall?: string;
  /** The address of the peer, or of the destination of `sendTo`. */
  address?: string;
  /** The port that goes with `address`. */
  port?: number;
  /** The network interface, by its name. */
  interface?: string;
  /** of ERR_ZEROSEND_READER_BEHIND: the first id that the reader missed */
  id?: number;
  /** which of the buffers of a `sendMany` it is about; none of them was sent */
  index?: number;
  /** of AF_XDP: the transmit queue, and how many the interface has */
  queue?: number;
  /** of AF_XDP: how many transmit queues the interface has */
  queues?: number;
  /** the queueing disciplines of the interface */
  qdisc?: string;
  /** of ERR_ZEROSEND_NATIVE_MISSING: what keeps the native part from being loaded */
  reason?: string;
}

function coded<E extends Error>(error: E, code: ErrorCode): E & CodedError {
  return withOwn(error, { code });
}

/**
 * Gives an error own properties. Object.assign would run a setter, or fail at a constant, that a
 * program has put on Object.prototype.
 */
export function withOwn<E extends Error, F extends object>(error: E, fields: F): E & F {
  for (const [name, value] of Object.entries(fields)) {
    const property = { value, writable: true, enumerable: true, configurable: true };
    Object.defineProperty(error, name, property);
  }
  return error as E & F;
}

const MAX_DESCRIPTION = 120;

/** What was received, short enough for a message. */
export function describe(value: unknown): string {
  if (typeof value === 'function') return `function ${value.name}`;
  const options = { depth: 0, maxArrayLength: 3, maxStringLength: 60, breakLength: Infinity };
  const whole = inspected(value, options);
  const text = whole.length > MAX_DESCRIPTION ? `${whole.slice(0, MAX_DESCRIPTION)}…` : whole;
  return typeof value === 'object' || value === undefined ? text : `${typeof value} ${text}`;
}

/** `inspect` runs code of the value's class, which may throw. */
function inspected(value: unknown, options: InspectOptions): string {
  try {
    return inspect(value, options);
  } catch {
    return `an object that cannot be shown`;
  }
}

export function typeError(code: ErrorCode, message: string): TypeError & CodedError {
  return coded(new TypeError(message), code);
}

export function rangeError(code: ErrorCode, message: string): RangeError & CodedError {
  return coded(new RangeError(message), code);
}

export function stateError(code: ErrorCode, message: string, cause?: unknown): CodedError {
  return coded(new Error(message, cause === undefined ? undefined : { cause }), code);
}

export function invalidArgument(name: string, expected: string, received: unknown): TypeError {
  return typeError(
    'ERR_ZEROSEND_INVALID_ARGUMENT',
    `${name} must be ${expected}; received ${describe(received)}`,
  );
}

/** @param instead the call that makes such an object */
export function illegalConstructor(what: string, instead: string): TypeError {
  return typeError(
    'ERR_ZEROSEND_ILLEGAL_CONSTRUCTOR',
    `${what} is not made with new: call ${instead}`,
  );
}

export function outOfRange(name: string, expected: string, received: unknown): RangeError {
  return rangeError(
    'ERR_ZEROSEND_OUT_OF_RANGE',
    `${name} must be ${expected}; received ${describe(received)}`,
  );
}

/** The name of an errno, such as `ECONNREFUSED`. */
export function errnoCode(errno: number): string {
  return getSystemErrorMap().get(-errno)?.[0] ?? `E${errno}`;
}

/** An error of a system call, shaped like Node's own: `connect ECONNREFUSED 127.0.0.1:9`. */
export function systemError(
  errno: number,
  syscall: string,
  about?: { address: string; port: number } | { interface: string },
): CodedError {
  const [code, text] = getSystemErrorMap().get(-errno) ?? [`E${errno}`, `errno ${errno}`];
  const what = about && (isOfInterface(about) ? about.interface : `${about.address}:${about.port}`);
  const error = new Error(`${syscall} ${code}${what ? ` ${what}` : ''}: ${text}`);
  return withOwn(error, { code, errno: -errno, syscall, ...about });
}

function isOfInterface(about: object): about is { interface: string } {
  return Object.hasOwn(about, 'interface');
}
