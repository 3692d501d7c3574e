import { invalidArgument, outOfRange } from './errors.js';

/** A whole number from `min` to `max`, both included. */
export function checkInteger(name: string, value: unknown, min: number, max: number): number {
  if (typeof value !== 'number') throw invalidArgument(name, 'a number', value);
  if (!Number.isInteger(value) || value < min || value > max) {
    throw outOfRange(name, `a whole number from ${min} to ${max}`, value);
  }
  return value;
}

export function checkString(name: string, value: unknown): string {
  if (typeof value !== 'string' || value === '') {
    throw invalidArgument(name, 'a string that is not empty', value);
  }
  if (value.includes('\0')) throw invalidArgument(name, 'a string without NUL', value);
  return value;
}

export function checkOneOf<T extends string>(
  name: string,
  value: unknown,
  allowed: readonly T[],
): T {
  if (!allowed.includes(value as T)) {
    throw invalidArgument(name, `one of ${allowed.map((v) => `'${v}'`).join(', ')}`, value);
  }
  return value as T;
}

export function checkOneNumber<T extends number>(
  name: string,
  value: unknown,
  allowed: readonly T[],
): T {
  const expected = allowed.join(' or ');
  if (typeof value !== 'number') throw invalidArgument(name, expected, value);
  if (!allowed.includes(value as T)) throw outOfRange(name, expected, value);
  return value as T;
}

export function checkObject(name: string, value: unknown): object {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw invalidArgument(name, 'an object', value);
  }
  return value;
}

export function checkSignal(value: unknown): AbortSignal | undefined {
  if (value !== undefined && !(value instanceof AbortSignal)) {
    throw invalidArgument('options.signal', 'an AbortSignal', value);
  }
  return value;
}
