import { types } from 'node:util';
import { invalidArgument, outOfRange } from '../../base/errors.js';
import { rangeError } from '../base/errors.js';

/** The error for layers that do not fit together. */
export function misfit(message: string): RangeError {
  return rangeError('ERR_ZEROSEND_TEMPLATE', message);
}

/** Bytes that lie at the end of a header: options of a multiple of `unit`, at most `most`. */
export function optionBytes(name: string, value: unknown, unit: number, most: number): Uint8Array {
  if (value === undefined) return new Uint8Array(0);
  if (!types.isUint8Array(value)) throw invalidArgument(name, 'a Uint8Array', value);
  if (value.length % unit !== 0 || value.length > most) {
    throw outOfRange(`${name}.length`, `a multiple of ${unit}, at most ${most}`, value.length);
  }
  return value;
}

/** Turns a name into its number; a number stays as it is, and is checked by its field. */
export function named(numbers: Readonly<Record<string, number>>) {
  return (name: string, value: unknown): number => {
    if (typeof value === 'string' && Object.hasOwn(numbers, value)) return numbers[value] as number;
    if (typeof value === 'number') return value;
    throw invalidArgument(name, `a number, or one of ${Object.keys(numbers).join(', ')}`, value);
  };
}
