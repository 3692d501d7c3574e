import { crc32 } from 'node:zlib';
import { fold, sumWords, udpChecksum, writeWord } from './checksum.js';
import { crc32c } from './crc32c.js';
import { misfit } from './misfit.js';
import { type ChecksumSpec, fieldsOf, type Layer, numberOf } from './protocol.js';

export type ChecksumKind = ChecksumSpec['kind'];

/** A checksum of a packet that is worked out, and what it covers; offsets from the first byte. */
export interface Checksum {
  at: number;
  /** what it covers beside the pseudo header */
  from: number;
  to: number;
  /** it covers all up to the end of the packet, however long that is */
  toEnd: boolean;
  kind: ChecksumKind;
  littleEndian: boolean;
  pseudo: PseudoHeader | null;
  zeroIsNone: boolean;
  /** only the pseudo header is summed: kernel or device do the rest */
  partial: boolean;
}

/** Addresses that belong to a sum, and what is added to them: protocol and length. */
export interface PseudoHeader {
  source: number;
  destination: number;
  /** of an address */
  bytes: number;
  sum: number;
}

/**
 * The checksums that are worked out, from the inside out: one further out may cover one further in.
 * @param offloaded the layer whose checksum kernel or device finish
 */
export function checksumsOf(layers: readonly Layer[], offloaded: Layer | null): Checksum[] {
  const found: Checksum[] = [];
  for (const layer of [...layers].reverse()) {
    for (const [name, { at, checksum }] of Object.entries(fieldsOf(layer))) {
      const given = layer.values[name];
      if (checksum === undefined || (given !== undefined && given !== true)) continue;
      const toEnd = checksum.covers === 'all';
      const to = layer.at + layer.header + (toEnd ? layer.content : 0);
      found.push({
        at: layer.at + at,
        from: layer.at,
        to,
        toEnd,
        kind: checksum.kind,
        littleEndian: checksum.kind !== 'internet',
        pseudo: checksum.pseudoHeader ? pseudoHeaderOf(layer, to - layer.at) : null,
        zeroIsNone: checksum.zeroIsNone ?? false,
        partial: layer === offloaded,
      });
    }
  }
  return found;
}

/** The pseudo header of the nearest IP header below (RFC 768, RFC 9293, RFC 8200 section 8.1). */
function pseudoHeaderOf(layer: Layer, length: number): PseudoHeader {
  let destination: number | undefined;
  for (let below = layer.below; below !== null; below = below.below) {
    const addresses = below.protocol.addresses?.(below);
    if (addresses?.destination !== undefined) destination ??= below.at + addresses.destination;
    if (addresses?.source === undefined || destination === undefined) continue;
    const { bytes } = addresses;
    const sum = (numberOf(layer, 'ip') ?? 0) + lengthSum(length);
    return { source: below.at + addresses.source, destination, bytes, sum };
  }
  throw misfit(`${layer.label} needs ipv4 or ipv6 below it, whose addresses its checksum covers`);
}

/** A length as a pseudo header adds it, whose upper half is 0 in short packets. */
const lengthSum = (length: number) => (length & 0xffff) + (length >>> 16);

/** The same checksum in a packet of another length: where it ends, and the length in its pseudo header. */
export function inLength(checksum: Checksum, length: number): Checksum {
  const { from, to, toEnd, pseudo } = checksum;
  if (!toEnd) return checksum;
  const sum = pseudo && pseudo.sum - lengthSum(to - from) + lengthSum(length - from);
  return { ...checksum, to: length, pseudo: pseudo && { ...pseudo, sum: sum as number } };
}

/** Bytes of a checksum. */
export const widthOf = ({ kind }: Checksum) => (kind === 'internet' ? 2 : 4);

/** Works out the checksums of the packet at `base` from its bytes. */
export function writeChecksums(bytes: Uint8Array, base: number, checksums: readonly Checksum[]) {
  for (const checksum of checksums) {
    const { at, from, to, kind, pseudo, partial } = checksum;
    if (kind !== 'internet') {
      writeCrc(bytes, base, checksum, to);
      continue;
    }
    writeWord(bytes, base + at, 0);
    const sum = pseudo === null ? 0 : pseudoSum(bytes, base, pseudo);
    const all = partial ? sum : sumWords(bytes, base + from, base + to, sum);
    writeWord(bytes, base + at, finished(fold(all), checksum));
  }
}

/** The word that is written where all that is covered has this sum, of 16 bits. */
export function finished(sum: number, { partial, zeroIsNone, littleEndian }: Checksum): number {
  if (partial) return sum;
  const value = ~sum & 0xffff;
  const word = zeroIsNone ? udpChecksum(value) : value;
  return littleEndian ? swapped(word) : word;
}

/** A 16-bit number with its bytes the other way round. */
const swapped = (word: number) => ((word & 0xff) << 8) | (word >>> 8);

/** Works out a CRC, whose own bytes count as 0 where it covers them. */
export function writeCrc(bytes: Uint8Array, base: number, checksum: Checksum, to: number): void {
  const { at, from, kind, littleEndian } = checksum;
  bytes.fill(0, base + at, base + at + 4);
  const crc = CRC[kind as keyof typeof CRC](bytes, base + from, base + to);
  for (let i = 0; i < 4; i++) bytes[base + at + i] = crc >>> (8 * (littleEndian ? i : 3 - i));
}

const CRC = {
  crc32c,
  crc32: (bytes: Uint8Array, start: number, end: number) => crc32(bytes.subarray(start, end)),
};

function pseudoSum(bytes: Uint8Array, base: number, pseudo: PseudoHeader): number {
  const source = base + pseudo.source;
  const destination = base + pseudo.destination;
  const sum = sumWords(bytes, source, source + pseudo.bytes, pseudo.sum);
  return sumWords(bytes, destination, destination + pseudo.bytes, sum);
}
