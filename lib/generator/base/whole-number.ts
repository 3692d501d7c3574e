import { invalidArgument, outOfRange } from '../../base/errors.js';

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
