import { checkInteger, checkOneOf } from '../../base/validate.js';
import { checkKeys } from '../base/validate.js';
import { type Checksum, widthOf } from '../packets/coverage.js';
import { outerOf } from './checksum-writer.js';
import type { ChecksumField } from './fields.js';
import { badField, type Draft, resolveTarget, startOf, type Target } from './targets.js';

const KINDS = ['internet', 'crc32c', 'crc32'] as const;

/**
 * Reads a checksum over a range that the user names.
 * @throws TypeError `ERR_ZEROSEND_INVALID_ARGUMENT`; RangeError `ERR_ZEROSEND_FIELD`, `ERR_ZEROSEND_OUT_OF_RANGE`
 */
export function readChecksum(
  name: string,
  draft: Draft,
  field: ChecksumField,
): { part: Target; checksum: Checksum } {
  checkKeys(name, field, ['target', 'checksum']);
  const range = checkKeys(`${name}.checksum`, field.checksum, [
    'kind',
    'layer',
    'offset',
    'length',
  ]);
  const kind = checkOneOf(`${name}.checksum.kind`, range.kind, KINDS);
  const part = resolveTarget(`${name}.target`, draft, field.target);
  const { template, shortest } = draft;
  const start = startOf(`${name}.checksum.layer`, template, range.layer);
  const { offset = 0, length } = range;
  const from = start + checkInteger(`${name}.checksum.offset`, offset, 0, shortest - start);
  const toEnd = length === undefined;
  const to = toEnd
    ? template.length
    : from + checkInteger(`${name}.checksum.length`, length, 1, shortest - from);
  const { at, littleEndian } = part;
  const none = { pseudo: null, zeroIsNone: false, partial: false };
  const checksum: Checksum = { at, from, to, toEnd, kind, littleEndian, ...none };
  const width = widthOf(checksum);
  if (part.width !== width || part.bits !== 8 * width) {
    throw badField(`${name}.target: a checksum of kind ${kind} needs ${width} bytes`);
  }
  return { part, checksum };
}

/**
 * Checksums from the inside out: each behind those that it covers.
 * @throws RangeError `ERR_ZEROSEND_FIELD` where two cover each other
 */
export function sorted(checksums: readonly Checksum[]): Checksum[] {
  const order: number[] = [];
  const open = checksums.map((_, index) => index);
  const outer = checksums.map((_, index) =>
    outerOf(checksums, index).map(({ checksum }) => checksum),
  );
  while (open.length > 0) {
    const next = open.find((one) => !open.some((other) => outer[other]?.includes(one)));
    if (next === undefined) {
      throw badField(
        `checksums at bytes ${open.map((one) => checksums[one]?.at).join(', ')} cover each other`,
      );
    }
    order.push(next);
    open.splice(open.indexOf(next), 1);
  }
  return order.map((index) => checksums[index] as Checksum);
}
