import { invalidArgument, outOfRange } from '../../base/errors.js';
import { checkInteger } from '../../base/validate.js';
import { checkKeys } from '../base/validate.js';
import { OFFLOAD_HEADER } from '../packets/offload.js';
import { LONGEST } from '../packets/stack.js';
import type { Template } from '../packets/template.js';
import { type Choice, choose, held, ORDER_KEYS, seedOf } from './choice.js';
import type { LengthField } from './fields.js';
import { RandomSource } from './random-source.js';

/** Of each 12 packets, and their bytes by the outermost layer: without the FCS, or without what the kernel adds. */
const IMIX = {
  weights: [7, 4, 1],
  ethernet: [60, 590, 1514],
  ip: [46, 576, 1500],
  datagram: [18, 548, 1472],
} as const;

/** Lengths that were asked for. */
export interface AskedLengths {
  /** bytes of each, offload header included */
  lengths: Uint32Array;
  choice: Choice;
  /** the shortest is made as long as headers and fields need */
  raised: boolean;
}

/**
 * Reads which lengths packets have.
 * @throws TypeError `ERR_ZEROSEND_INVALID_ARGUMENT`; RangeError `ERR_ZEROSEND_OUT_OF_RANGE`
 */
export function readLengths(
  name: string,
  field: LengthField,
  template: Template,
  place: number,
): AskedLengths {
  const { offsets } = template;
  const start = startOf(template);
  const origin = field.target === 'payload.length' ? offsets.payload : start;
  const least = Math.max(offsets.payload, start + 1) - origin;
  const limits = { least, most: LONGEST, usual: template.length - origin };
  const keys = ['target', 'counter', 'random', 'list'] as const;
  checkKeys(name, field, 'list' in field ? [...keys, ...ORDER_KEYS] : keys);
  if (keys.filter((key) => key in field).length !== 2) {
    throw invalidArgument(name, 'one with one of counter, random, list', field);
  }
  if ('list' in field && field.list === 'imix') {
    if (field.weights !== undefined) {
      throw invalidArgument(`${name}.weights`, "left out with 'imix'", field.weights);
    }
    const lengths = imixOf(template).map((length) => length + start);
    const choice = choose(name, { ...field, weights: IMIX.weights }, lengths.length, place);
    return { lengths: Uint32Array.from(lengths), choice, raised: true };
  }
  const { lengths, choice } =
    'list' in field
      ? listed(name, field, limits, place)
      : 'counter' in field
        ? counted(`${name}.counter`, field.counter, limits)
        : drawn(`${name}.random`, field.random, limits, place);
  return { lengths: Uint32Array.from(lengths, (length) => length + origin), choice, raised: false };
}

/** Where the outermost layer begins: behind the offload header. */
const startOf = ({ offsets }: Template) => (offsets.offload < 0 ? 0 : OFFLOAD_HEADER);

function imixOf({ _stack: [outermost] }: Template): readonly number[] {
  if (outermost === undefined) return IMIX.datagram;
  const { name } = outermost.protocol;
  return name === 'ipv4' || name === 'ipv6' ? IMIX.ip : IMIX.ethernet;
}

interface Limits {
  /** bytes that the headers need */
  least: number;
  most: number;
  /** those of the template */
  usual: number;
}

interface Chosen {
  lengths: number[];
  choice: Choice;
}

function listed(
  name: string,
  field: Extract<LengthField, { list: unknown }>,
  { least, most }: Limits,
  place: number,
): Chosen {
  const { list } = field;
  if (!Array.isArray(list) || list.length === 0) {
    throw invalidArgument(`${name}.list`, "'imix', or an array that is not empty", list);
  }
  const lengths = list.map((length, i) => checkInteger(`${name}.list[${i}]`, length, least, most));
  return { lengths, choice: choose(name, field, list.length, place) };
}

function counted(
  name: string,
  counter: Extract<LengthField, { counter: unknown }>['counter'],
  { least, most, usual }: Limits,
): Chosen {
  checkKeys(name, counter, ['start', 'step', 'count', 'last', 'every']);
  const { start = usual, step = 1, count, last } = counter;
  const first = checkInteger(`${name}.start`, start, least, most);
  const stride = checkInteger(`${name}.step`, step, -most, most);
  let size: number;
  if (last !== undefined) {
    if (count !== undefined) throw invalidArgument(name, 'one with either count or last', counter);
    const end = checkInteger(`${name}.last`, last, least, most);
    if (stride === 0 || (end - first) * stride < 0) {
      throw outOfRange(`${name}.last`, `reached from ${first} by steps of ${stride}`, last);
    }
    size = Math.floor((end - first) / stride) + 1;
  } else if (count === undefined) {
    throw invalidArgument(name, 'one with count or last', counter);
  } else {
    size = checkInteger(`${name}.count`, count, 1, LONGEST);
  }
  checkInteger(`the last length of ${name}`, first + stride * (size - 1), least, most);
  const lengths = Array.from({ length: size }, (_, i) => first + i * stride);
  const { every } = counter;
  return { lengths, choice: choose(name, every === undefined ? {} : { every }, size, 0) };
}

function drawn(
  name: string,
  random: Extract<LengthField, { random: unknown }>['random'],
  { least, most, usual }: Limits,
  place: number,
): Chosen {
  checkKeys(name, random, ['min', 'max', 'step', 'seed', 'every']);
  const min = checkInteger(`${name}.min`, random.min ?? usual, least, most);
  const max = checkInteger(`${name}.max`, random.max, min, most);
  const step = checkInteger(`${name}.step`, random.step ?? 1, 1, most);
  const size = Math.floor((max - min) / step) + 1;
  const lengths = Array.from({ length: size }, (_, i) => min + i * step);
  const source = new RandomSource(seedOf(name, random.seed, place), 0n, BigInt(size));
  return { lengths, choice: { source: held(name, source, random), weights: null } };
}
