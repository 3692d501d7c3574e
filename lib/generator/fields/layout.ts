import { fold } from '../packets/checksum.js';
import { type Checksum, finished, inLength, widthOf, writeChecksums } from '../packets/coverage.js';
import { lengthsOfLayers } from '../packets/lengths.js';
import { batch, type Writer } from './batch.js';
import { ChecksumWriter, outerOf, withOuter } from './checksum-writer.js';
import { FieldWriter, keptBytes, sumOf } from './field-writer.js';
import type { Payloads } from './payloads.js';
import { type ShapeNumbers, ShapeSource, type ShapeSpec, Shapes, ShapeWriter } from './shapes.js';
import { StillSums } from './still-sums.js';
import {
  type Covering,
  type Draft,
  refuseOverlap,
  refuseParts,
  type Target,
  targetAt,
} from './targets.js';

/** What packets of a template are made by. */
export interface Compiled {
  shapes: Shapes;
  writers: readonly Writer[];
  checksums: readonly ChecksumWriter[];
  /** the packet that buffers are laid with */
  initial: Buffer;
  /** where the bytes that are 0 in each packet begin, to its end */
  zeros: number;
}

/** A field that follows the shape of the packet: a length of a layer, or a checksum that no other field touches. */
interface Follower {
  target: Target;
  covering: readonly Covering[];
  /** for each shape */
  values: ArrayLike<number>;
}

/**
 * Works out what does not change: the bytes that buffers are laid with, and for each shape the lengths of layers and
 * the sums to which the values of fields are added.
 * @param bytes as long as the longest packet; becomes the first one
 * @param parts where fields are
 */
export function layOut(
  draft: Draft,
  spec: ShapeSpec,
  bytes: Buffer,
  parts: readonly Target[],
  writers: readonly FieldWriter[],
): Compiled {
  const { template, checksums } = draft;
  const { lengths, payloads } = spec;
  const at = template.offsets.payload;
  const shapes = new Shapes(spec, at);
  batch.reserve(checksums.length);
  const followers = followersOf(draft, lengths, parts);
  for (const { target, values } of followers) lay(bytes, target, values[0] as number);
  if (payloads !== null) layPayload(bytes, payloads, at, parts);
  writeChecksums(
    bytes,
    0,
    checksums.map((one) => inLength(one, lengths[0] as number)),
  );

  const varying = followers.filter(({ values }) => isVaried(values));
  const ofShape = withOuter(checksums, [
    ...indicesOf(varying),
    ...[...checksums.keys()].filter((index) =>
      isOfShape(checksums[index] as Checksum, spec, bytes, at),
    ),
  ]);
  // A CRC is worked out of each packet, so what covers it is, too.
  const crcs = ofShape.filter((index) => checksums[index]?.kind !== 'internet');
  const touched = withOuter(checksums, [...indicesOf(writers), ...crcs]);
  const due = [...new Set([...touched, ...ofShape])].sort((a, b) => a - b);
  const still = Buffer.from(bytes);
  for (const { target } of [...writers, ...varying]) clear(still, target);
  for (const index of due) {
    const checksum = checksums[index] as Checksum;
    still.fill(0, checksum.at, checksum.at + widthOf(checksum));
  }
  if (payloads !== null) still.fill(0, at);
  const sums = new StillSums(still, payloads, at);
  const written: ChecksumWriter[] = [];
  for (const index of due) {
    const checksum = checksums[index] as Checksum;
    const isSum = checksum.kind === 'internet';
    const bases = isSum ? basesOf(index, checksum, sums, lengths, varying) : new Uint16Array(1);
    if (isSum && !touched.includes(index)) varying.push(followerOf(checksums, index, bases));
    else written.push(new ChecksumWriter(checksums, index, bases, lengths));
  }
  const following = followingWriters(varying);
  const ends = parts.map((part) => part.at + part.width);
  return {
    shapes,
    writers: [...following, ...writers],
    checksums: written,
    initial: bytes,
    zeros: payloads !== null ? bytes.length : Math.max(at, lastNonZero(bytes) + 1, ...ends),
  };
}

/** The fields that hold another length than in the template, or one for each shape. */
function followersOf(draft: Draft, lengths: Uint32Array, parts: readonly Target[]): Follower[] {
  const { template, checksums } = draft;
  const distinct = new Set(lengths).add(template.length);
  if (distinct.size === 1) return [];
  return lengthsOfLayers(template._stack, distinct).map(({ name, at, spec, values }) => {
    const target = targetAt(draft, name, at - spec.at, spec);
    refuseOverlap(name, target, parts);
    refuseParts(target, checksums);
    const { covering } = target;
    // Its part of the sums is in what they begin with.
    const alone = { ...target, covering: [] };
    const all = new Float64Array(lengths.length);
    for (let i = 0; i < all.length; i++) all[i] = values.get(lengths[i] as number) as number;
    return { target: alone, covering, values: all };
  });
}

const isVaried = (values: ArrayLike<number>) =>
  Array.prototype.some.call(values, (value) => value !== values[0]);

const indicesOf = (all: readonly { covering: readonly Covering[] }[]) =>
  all.flatMap(({ covering }) => covering.map(({ checksum }) => checksum));

/** For each shape, the sum of what a checksum covers but for what fields write. */
function basesOf(
  index: number,
  checksum: Checksum,
  sums: StillSums,
  lengths: Uint32Array,
  followers: readonly Follower[],
): Uint16Array {
  const covered = followers.flatMap(({ target, covering, values }) =>
    covering
      .filter((covers) => covers.checksum === index)
      .map(({ odd }) => ({ target, odd, values })),
  );
  return Uint16Array.from(lengths, (length, shape) => {
    let sum = sums.of(checksum, shape, length);
    for (const { target, odd, values } of covered) {
      sum += sumOf(values[shape] as number, target, odd);
    }
    return fold(sum);
  });
}

/** A checksum that is the same in all packets of a shape. */
function followerOf(checksums: readonly Checksum[], index: number, bases: Uint16Array): Follower {
  const checksum = checksums[index] as Checksum;
  const target: Target = {
    name: 'a checksum',
    at: checksum.at,
    width: 2,
    bits: 16,
    shift: 0,
    address: null,
    littleEndian: false,
    covering: [],
  };
  const covering = outerOf(checksums, index);
  return { target, covering, values: bases.map((sum) => finished(sum, checksum)) };
}

function followingWriters(followers: readonly Follower[]): Writer[] {
  const usual: ShapeNumbers[] = [];
  const writers: Writer[] = [];
  for (const { target, values } of followers) {
    const { at, width, bits, littleEndian } = target;
    if (width === 2 && bits === 16 && !littleEndian) usual.push({ at, values });
    else writers.push(new FieldWriter(target, new ShapeSource(batch.shapes, values, width)));
  }
  if (usual.length > 0) writers.push(new ShapeWriter(usual));
  return writers;
}

/** Whether a checksum is another one in each shape, even where no field has changed. */
function isOfShape(
  { kind, toEnd, pseudo }: Checksum,
  { lengths, payloads }: ShapeSpec,
  bytes: Uint8Array,
  payloadAt: number,
): boolean {
  if (lengths.length === 1) return false;
  if (payloads !== null) return true;
  if (!toEnd) return false;
  const shortest = lengths.reduce((least, length) => Math.min(least, length));
  return (
    kind !== 'internet' || pseudo !== null || lastNonZero(bytes) >= Math.max(shortest, payloadAt)
  );
}

/** Writes a number into a packet, beside the bits that others have there. */
function lay(bytes: Buffer, target: Target, value: number): void {
  const { at, width, shift, littleEndian } = target;
  const kept = keptBytes(target);
  const shifted = BigInt(value) << BigInt(shift);
  for (let j = 0; j < width; j++) {
    const right = littleEndian ? j : width - 1 - j;
    const byte = Number((shifted >> BigInt(8 * right)) & 0xffn);
    bytes[at + j] = ((bytes[at + j] as number) & (kept[j] as number)) | byte;
  }
}

function clear(bytes: Buffer, target: Target): void {
  for (const [j, kept] of keptBytes(target).entries()) {
    bytes[target.at + j] = (bytes[target.at + j] as number) & kept;
  }
}

/** Lays the first payload. Where fields are, all payloads are 0: those are written over them. */
function layPayload(
  bytes: Buffer,
  { bytes: all, starts }: Payloads,
  at: number,
  parts: readonly Target[],
): void {
  for (const part of parts) {
    if (part.at < at) continue;
    for (let i = 0; i < starts.length - 1; i++) {
      const place = (starts[i] as number) + part.at - at;
      all.fill(0, place, place + part.width);
    }
  }
  bytes.fill(0, at);
  bytes.set(all.subarray(starts[0], starts[1]), at);
}

/** The last byte that is not 0, or -1. */
function lastNonZero(bytes: Uint8Array): number {
  let at = bytes.length - 1;
  while (at >= 0 && bytes[at] === 0) at--;
  return at;
}
