import type { AnyField, ChecksumField, Field, FieldValue } from '../../generator/index.js';
import { UsageError } from '../base/options.js';
import { addressKind, addressNumber } from './addresses.js';

/*
 * The short syntax of `--field TARGET=VALUES`:
 *
 *   TARGET   a name, such as ipv4.source, or any bytes: payload@0:4 (4 bytes at offset 0 of the payload),
 *            payload@0:4le (the same little-endian); several that change together: ipv4.source+udp.source;
 *            length (of packets), payload.length; payload
 *   VALUES   5                        one value, a number (also 0x05) or an address
 *            53,123,443               a list, in turn
 *            64*7,594*4,1518*1        the same by weights: 7, 4 and 1 of each 12
 *            198.18.0.1+1024,…        values of several targets
 *            1024..65535              a counter from the first to the last, both included, round and round
 *            0..100..10               the same in steps of 10
 *            7..                      a counter from 7 on, which wraps where the field is full
 *            10.0.0.0/8:/24           the networks of a prefix, in steps of /24; without them each address
 *            counter                  counted from what the packet has there
 *            random, random:5..9..2   equally likely values, of all or from 5 to 9 in steps of 2
 *            random:5,6,7*2           values of a list at random, by weights; also of a prefix
 *            time, time:us:monotonic  the time at which the packet is made, in 8 bytes: ns, us or ms,
 *                                     since 1970 (unix) or of CLOCK_MONOTONIC (monotonic)
 *            imix                     of length: 7, 4 and 1 of each 12 frames of 64, 594, 1518 bytes with FCS
 *            crc32:payload@4:60       a checksum over 60 bytes from offset 4 on, or (payload@4, payload) to the end:
 *                                     internet, crc32c or crc32
 *            text,more                of payload: texts; hex:00ff,01 bytes; dns:example.com queries
 *            @FILE, dns:@FILE         of payload: a file with one a line; records:@FILE with lengths of 2 bytes
 */
export const FIELD_SYNTAX =
  "what changes from packet to packet: 'ipv4.source=198.18.0.1..198.18.0.254' counts, " +
  "'udp.destination=53,123,443' is a list, 'udp.source=random:1024..65535' is random, " +
  "'payload@0:4=counter' numbers packets in the first 4 bytes of the payload, " +
  "'payload@4:8=time' is the time, 'length=imix' or 'length=64*3,1500' are sizes by weights, " +
  "'payload=dns:@names.txt' queries for the names of a file";

type Values<F> = F extends unknown ? Omit<F, 'target' | 'targets'> : never;

/** @throws UsageError */
export function readField(text: string): AnyField {
  const equals = text.indexOf('=');
  if (equals < 1 || equals === text.length - 1) {
    throw new UsageError("takes TARGET=VALUES, such as 'ipv4.source=198.18.0.1..198.18.0.254'");
  }
  const target = text.slice(0, equals);
  const values = text.slice(equals + 1);
  if (target === 'payload') return { target, ...readPayloads(values) } as AnyField;
  if (!target.includes('+'))
    return { target: readTarget(target), ...readValues(values) } as AnyField;
  const { way, rest } = orderOf(values);
  const { entries, weights } = weighed(rest);
  const list = entries.map((entry) => entry.split('+').map(readValue));
  return { targets: target.split('+').map(readTarget), list, ...weights, ...way } as AnyField;
}

/** Reads a target. The library checks names and places, since it knows the packet. */
function readTarget(text: string): Field['target'] {
  const place = /^([^@]+)@(\d+):(\d+)(le)?$/.exec(text);
  if (place === null) return text as Field['target'];
  const [, layer = '', offset, width, order] = place;
  const where = { layer, offset: Number(offset), width: Number(width) };
  return order === undefined ? where : { ...where, littleEndian: true };
}

function readValues(text: string): Values<AnyField> {
  const [word = '', ...more] = text.split(':');
  if (word === 'counter' && more.length === 0) return { counter: {} };
  if (word === 'time') return { timestamp: readTime(more) };
  if (word === 'internet' || word === 'crc32c' || word === 'crc32') {
    return { checksum: readChecksum(word, more.join(':')) };
  }
  const { way, rest } = orderOf(text);
  if (rest === 'imix') return { list: rest, ...way } as Values<AnyField>;
  if (way.order === 'random' && (rest === '' || !rest.includes(','))) {
    if (rest === '') return { random: {} };
    return { random: rest.includes('/') ? readPrefix(rest) : readRandom(rest) };
  }
  if (rest.includes('/')) return { counter: readPrefix(rest) };
  if (rest.includes('..')) return { counter: readRange(rest) };
  const { entries, weights } = weighed(rest);
  return { list: entries.map(readValue), ...weights, ...way } as Values<AnyField>;
}

/** Splits off whether values are drawn at random. */
function orderOf(text: string): { way: { order?: 'random' }; rest: string } {
  if (text === 'random') return { way: { order: 'random' }, rest: '' };
  if (!text.startsWith('random:')) return { way: {}, rest: text };
  const rest = text.slice('random:'.length);
  if (rest === '') throw new UsageError("takes a range such as 'random:1024..65535'");
  return { way: { order: 'random' }, rest };
}

/** The entries of a list, and their weights if any entry has one. */
function weighed(text: string): { entries: string[]; weights: { weights?: number[] } } {
  const parts = text.split(',').map((part) => /^(.*?)(?:\*(\d+))?$/s.exec(part) ?? []);
  const entries = parts.map(([, entry = '']) => entry);
  if (parts.every(([, , weight]) => weight === undefined)) return { entries, weights: {} };
  return { entries, weights: { weights: parts.map(([, , weight = '1']) => Number(weight)) } };
}

function readPayloads(text: string): object {
  const { way, rest } = orderOf(text);
  const [, as = 'text', given = ''] = /^(?:(text|hex|dns|records):)?(.*)$/s.exec(rest) ?? [];
  const file = given.startsWith('@') ? given.slice(1) : null;
  if (as === 'records') {
    if (file === null) throw new UsageError("takes a file, as 'payload=records:@FILE'");
    return { records: file, ...way };
  }
  if (file !== null) return { file, as, ...way };
  const { entries, weights } = weighed(given);
  return { list: entries, as, ...weights, ...way };
}

function readChecksum(kind: ChecksumField['checksum']['kind'], range: string) {
  const [, layer, offset, length] = /^([^@]+)(?:@(\d+)(?::(\d+))?)?$/.exec(range) ?? [];
  if (layer === undefined) {
    throw new UsageError(`takes what it covers, as '${kind}:payload' or '${kind}:payload@4:60'`);
  }
  return {
    kind,
    layer,
    ...(offset === undefined ? {} : { offset: Number(offset) }),
    ...(length === undefined ? {} : { length: Number(length) }),
  };
}

function readPrefix(text: string) {
  const [, prefix, step] = /^([^/]+\/\d+)(?::(\/\d+))?$/.exec(text) ?? [];
  if (prefix === undefined) {
    throw new UsageError("takes prefixes such as '10.0.0.0/8' or '10.0.0.0/8:/24'");
  }
  return step === undefined ? { prefix } : { prefix, step };
}

function readRandom(range: string) {
  const [min = '', max = '', step = '1', ...more] = range.split('..');
  if (min === '' || max === '' || more.length > 0) {
    throw new UsageError("takes a range such as 'random:1024..65535'");
  }
  const width = readStep(step);
  return { min: readValue(min), max: readValue(max), ...(width === 1 ? {} : { step: width }) };
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

function readStep(text: string): number {
  const step = Number(text);
  if (!(Number.isSafeInteger(step) && step > 0)) {
    throw new UsageError('takes steps that are whole numbers above 0');
  }
  return step;
}

/** `A..B`, `A..B..STEP` or `A..`: the counter that goes over these values. */
function readRange(text: string) {
  const [first = '', last = '', width = '1', ...more] = text.split('..');
  if (first === '' || width === '' || more.length > 0) {
    throw new UsageError("takes ranges such as '1..10', '1..10..2' or '1..'");
  }
  const start = readValue(first);
  const step = readStep(width);
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

/** Whether its values are drawn by chance, from a seed. */
export const isDrawn = (field: AnyField) =>
  'random' in field || ('order' in field && field.order === 'random');

const kindOf = (value: FieldValue) => (typeof value === 'string' ? addressKind(value) : 'number');

function numberOf(value: FieldValue): bigint {
  const kind = kindOf(value);
  if (typeof value !== 'string' || kind === null || kind === 'number') return BigInt(value);
  return addressNumber(kind, value);
}
