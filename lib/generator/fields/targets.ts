import { describe, invalidArgument } from '../../base/errors.js';
import { checkInteger } from '../../base/validate.js';
import { rangeError } from '../base/errors.js';
import { checkBoolean, checkKeys } from '../base/validate.js';
import type { AddressKind } from '../packets/addresses.js';
import type { Checksum } from '../packets/coverage.js';
import { OFFLOAD_HEADER } from '../packets/offload.js';
import { type FieldSpec, fieldsOf, type Layer } from '../packets/protocol.js';
import { PROTOCOLS } from '../packets/protocols/index.js';
import type { Template } from '../packets/template.js';
import type { Place } from './fields.js';

/** A checksum that covers something, by its place in the list of the template. */
export interface Covering {
  checksum: number;
  /** what it covers begins in the second half of one of its words */
  odd: boolean;
}

/** Where a field is, in bits. */
export interface Target {
  name: string;
  /** offset of its first byte from the beginning of the buffer */
  at: number;
  /** bytes that are read and written */
  width: number;
  /** of those, how many bits are the field's, and how many are to the right of it */
  bits: number;
  shift: number;
  address: AddressKind | null;
  /** the first byte has the lowest bits */
  littleEndian: boolean;
  covering: readonly Covering[];
}

/** A packet whose fields are yet to be found. */
export interface Draft {
  template: Template;
  /** bytes of the shortest packet, offload header included: a field has to be in each */
  shortest: number;
  /** those of the template, and those that fields have asked for */
  checksums: readonly Checksum[];
}

const NAME = /^([a-z]\w*)(?:\[(\d+)\])?(?:\.(\w+))?$/i;
const WIDEST = 8;

export function badField(message: string): RangeError {
  return rangeError('ERR_ZEROSEND_FIELD', message);
}

/**
 * Finds a field in a template, and which checksums cover it.
 * @throws TypeError `ERR_ZEROSEND_INVALID_ARGUMENT`; RangeError `ERR_ZEROSEND_FIELD`,
 * `ERR_ZEROSEND_OUT_OF_RANGE`
 */
export function resolveTarget(name: string, draft: Draft, target: unknown): Target {
  const resolved =
    typeof target === 'string' ? namedTarget(name, draft, target) : placed(name, draft, target);
  refuseParts(resolved, draft.checksums);
  return resolved;
}

function placed(name: string, draft: Draft, target: unknown): Target {
  const { template, shortest } = draft;
  checkKeys(name, target, ['layer', 'offset', 'width', 'littleEndian']);
  const { layer, offset, width, littleEndian = false } = target as Place;
  const start = startOf(`${name}.layer`, template, layer);
  checkInteger(`${name}.offset`, offset, 0, Math.max(shortest, template.length) - 1);
  checkInteger(`${name}.width`, width, 1, WIDEST);
  checkBoolean(`${name}.littleEndian`, littleEndian);
  const span = { at: offset, width, littleEndian };
  const resolved = targetAt(draft, `${layer} ${offset}+${width}`, start, span);
  refuseFixed(template, resolved);
  refuseBorders(template, resolved);
  return resolved;
}

function namedTarget(name: string, draft: Draft, target: string): Target {
  const { template } = draft;
  const [, , , field = ''] = NAME.exec(target) ?? [];
  const layer = layerOf(template, target);
  if (layer === null) throw badField(`${target} is not in the packet`);
  const fields: Readonly<Record<string, FieldSpec>> = layer ? fieldsOf(layer) : {};
  const spec = Object.hasOwn(fields, field) ? fields[field] : undefined;
  if (layer === undefined || spec === undefined) {
    const known = template._stack.flatMap((one) =>
      Object.keys(fieldsOf(one)).map((other) => `${one.label}.${other}`),
    );
    throw invalidArgument(name, `one of ${known.join(', ')}, or a place`, target);
  }
  const what = workedOut(template, layer, field, spec);
  if (what !== null) throw badField(`${target} would change the ${what} of ${layer.label}`);
  return targetAt(draft, target, layer.at, spec);
}

/** The layer that a name begins with; null: it is not in the packet; undefined: there is none such. */
function layerOf(template: Template, name: string): Layer | null | undefined {
  // The second tag has a name of its own, too.
  const [, kind = '', index = '0'] = NAME.exec(name.replace(/^innerVlan\b/, 'vlan[1]')) ?? [];
  const layers = template._stack.filter(({ protocol }) => protocol.name === kind);
  if (layers.length === 0 && !Object.hasOwn(PROTOCOLS, kind)) return undefined;
  return layers[Number(index)] ?? null;
}

/** Where a layer begins, by its name. */
export function startOf(name: string, template: Template, layer: unknown): number {
  const { offsets } = template;
  if (layer === 'packet') return offsets.offload >= 0 ? OFFLOAD_HEADER : 0;
  if (layer === 'payload') return offsets.payload;
  const found = typeof layer === 'string' ? layerOf(template, layer) : undefined;
  if (found === undefined) {
    const known = ['packet', ...template._stack.map(({ label }) => label), 'payload'];
    throw invalidArgument(name, `one of ${known.join(', ')}`, layer);
  }
  if (found === null) throw badField(`the packet has no ${layer}`);
  return found.at;
}

type Span = Pick<FieldSpec, 'at' | 'width' | 'bits' | 'shift' | 'address' | 'littleEndian'>;

/** A part of a packet, which has to be in the shortest one as well. */
export function targetAt(draft: Draft, name: string, start: number, span: Span): Target {
  const { width, bits = width * 8, shift = 0, address = null, littleEndian = false } = span;
  const { shortest, checksums } = draft;
  const at = start + span.at;
  const end = at + width;
  if (end > shortest) {
    throw badField(`${name} ends ${end - shortest} bytes behind the packet, or the shortest one`);
  }
  const covering = coveringOf(checksums, at, width);
  return { name, at, width, bits, shift, address, littleEndian, covering };
}

/** The checksums that cover bytes of a packet. */
export function coveringOf(checksums: readonly Checksum[], at: number, width: number): Covering[] {
  const overlaps = (from: number, to: number) => at < to && at + width > from;
  return checksums.flatMap(({ from, to, toEnd, pseudo, partial }, checksum) => {
    if (pseudo) {
      const { source, destination, bytes } = pseudo;
      const begins = [source, destination].find((begin) => overlaps(begin, begin + bytes));
      if (begins !== undefined) return { checksum, odd: ((at - begins) & 1) === 1 };
    }
    if (partial || !overlaps(from, toEnd ? Number.POSITIVE_INFINITY : to)) return [];
    return { checksum, odd: ((at - from) & 1) === 1 };
  });
}

/** What a field is that the rest of the packet depends on; null: it may change. */
function workedOut(
  { _checksums }: Template,
  { values }: Layer,
  name: string,
  spec: FieldSpec,
): string | null {
  // Whether it is given or not, a pseudo header was made by it.
  if (spec.fixed === 'destination')
    return _checksums.some(({ pseudo }) => pseudo) ? spec.fixed : null;
  const given = values[name];
  if (given !== undefined && given !== true) return null;
  return spec.checksum === undefined ? (spec.fixed ?? null) : 'checksum';
}

/** Throws for a field that has bits in common with an earlier one: it would be there in vain. */
export function refuseOverlap(name: string, target: Target, others: readonly Target[]): void {
  const [from, to] = bitsOf(target);
  const other = others.find((one) => {
    const [begin, end] = bitsOf(one);
    return begin < to && end > from;
  });
  if (other === undefined) return;
  throw badField(`${name}: ${target.name} has bits in common with ${other.name}, another field`);
}

/** The bits of the packet that a field writes. */
function bitsOf({ at, width, bits, shift }: Target): [number, number] {
  const end = (at + width) * 8 - shift;
  return [end - bits, end];
}

/** Throws for bytes that others depend on: lengths, protocols, checksums. */
function refuseFixed(template: Template, target: Target): void {
  const end = target.at + target.width;
  for (const layer of template._stack) {
    for (const [name, spec] of Object.entries(fieldsOf(layer))) {
      const begin = layer.at + spec.at;
      if (target.at >= begin + spec.width || end <= begin) continue;
      const what = workedOut(template, layer, name, spec);
      if (what !== null)
        throw badField(`${target.name} would change the ${what} of ${layer.label}`);
    }
  }
}

/** Throws for a number that is partly in one layer, and partly in another. */
function refuseBorders({ _stack: layers, offsets }: Template, target: Target): void {
  const border = [...layers.map(({ at }) => at), offsets.payload].find((at) => splits(target, at));
  if (border !== undefined) throw crossing(target, border);
}

/**
 * Throws for a number of which a sum covers a part only. A transport's covers the addresses, and not what is
 * beside them: options, say. A CRC sees all bytes anew.
 */
export function refuseParts(target: Target, checksums: readonly Checksum[]): void {
  const border = borderWithin(target, checksums);
  if (border !== undefined) throw crossing(target, border);
}

/** A place within these bytes where what a sum covers begins or ends. */
export function borderWithin(
  bytes: Pick<Target, 'at' | 'width'>,
  checksums: readonly Checksum[],
): number | undefined {
  const borders = checksums.flatMap(({ kind, from, to, toEnd, pseudo, partial }) => {
    if (kind !== 'internet') return [];
    const own = partial ? [] : [from, ...(toEnd ? [] : [to])];
    if (pseudo === null) return own;
    const { source, destination, bytes: size } = pseudo;
    const apart = source + size === destination ? [] : [source + size, destination];
    return [...own, source, ...apart, destination + size];
  });
  return borders.find((at) => splits(bytes, at));
}

const splits = ({ at, width }: Pick<Target, 'at' | 'width'>, border: number) =>
  border > at && border < at + width;

function crossing({ name, at, width }: Target, border: number): RangeError {
  return badField(
    `${name} crosses the border at byte ${border} of the packet; use two fields ` +
      `(${describe(at + width - border)} bytes are behind it)`,
  );
}
