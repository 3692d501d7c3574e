import { inspect } from 'node:util';
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

export interface GeneratorError extends CodedError {
  code: string;
  /** Where in the file, in bytes, for `ERR_ZEROSEND_CAPTURE`. */
  offset?: number;
  /** What had been sent when a run failed: the report that it would have had. */
  report?: object;
}

/** The error with which a run ends, with the report of what was sent until then. */
export function withReport(error: unknown, report: object): unknown {
  return error instanceof Error && Object.isExtensible(error)
    ? Object.assign(error, { report })
    : error;
}

const MAX_DESCRIPTION = 120;

/** What was received, short enough for a message. */
export function describe(value: unknown): string {
  const text = inspect(value, { depth: 0, maxArrayLength: 3, maxStringLength: 60 });
  const short = text.length > MAX_DESCRIPTION ? `${text.slice(0, MAX_DESCRIPTION)}…` : text;
  return typeof value === 'object' || value === undefined ? short : `${typeof value} ${short}`;
}

export function invalidArgument(name: string, expected: string, received: unknown): TypeError {
  const message = `${name} must be ${expected}; received ${describe(received)}`;
  return Object.assign(new TypeError(message), { code: 'ERR_ZEROSEND_INVALID_ARGUMENT' });
}

export function outOfRange(name: string, expected: string, received: unknown): RangeError {
  return rangeError(
    'ERR_ZEROSEND_OUT_OF_RANGE',
    `${name} must be ${expected}; received ${describe(received)}`,
  );
}

export function rangeError(code: GeneratorErrorCode, message: string): RangeError {
  return Object.assign(new RangeError(message), { code });
}

export function checkObject<T>(name: string, value: T): T & object {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw invalidArgument(name, 'an object', value);
  }
  return value;
}

/** Also refuses keys that are not known: a misspelt one would silently do nothing. */
export function checkKeys<T>(name: string, value: T, known: readonly string[]): T & object {
  checkObject(name, value);
  for (const key of Object.keys(value as object)) {
    if (!known.includes(key)) {
      throw invalidArgument(name, `an object with ${known.join(', ')} only`, { [key]: '…' });
    }
  }
  return value as T & object;
}

/** A whole number from `min` to `max`, both included. */
export function checkInteger(name: string, value: unknown, min: number, max: number): number {
  if (typeof value !== 'number') throw invalidArgument(name, 'a number', value);
  if (!Number.isInteger(value) || value < min || value > max) {
    throw outOfRange(name, `a whole number from ${min} to ${max}`, value);
  }
  return value;
}

/** A whole number from 0 to `max`, which needs a BigInt from 2^53 on. */
export function checkWhole(name: string, value: unknown, max: bigint): bigint {
  const whole =
    typeof value === 'bigint' || (typeof value === 'number' && Number.isSafeInteger(value));
  if (typeof value !== 'number' && typeof value !== 'bigint') {
    throw invalidArgument(name, 'a number', value);
  }
  if (!whole || value < 0 || value > max) {
    const hint = max > Number.MAX_SAFE_INTEGER ? ', as a BigInt from 2^53 on' : '';
    throw outOfRange(name, `a whole number from 0 to ${max}${hint}`, value);
  }
  return BigInt(value);
}

/** A number above 0, not infinite. */
export function checkPositive(name: string, value: unknown): number {
  if (typeof value !== 'number') throw invalidArgument(name, 'a number', value);
  if (!(value > 0 && value < Number.POSITIVE_INFINITY)) {
    throw outOfRange(name, 'above 0 and finite', value);
  }
  return value;
}

export function checkBoolean(name: string, value: unknown): boolean {
  if (typeof value !== 'boolean') throw invalidArgument(name, 'a boolean', value);
  return value;
}

export function checkSignal(value: unknown): AbortSignal | undefined {
  if (value !== undefined && !(value instanceof AbortSignal)) {
    throw invalidArgument('options.signal', 'an AbortSignal', value);
  }
  return value;
}

export function checkFunction<T>(name: string, value: T): T {
  if (value !== undefined && typeof value !== 'function') {
    throw invalidArgument(name, 'a function', value);
  }
  return value;
}
