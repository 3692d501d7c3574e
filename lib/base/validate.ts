import { invalidArgument, outOfRange } from './errors.js';

/** Returns `value` if it is a whole number from `min` to `max`, both included; throws otherwise. */
export function checkInteger(name: string, value: unknown, min: number, max: number): number {
  if (typeof value !== 'number') throw invalidArgument(name, 'a number', value);
  if (!Number.isInteger(value) || value < min || value > max) {
    throw outOfRange(name, `a whole number from ${min} to ${max}`, value);
  }
  return value;
}

/** An option that is false by default. */
export function checkBoolean(name: string, value: unknown): boolean {
  if (value !== undefined && typeof value !== 'boolean') {
    throw invalidArgument(name, 'a boolean', value);
  }
  return value === true;
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
  if (value !== undefined && !isSignal(value)) {
    throw invalidArgument('options.signal', 'an AbortSignal', value);
  }
  return value;
}

/**
 * Does not trust the class alone: an object that only has the prototype throws when its `aborted`
 * is read.
 */
function isSignal(value: unknown): value is AbortSignal {
  try {
    return value instanceof AbortSignal && typeof value.aborted === 'boolean';
  } catch {
    return false;
  }
}

/**
 * Reads each option that is given once. Only own properties count, so that what a program has put
 * on Object.prototype is no option. An unknown name is refused, since a misspelt option would
 * silently do nothing.
 * @throws TypeError `ERR_ZEROSEND_INVALID_ARGUMENT`
 */
export function readOptions<T extends object>(
  name: string,
  value: T,
  known: readonly (keyof T & string)[],
): T {
  checkObject(name, value);
  for (const key of Object.keys(value)) {
    if (!known.includes(key as keyof T & string)) {
      throw invalidArgument(name, `an object with ${known.join(', ')} only`, { [key]: '…' });
    }
  }
  const options = Object.create(null) as T;
  for (const key of known) if (Object.hasOwn(value, key)) options[key] = value[key];
  return options;
}

/**
 * Reads a property of a user's object once: one of its own or of its class, but not one of
 * Object.prototype.
 */
export function propertyOf(object: object, name: string): unknown {
  for (let at: object | null = object; at !== null; at = Object.getPrototypeOf(at)) {
    if (at === Object.prototype) return undefined;
    if (Object.hasOwn(at, name)) return (object as Record<string, unknown>)[name];
  }
  return undefined;
}
