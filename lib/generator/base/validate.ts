import { invalidArgument, outOfRange } from '../../base/errors.js';
import { checkObject } from '../../base/validate.js';

/**
 * Checks that a value is an object with known keys only: a misspelt option would silently do nothing.
 * @throws TypeError `ERR_ZEROSEND_INVALID_ARGUMENT`
 */
export function checkKeys<T>(name: string, value: T, known: readonly string[]): T & object {
  checkObject(name, value);
  for (const key of Object.keys(value as object)) {
    if (!known.includes(key)) {
      throw invalidArgument(name, `an object with ${known.join(', ')} only`, { [key]: '…' });
    }
  }
  return value as T & object;
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

/** Checks that a value is a finite number above 0. */
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

export function checkFunction<T>(name: string, value: T): T {
  if (value !== undefined && typeof value !== 'function') {
    throw invalidArgument(name, 'a function', value);
  }
  return value;
}
