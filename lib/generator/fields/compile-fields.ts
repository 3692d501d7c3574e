import { invalidArgument, outOfRange } from '../../base/errors.js';
import { checkInteger, checkObject } from '../../base/validate.js';
import { checkKeys } from '../base/validate.js';
import { widthOf } from '../packets/coverage.js';
import { LONGEST } from '../packets/stack.js';
import type { Template } from '../packets/template.js';
import { readChecksum, sorted } from './checksum-field.js';
import { choose, held, ORDER_KEYS, orderOf } from './choice.js';
import { FieldWriter } from './field-writer.js';
import type {
  AnyField,
  ChecksumField,
  Field,
  LengthField,
  LinkedFields,
  PayloadField,
} from './fields.js';
import { type Compiled, layOut } from './layout.js';
import { readLengths } from './length-field.js';
import { counterOf, readCounter, readCounting, readList, readRandom, readTime } from './numbers.js';
import { readPayloads } from './payloads.js';
import type { ShapeSpec } from './shapes.js';
import type { Source } from './sources.js';
import {
  badField,
  borderWithin,
  type Draft,
  refuseOverlap,
  refuseParts,
  resolveTarget,
  type Target,
} from './targets.js';

const WAYS = ['counter', 'random', 'list', 'timestamp'] as const;
const MOST_FIELDS = 4096;
/** Of all fields, with each of those that are linked: what all of them add to a sum has to fit 31 bits. */
const MOST_TARGETS = 2 * MOST_FIELDS;

/** A field by its name in errors, and its place in the list. */
interface Named<F> {
  name: string;
  field: F;
  place: number;
}

/**
 * Checks the fields of a template and compiles each to what writes it.
 * @throws TypeError `ERR_ZEROSEND_INVALID_ARGUMENT`; RangeError `ERR_ZEROSEND_FIELD`,
 * `ERR_ZEROSEND_OUT_OF_RANGE`, `ERR_ZEROSEND_INVALID_ADDRESS`; errors of the file system
 */
export function compileFields(template: Template, fields: readonly AnyField[]): Compiled {
  if (fields.length > MOST_FIELDS) {
    throw outOfRange('fields.length', `at most ${MOST_FIELDS}`, fields.length);
  }
  const { shape, named, sums } = sort(fields);
  const spec = shapesOf(template, shape);
  const { lengths, raised } = spec;
  const longest = lengths.reduce((most, length) => Math.max(most, length), 0);
  // Where the shortest is made as long as is needed, fields have to be in the next one.
  const bound = raised ? lengths.subarray(1) : lengths;
  const shortest = bound.reduce((least, length) => Math.min(least, length), longest);
  const initial = Buffer.alloc(Math.max(longest, template.length));
  initial.set(template.bytes);
  const parts: Target[] = [];
  const asked = { template, shortest, checksums: template._checksums };
  const own = sums.map(({ name, field }) => {
    const { part, checksum } = readChecksum(name, asked, field);
    refuseOverlap(`${name}.target`, part, parts);
    parts.push(part);
    return checksum;
  });
  const draft: Draft = { ...asked, checksums: sorted([...template._checksums, ...own]) };
  for (const part of parts) refuseParts(part, draft.checksums);
  for (const one of template._checksums) {
    if (borderWithin({ at: one.at, width: widthOf(one) }, draft.checksums) === undefined) continue;
    throw badField(`a checksum covers only a part of the one at byte ${one.at} of the packet`);
  }
  const writers: FieldWriter[] = [];
  const add: Add = (name, part, source) => {
    if (writers.length === MOST_TARGETS) {
      throw outOfRange('targets of all fields', `at most ${MOST_TARGETS}`, MOST_TARGETS + 1);
    }
    refuseOverlap(name, part, parts);
    parts.push(part);
    writers.push(new FieldWriter(part, source));
  };
  for (const { name, field, place } of named) {
    if ('targets' in field) addLinked(name, field, place, draft, initial, add);
    else addField(name, field, place, draft, initial, add);
  }
  if (raised) {
    const needed = [template.offsets.payload, ...parts.map(({ at, width }) => at + width)];
    for (const { to, toEnd } of own) if (!toEnd) needed.push(to);
    lengths[0] = checkInteger(
      'bytes that headers and fields need',
      Math.max(lengths[0] as number, ...needed),
      1,
      shortest,
    );
  }
  return layOut(draft, spec, initial.subarray(0, longest), parts, writers);
}

type Add = (name: string, part: Target, source: Source) => void;

/** Fields by what they are of. */
function sort(fields: readonly AnyField[]) {
  let shape: Named<LengthField | PayloadField> | null = null;
  const named: Named<Field | LinkedFields>[] = [];
  const sums: Named<ChecksumField>[] = [];
  for (const [place, field] of fields.entries()) {
    const name = `fields[${place}]`;
    checkObject(name, field);
    if ('targets' in field) named.push({ name, field, place });
    else if (isShape(field)) {
      if (shape !== null) {
        throw badField(`${name} says how long packets are, and so does ${shape.name}`);
      }
      shape = { name, field, place };
    } else if ('checksum' in field) sums.push({ name, field, place });
    else named.push({ name, field, place });
  }
  return { shape: shape as Named<LengthField | PayloadField> | null, named, sums };
}

function isShape(field: AnyField): field is LengthField | PayloadField {
  const { target } = field as { target?: unknown };
  return target === 'length' || target === 'payload.length' || target === 'payload';
}

function shapesOf(
  template: Template,
  shape: Named<LengthField | PayloadField> | null,
): ShapeSpec & { raised: boolean } {
  if (shape === null) {
    const lengths = Uint32Array.of(template.length);
    return { lengths, choice: null, payloads: null, raised: false };
  }
  const { name, field, place } = shape;
  if (field.target !== 'payload') {
    return { ...readLengths(name, field, template, place), payloads: null };
  }
  const payloads = readPayloads(name, field);
  const { starts } = payloads;
  const choice = choose(name, field, starts.length - 1, place);
  const { payload } = template.offsets;
  const lengths = Uint32Array.from({ length: starts.length - 1 }, (_, i) => {
    const length = payload + (starts[i + 1] as number) - (starts[i] as number);
    return checkInteger(`bytes of a packet with entry ${i} of ${name}`, length, 1, LONGEST);
  });
  return { lengths, choice, payloads, raised: false };
}

function addField(
  name: string,
  field: Field,
  place: number,
  draft: Draft,
  initial: Buffer,
  add: Add,
): void {
  checkKeys(name, field, ['target', ...WAYS, ...('list' in field ? ORDER_KEYS : [])]);
  const ways = WAYS.filter((way) => way in field);
  if (ways.length !== 1) throw invalidArgument(name, `one with one of ${WAYS.join(', ')}`, field);
  const where = `${name}.target`;
  const target = resolveTarget(where, draft, field.target);
  if ('list' in field) {
    const list = checkList(`${name}.list`, field.list);
    const ordered = orderOf(name, field, list.length, place);
    for (const { part, low, high } of readList((i) => `${name}.list[${i}]`, target, list)) {
      add(where, part, ordered(low, high));
    }
    return;
  }
  const { part, source } =
    'timestamp' in field
      ? readTime(`${name}.timestamp`, target, field.timestamp)
      : 'counter' in field
        ? readCounter(`${name}.counter`, target, field.counter, initial)
        : readRandom(`${name}.random`, target, field.random, initial, place);
  add(where, part, source);
}

function addLinked(
  name: string,
  field: LinkedFields,
  place: number,
  draft: Draft,
  initial: Buffer,
  add: Add,
): void {
  const isList = 'list' in field;
  checkKeys(name, field, ['targets', ...(isList ? ['list', ...ORDER_KEYS] : ['counters'])]);
  const targets = checkList(`${name}.targets`, field.targets).map((target, i) =>
    resolveTarget(`${name}.targets[${i}]`, draft, target),
  );
  const rows = checkList(
    isList ? `${name}.list` : `${name}.counters`,
    isList ? field.list : field.counters,
  );
  if (!isList) {
    addCounters(`${name}.counters`, targets, rows as LinkedCounters, initial, add);
    return;
  }
  for (const [i, row] of rows.entries()) checkRow(`${name}.list[${i}]`, row, targets.length);
  const ordered = orderOf(name, field, rows.length, place);
  for (const [column, target] of targets.entries()) {
    const values = (rows as readonly (readonly unknown[])[]).map((row) => row[column]);
    const nameOf = (i: number) => `${name}.list[${i}][${column}]`;
    for (const { part, low, high } of readList(nameOf, target, values)) {
      add(`${name}.targets[${column}]`, part, ordered(low, high));
    }
  }
}

type LinkedCounters = Extract<LinkedFields, { counters: unknown }>['counters'];

/** Each counts on when the one before it has gone round. */
function addCounters(
  name: string,
  targets: readonly Target[],
  counters: LinkedCounters,
  initial: Buffer,
  add: Add,
): void {
  checkRow(name, counters, targets.length);
  let every = 1;
  for (const [i, target] of targets.entries()) {
    const what = `${name}[${i}]`;
    const counter = counters[i] as LinkedCounters[number];
    checkObject(what, counter);
    if ('every' in counter) throw invalidArgument(what, 'one without every', counter);
    const counting = readCounting(what, target, counter, initial);
    add(name, counting.part, held(name, counterOf(counting), { every }));
    if (i === targets.length - 1) return;
    if (counting.count === 0) throw invalidArgument(what, 'one with count or last', counter);
    every = Math.min(every * counting.count, Number.MAX_SAFE_INTEGER); // packets: it is not reached
  }
}

function checkList(name: string, list: unknown): readonly unknown[] {
  if (Array.isArray(list) && list.length > 0) return list;
  throw invalidArgument(name, 'an array that is not empty', list);
}

function checkRow(name: string, row: unknown, size: number): void {
  if (Array.isArray(row) && row.length === size) return;
  throw invalidArgument(name, `an array of ${size}, one for each target`, row);
}
