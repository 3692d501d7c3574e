import { invalidArgument, outOfRange } from '../../base/errors.js';
import { checkInteger } from '../../base/validate.js';
import { rangeError } from '../base/errors.js';
import { checkKeys, checkWhole } from '../base/validate.js';
import { parseAddress } from '../packets/addresses.js';
import { held, seedOf } from './choice.js';
import type { Counter, CounterRange, PrefixRange, Random, Timestamp } from './fields.js';
import { readPrefix } from './prefix.js';
import { RandomSource } from './random-source.js';
import { CounterSource, lowerHalf, type Source, upperHalf } from './sources.js';
import type { Target } from './targets.js';
import { TimeSource } from './time-source.js';

const COUNTED_ADDRESS = 6; // bytes at the end of an IPv6 address that count

/** A part of a packet, and what makes its values. */
export interface Sourced {
  part: Target;
  source: Source;
}

/** The values of a counter: `start + step * (k mod count)`; a count of 0 is none. */
export interface Counting {
  part: Target;
  start: bigint;
  step: bigint;
  count: number;
}

/** @param initial the packet that buffers are laid with: parts of addresses that do not change go there */
export function readCounting(
  name: string,
  target: Target,
  options: CounterRange | PrefixRange,
  initial: Buffer,
): Counting {
  if ('prefix' in options) {
    checkKeys(name, options, ['prefix', 'step', 'every']);
    const { part, start, step, count } = readPrefix(name, target, options, initial);
    const most = BigInt(Number.MAX_SAFE_INTEGER); // packets: it does not come round before
    return { part, start, step, count: Number(count < most ? count : most) };
  }
  checkKeys(name, options, ['start', 'step', 'count', 'last', 'every']);
  const part = countedPart(target);
  const read = valueReader(target, part, initial);
  const start =
    options.start === undefined ? current(part, initial) : read(`${name}.start`, options.start);
  const step = readStep(`${name}.step`, options.step ?? 1);
  const { count: given, last: end } = options;
  if (end !== undefined && given !== undefined) {
    throw invalidArgument(name, 'one with either count or last', options);
  }
  const most = largest(part.bits);
  let count = 0;
  if (end !== undefined) {
    const distance = read(`${name}.last`, end) - start;
    if (step === 0n || distance * step < 0n) {
      throw outOfRange(`${name}.last`, `reached from ${start} by steps of ${step}`, end);
    }
    const turns = distance / step + 1n;
    count = Number(turns < Number.MAX_SAFE_INTEGER ? turns : Number.MAX_SAFE_INTEGER);
  } else if (given !== undefined) {
    const whole = typeof given === 'bigint' ? Number(given) : given;
    count = checkInteger(`${name}.count`, whole, 1, Number.MAX_SAFE_INTEGER);
    const last = start + step * BigInt(count - 1);
    if (last < 0n || last > most) {
      throw rangeError(
        'ERR_ZEROSEND_OUT_OF_RANGE',
        `${name} goes to ${last}, but ${target.name} holds 0 to ${most}`,
      );
    }
  }
  return { part, start, step, count };
}

function readStep(name: string, step: unknown): bigint {
  if (typeof step !== 'bigint') {
    const whole = checkInteger(name, step, -Number.MAX_SAFE_INTEGER, Number.MAX_SAFE_INTEGER);
    return BigInt(whole);
  }
  checkWhole(name, step < 0n ? -step : step, largest(64));
  return step;
}

export function counterOf({ part, start, step, count }: Counting): Source {
  return new CounterSource(start, step, count, largest(part.bits) + 1n);
}

export function readCounter(
  name: string,
  target: Target,
  options: Counter,
  initial: Buffer,
): Sourced {
  const counting = readCounting(name, target, options, initial);
  return { part: counting.part, source: held(name, counterOf(counting), options) };
}

export function readRandom(
  name: string,
  target: Target,
  options: Random,
  initial: Buffer,
  place: number,
): Sourced {
  const isPrefix = 'prefix' in options;
  checkKeys(name, options, [...(isPrefix ? ['prefix'] : ['min', 'max']), 'step', 'seed', 'every']);
  const seed = seedOf(name, options.seed, place);
  const draw = (min: bigint, count: bigint, step: bigint) =>
    held(name, new RandomSource(seed, min, count, step), options);
  if (isPrefix) {
    const { part, start, step, count } = readPrefix(name, target, options, initial);
    return { part, source: draw(start, count, step) };
  }
  const part = countedPart(target);
  const read = valueReader(target, part, initial);
  const min = options.min === undefined ? 0n : read(`${name}.min`, options.min);
  const max = options.max === undefined ? largest(part.bits) : read(`${name}.max`, options.max);
  if (max < min) throw outOfRange(`${name}.max`, `at least min (${min})`, options.max);
  const step = checkWhole(`${name}.step`, options.step ?? 1, largest(64));
  if (step === 0n) throw outOfRange(`${name}.step`, 'at least 1', options.step);
  return { part, source: draw(min, (max - min) / step + 1n, step) };
}

/** The values of a list for one target: of an IPv6 address two numbers, which go on together. */
export function readList(
  name: (i: number) => string,
  target: Target,
  list: readonly unknown[],
): { part: Target; low: Uint32Array; high: Uint32Array | null }[] {
  const { address } = target;
  const values = list.map((value, i) => {
    const numeric = typeof value === 'number' || typeof value === 'bigint';
    if (address !== null && (!numeric || address === 'ipv6')) {
      return BigInt(`0x${Buffer.from(parseAddress(name(i), address, value)).toString('hex')}`);
    }
    return checkWhole(name(i), value, largest(target.bits));
  });
  const column = (part: Target, right: bigint) => ({
    part,
    low: Uint32Array.from(values, (value) => lowerHalf(value >> right)),
    high: part.width > 4 ? Uint32Array.from(values, (value) => upperHalf(value >> right)) : null,
  });
  if (target.width <= 8) return [column(target, 0n)];
  const half = { ...target, width: 8, bits: 64 };
  return [column(half, 64n), column({ ...half, at: target.at + 8 }, 0n)];
}

/** The low 48 bits of an IPv6 address, all of anything else. */
function countedPart(target: Target): Target {
  if (target.width <= 8) return target;
  const at = target.at + target.width - COUNTED_ADDRESS;
  return { ...target, at, width: COUNTED_ADDRESS, bits: COUNTED_ADDRESS * 8 };
}

type ReadValue = (name: string, value: unknown) => bigint;

/**
 * Reads numbers and addresses for a target. The first 80 bits of an IPv6 address are laid into the
 * packet, and have to be the same in all that a field names.
 */
function valueReader(target: Target, part: Target, initial: Buffer): ReadValue {
  const { address } = target;
  let prefix: string | null = null;
  return (name, value) => {
    if (address === null || typeof value === 'number' || typeof value === 'bigint') {
      return checkWhole(name, value, largest(part.bits));
    }
    const bytes = Buffer.from(parseAddress(name, address, value));
    if (part === target) return BigInt(bytes.readUIntBE(0, target.width));
    const upper = bytes.subarray(0, 16 - COUNTED_ADDRESS);
    const text = upper.toString('hex');
    if (prefix !== null && prefix !== text) {
      throw outOfRange(name, 'an address with the same first 80 bits', value);
    }
    prefix = text;
    initial.set(upper, target.at);
    return BigInt(bytes.readUIntBE(16 - COUNTED_ADDRESS, COUNTED_ADDRESS));
  };
}

function largest(bits: number): bigint {
  return (1n << BigInt(bits)) - 1n;
}

/** What the packet has there. */
function current({ at, width, shift, bits, littleEndian }: Target, initial: Buffer): bigint {
  const bytes = Buffer.from(initial.subarray(at, at + width));
  if (littleEndian) bytes.reverse();
  return (BigInt(`0x${bytes.toString('hex')}`) >> BigInt(shift)) & largest(bits);
}

export function readTime(name: string, target: Target, options: Timestamp): Sourced {
  checkKeys(name, options, ['unit', 'clock']);
  const { unit = 'ns', clock = 'unix' } = options;
  if (!['ns', 'us', 'ms'].includes(unit)) {
    throw invalidArgument(`${name}.unit`, "'ns', 'us' or 'ms'", unit);
  }
  if (clock !== 'unix' && clock !== 'monotonic') {
    throw invalidArgument(`${name}.clock`, "'unix' or 'monotonic'", clock);
  }
  if (target.width !== 8) {
    throw rangeError('ERR_ZEROSEND_FIELD', `${name} needs a place of 8 bytes`);
  }
  return { part: target, source: new TimeSource(unit, clock) };
}
