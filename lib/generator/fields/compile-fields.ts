import { invalidArgument, outOfRange } from '../../base/errors.js';
import { checkInteger } from '../../base/validate.js';
import { rangeError } from '../base/errors.js';
import { checkKeys, checkWhole } from '../base/validate.js';
import { parseAddress } from '../packets/addresses.js';
import { writeChecksums } from '../packets/coverage.js';
import type { Template } from '../packets/template.js';
import { FieldWriter } from './field-writer.js';
import type { Counter, Field, Random, Timestamp } from './fields.js';
import { CounterSource, ListSource, RandomSource, type Source, TimeSource } from './sources.js';
import { refuseOverlap, resolveTarget, type Target } from './targets.js';

const WAYS = ['counter', 'random', 'list', 'timestamp'] as const;
const COUNTED_ADDRESS = 6; // bytes at the end of an IPv6 address that count

interface Compiled {
  writers: FieldWriter[];
  /** the packet that buffers are laid with */
  initial: Buffer;
  /** where the bytes that are 0 in each packet begin, to its end */
  zeros: number;
}

/**
 * Checks the fields of a template and compiles each to what writes it.
 * @throws TypeError `ERR_ZEROSEND_INVALID_ARGUMENT`; RangeError `ERR_ZEROSEND_FIELD`,
 * `ERR_ZEROSEND_OUT_OF_RANGE`, `ERR_ZEROSEND_INVALID_ADDRESS`
 */
export function compileFields(template: Template, fields: readonly Field[]): Compiled {
  const compiled: Compiled = { writers: [], initial: Buffer.from(template.bytes), zeros: 0 };
  const parts: Target[] = [];
  for (const [i, field] of fields.entries()) {
    const name = `fields[${i}]`;
    checkKeys(name, field, ['target', ...WAYS]);
    const ways = WAYS.filter((way) => way in field);
    if (ways.length !== 1) throw invalidArgument(name, `one with one of ${WAYS.join(', ')}`, field);
    const target = resolveTarget(`${name}.target`, template, field.target);
    const add = (part: Target, source: Source) => {
      refuseOverlap(`${name}.target`, part, parts);
      parts.push(part);
      compiled.writers.push(new FieldWriter(part, source));
    };
    if ('list' in field) {
      addList(`${name}.list`, target, field.list, add);
    } else if ('timestamp' in field) {
      add(target, timeSource(`${name}.timestamp`, target, field.timestamp));
    } else {
      const part = countedPart(target);
      const value = valueReader(target, part, compiled.initial);
      const source =
        'counter' in field
          ? counterSource(`${name}.counter`, part, field.counter, value, compiled.initial)
          : randomSource(`${name}.random`, part, field.random, value, i);
      add(part, source);
    }
  }
  writeChecksums(compiled.initial, 0, template._checksums);
  compiled.zeros = Math.max(
    template.offsets.payload,
    lastNonZero(compiled.initial) + 1,
    ...parts.map(({ at, width }) => at + width),
  );
  return compiled;
}

/** The last byte that is not 0, or -1. */
function lastNonZero(bytes: Uint8Array): number {
  let at = bytes.length - 1;
  while (at >= 0 && bytes[at] === 0) at--;
  return at;
}

/** The low 48 bits of an IPv6 address, all of anything else. */
function countedPart(target: Target): Target {
  if (target.width <= 8) return target;
  const bits = COUNTED_ADDRESS * 8;
  return { ...target, at: target.at + 10, width: COUNTED_ADDRESS, bits };
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

function counterSource(
  name: string,
  target: Target,
  options: Counter,
  read: ReadValue,
  initial: Buffer,
): Source {
  checkKeys(name, options, ['start', 'step', 'count']);
  const start =
    options.start === undefined ? current(target, initial) : read(`${name}.start`, options.start);
  const { step = 1, count } = options;
  checkInteger(`${name}.step`, step, -Number.MAX_SAFE_INTEGER, Number.MAX_SAFE_INTEGER);
  const most = largest(target.bits);
  if (count !== undefined) {
    checkInteger(`${name}.count`, count, 1, Number.MAX_SAFE_INTEGER);
    const last = start + BigInt(step) * BigInt(count - 1);
    if (last < 0n || last > most) {
      throw rangeError(
        'ERR_ZEROSEND_OUT_OF_RANGE',
        `${name} goes to ${last}, but ${target.name} holds 0 to ${most}`,
      );
    }
  }
  return new CounterSource(start, step, count ?? 0, most + 1n);
}

/** What the packet has there. */
function current({ at, width, shift, bits }: Target, initial: Buffer): bigint {
  const value = BigInt(`0x${initial.toString('hex', at, at + width)}`);
  return (value >> BigInt(shift)) & largest(bits);
}

function randomSource(
  name: string,
  target: Target,
  options: Random,
  read: ReadValue,
  place: number,
): Source {
  checkKeys(name, options, ['seed', 'min', 'max']);
  const seed = checkInteger(`${name}.seed`, options.seed ?? place, 0, 2 ** 32 - 1);
  const min = options.min === undefined ? 0n : read(`${name}.min`, options.min);
  const max = options.max === undefined ? largest(target.bits) : read(`${name}.max`, options.max);
  if (max < min) throw outOfRange(`${name}.max`, `at least min (${min})`, options.max);
  return new RandomSource(seed, min, max - min + 1n);
}

function addList(
  name: string,
  target: Target,
  list: unknown,
  add: (part: Target, source: Source) => void,
): void {
  if (!Array.isArray(list) || list.length === 0) {
    throw invalidArgument(name, 'an array that is not empty', list);
  }
  const { address } = target;
  const values = list.map((value, i) => {
    const what = `${name}[${i}]`;
    const bytes = Buffer.alloc(16);
    const numeric = typeof value === 'number' || typeof value === 'bigint';
    if (address !== null && (!numeric || address === 'ipv6')) {
      const parsed = parseAddress(what, address, value);
      bytes.set(parsed, 16 - parsed.length);
    } else {
      bytes.writeBigUInt64BE(checkWhole(what, value, largest(target.bits)), 8);
    }
    return bytes;
  });
  const column = (at: number) =>
    values.map((b) => ({ high: b.readUInt32BE(at), low: b.readUInt32BE(at + 4) }));
  if (target.width <= 8) {
    add(target, new ListSource(column(8)));
    return;
  }
  // An IPv6 address is two numbers, which go on together.
  const half = { ...target, width: 8, bits: 64 };
  add(half, new ListSource(column(0)));
  add({ ...half, at: target.at + 8 }, new ListSource(column(8)));
}

function timeSource(name: string, target: Target, options: Timestamp): Source {
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
  return new TimeSource(unit, clock);
}
