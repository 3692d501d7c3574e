// base: errors and checks beyond those of lib/base, sleeping, and work that lets the event loop run.

import { withOwn } from '../../base/errors.js';
import type { CodedError } from '../../index.js';

/** The stable `code` of every error that the generator makes itself. */
export type GeneratorErrorCode =
  /** An argument has the wrong type, or options that exclude one another. */
  | 'ERR_ZEROSEND_INVALID_ARGUMENT'
  /** A number is outside of its range, or not a whole number. */
  | 'ERR_ZEROSEND_OUT_OF_RANGE'
  /** An Ethernet or IP address cannot be read. */
  | 'ERR_ZEROSEND_INVALID_ADDRESS'
  /** The layers of a template do not fit together. */
  | 'ERR_ZEROSEND_TEMPLATE'
  /** A field would change what the rest of the packet depends on, or is not in the packet. */
  | 'ERR_ZEROSEND_FIELD'
  /** The packet does not fit a buffer of the pool, or is longer than the socket sends. */
  | 'ERR_ZEROSEND_FRAME_TOO_LONG'
  /** The file is not a capture that can be read; `offset` says where. */
  | 'ERR_ZEROSEND_CAPTURE'
  /** A worker could not be started, has failed or ended early. */
  | 'ERR_ZEROSEND_WORKER'
  /** The socket or its pool is used by another run. */
  | 'ERR_ZEROSEND_BUSY';

/** An error that the generator makes itself, or one with which a run ended. */
export interface GeneratorError extends CodedError {
  /** One of {@link GeneratorErrorCode}, or what the error of a socket has. */
  code: string;
  /** Where in the file, in bytes, for `ERR_ZEROSEND_CAPTURE`. */
  offset?: number;
  /** What had been sent when a run failed: the report that it would have had. */
  report?: object;
}

/** Adds to the error with which a run ends the report of what was sent until then. */
export function withReport(error: unknown, report: object): unknown {
  return error instanceof Error && Object.isExtensible(error) ? withOwn(error, { report }) : error;
}

/** Gives an error its code, and what else it is to carry. */
export function coded<E extends Error>(error: E, code: GeneratorErrorCode, more: object = {}): E {
  return withOwn(error, { code, ...more });
}

export function rangeError(code: GeneratorErrorCode, message: string): RangeError {
  return coded(new RangeError(message), code);
}

/** @param cause what it is about, whose message is told */
export function workerError(message: string, cause?: unknown): Error {
  const error =
    cause === undefined
      ? new Error(message)
      : new Error(`${message}: ${cause instanceof Error ? cause.message : String(cause)}`, {
          cause,
        });
  return coded(error, 'ERR_ZEROSEND_WORKER');
}
