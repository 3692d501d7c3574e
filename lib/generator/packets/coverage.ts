import { fold, sumWords, udpChecksum, writeWord } from './checksum.js';
import { crc32c } from './crc32c.js';
import { misfit } from './misfit.js';
import { fieldsOf, type Layer, numberOf } from './protocol.js';

/** A checksum of a packet that is worked out, and what it covers; offsets from the first byte. */
export interface Checksum {
  at: number;
  /** what it covers beside the pseudo header */
  from: number;
  to: number;
  kind: 'internet' | 'crc32c';
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
      const to = layer.at + layer.header + (checksum.covers === 'all' ? layer.content : 0);
      found.push({
        at: layer.at + at,
        from: layer.at,
        to,
        kind: checksum.kind,
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
    const sum = (numberOf(layer, 'ip') ?? 0) + (length & 0xffff) + (length >>> 16);
    return { source: below.at + addresses.source, destination, bytes, sum };
  }
  throw misfit(`${layer.label} needs ipv4 or ipv6 below it, whose addresses its checksum covers`);
}

/** Works out the checksums of the packet at `base` from its bytes. */
export function writeChecksums(bytes: Uint8Array, base: number, checksums: readonly Checksum[]) {
  for (const checksum of checksums) {
    const { at, from, to, kind, pseudo, zeroIsNone, partial } = checksum;
    if (kind === 'crc32c') {
      writeCrc(bytes, base, checksum);
      continue;
    }
    const sum = pseudo === null ? 0 : pseudoSum(bytes, base, pseudo);
    if (partial) {
      writeWord(bytes, base + at, fold(sum));
      continue;
    }
    writeWord(bytes, base + at, 0);
    const value = ~fold(sumWords(bytes, base + from, base + to, sum)) & 0xffff;
    writeWord(bytes, base + at, zeroIsNone ? udpChecksum(value) : value);
  }
}

/** Works out a CRC-32C: it is little-endian, the one number of a packet that is (RFC 9260, appendix A). */
export function writeCrc(bytes: Uint8Array, base: number, { at, from, to }: Checksum): void {
  bytes.fill(0, base + at, base + at + 4);
  const crc = crc32c(bytes, base + from, base + to);
  for (let i = 0; i < 4; i++) bytes[base + at + i] = crc >>> (8 * i);
}

function pseudoSum(bytes: Uint8Array, base: number, pseudo: PseudoHeader): number {
  const source = base + pseudo.source;
  const destination = base + pseudo.destination;
  const sum = sumWords(bytes, source, source + pseudo.bytes, pseudo.sum);
  return sumWords(bytes, destination, destination + pseudo.bytes, sum);
}
