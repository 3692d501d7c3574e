import type { Field, FieldValue } from '../../generator/index.js';
import { UsageError } from '../base/options.js';
import { addressKind, addressNumber } from './addresses.js';

/*
 * The short syntax of `--field TARGET=VALUES`:
 *
 *   TARGET   a name, such as ipv4.source, or any bytes: payload@0:4 (4 bytes at offset 0 of the payload)
 *   VALUES   5                        one value, a number (also 0x05) or an address
 *            53,123,443               a list, in turn
 *            1024..65535              a counter from the first to the last, both included, round and round
 *            0..100..10               the same in steps of 10
 *            7..                      a counter from 7 on, which wraps where the field is full
 *            counter                  the same from what the packet has there
 *            random, random:5..9      equally likely values, of all or from 5 to 9
 *            time, time:us:monotonic  the time at which the packet is made, in 8 bytes: ns, us or ms,
 *                                     since 1970 (unix) or of CLOCK_MONOTONIC (monotonic)
 */
export const FIELD_SYNTAX =
  "what changes from packet to packet: 'ipv4.source=198.18.0.1..198.18.0.254' counts, " +
  "'udp.destination=53,123,443' is a list, 'udp.source=random:1024..65535' is random, " +
  "'payload@0:4=counter' numbers packets in the first 4 bytes of the payload, " +
  "'payload@4:8=time' is the time";

type Values = Exclude<Field, 'target'> extends infer F ? Omit<F & Field, 'target'> : never;

/** @throws UsageError */
export function readField(text: string): Field {
  const equals = text.indexOf('=');
  if (equals < 1 || equals === text.length - 1) {
    throw new UsageError("takes TARGET=VALUES, such as 'ipv4.source=198.18.0.1..198.18.0.254'");
  }
  const target = readTarget(text.slice(0, equals));
  return { target, ...readValues(text.slice(equals + 1)) } as Field;
}

/** Names and places are judged by the library, which knows the packet. */
function readTarget(text: string): Field['target'] {
  const place = /^([^@]+)@(\d+):(\d+)$/.exec(text);
  if (place === null) return text as Field['target'];
  const [, layer, offset, width] = place;
  return { layer, offset: Number(offset), width: Number(width) } as Field['target'];
}

function readValues(text: string): Values {
  const [way = '', ...more] = text.split(':');
  if (way === 'counter' && more.length === 0) return { counter: {} };
  if (way === 'random') return { random: readRandom(text.slice('random:'.length)) };
  if (way === 'time') return { timestamp: readTime(more) };
  if (text.includes('..')) return { counter: readRange(text) };
  return { list: text.split(',').map(readValue) };
}

function readRandom(range: string) {
  if (range === '') return {};
  const [min = '', max = '', ...more] = range.split('..');
  if (min === '' || max === '' || more.length > 0) {
    throw new UsageError("takes a range such as 'random:1024..65535'");
  }
  return { min: readValue(min), max: readValue(max) };
}

function readTime(words: readonly string[]) {
  const timestamp: { unit?: 'ns' | 'us' | 'ms'; clock?: 'unix' | 'monotonic' } = {};
  for (const word of words) {
    if (word === 'ns' || word === 'us' || word === 'ms') timestamp.unit = word;
    else if (word === 'unix' || word === 'monotonic') timestamp.clock = word;
    else throw new UsageError("takes 'time', 'time:us', 'time:monotonic' or both");
  }
  return timestamp;
}

/** `A..B`, `A..B..STEP` or `A..`: the counter that goes over these values. */
function readRange(text: string) {
  const [first = '', last = '', width = '1', ...more] = text.split('..');
  if (first === '' || width === '' || more.length > 0) {
    throw new UsageError("takes ranges such as '1..10', '1..10..2' or '1..'");
  }
  const start = readValue(first);
  const step = Number(width);
  if (!(Number.isSafeInteger(step) && step > 0)) {
    throw new UsageError('takes steps that are whole numbers above 0');
  }
  if (last === '') return { start, step };
  const end = readValue(last);
  if (kindOf(start) !== kindOf(end)) {
    throw new UsageError(`takes ranges of one kind, and '${first}' and '${last}' are of two`);
  }
  const [from, to] = [numberOf(start), numberOf(end)];
  const distance = to > from ? to - from : from - to;
  const count = Number(distance / BigInt(step)) + 1;
  return { start, step: to < from ? -step : step, count };
}

function readValue(text: string): FieldValue {
  if (addressKind(text) !== null) return text;
  if (!/^(\d+|0x[\da-f]+)$/i.test(text)) {
    throw new UsageError(`takes numbers and addresses, and '${text}' is neither`);
  }
  const value = BigInt(text);
  return value <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(value) : value;
}

const kindOf = (value: FieldValue) => (typeof value === 'string' ? addressKind(value) : 'number');

function numberOf(value: FieldValue): bigint {
  const kind = kindOf(value);
  if (typeof value !== 'string' || kind === null || kind === 'number') return BigInt(value);
  return addressNumber(kind, value);
}
