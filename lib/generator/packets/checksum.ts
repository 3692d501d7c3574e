/** IP protocol numbers of the transports that are made and rewritten. */
export const PROTOCOL = { tcp: 6, udp: 17 } as const;

/**
 * The ones' complement sum of the 16-bit words of `bytes` from `start` to `end`, an odd last byte
 * padded with zero, added to `sum`; not folded (RFC 1071).
 */
export function sumWords(bytes: Uint8Array, start: number, end: number, sum = 0): number {
  let total = sum;
  const even = end - ((end - start) & 1);
  for (let i = start; i < even; i += 2) {
    total += ((bytes[i] as number) << 8) | (bytes[i + 1] as number);
  }
  if (even < end) total += (bytes[even] as number) << 8;
  return total;
}

/** Folds the carries of a sum below 2^53 into 16 bits. */
export function fold(sum: number): number {
  let folded = sum;
  while (folded > 0xffff) folded = (folded & 0xffff) + Math.floor(folded / 0x1_0000);
  return folded;
}

/**
 * The checksum after the sum of what it covers has changed by `difference`, which may be negative:
 * `HC' = ~(~HC + ~m + m')` (RFC 1624, equation 3), where `difference` is the sum of all `m' - m`. A
 * change of 0 that is written as 0xffff would turn a checksum of 0xffff into the other zero, so the
 * change is brought below 0xffff: what has not changed keeps its checksum.
 */
export function shifted(checksum: number, difference: number): number {
  let sum = (~checksum & 0xffff) + (((difference % 0xffff) + 0xffff) % 0xffff);
  sum = (sum & 0xffff) + (sum >>> 16);
  sum = (sum & 0xffff) + (sum >>> 16);
  return ~sum & 0xffff;
}

/** A UDP checksum of 0 means that there is none, so 0xffff stands for it (RFC 768, RFC 8200). */
export function udpChecksum(checksum: number): number {
  return checksum === 0 ? 0xffff : checksum;
}

/** The big-endian 16-bit number at `at`. */
export function readWord(bytes: Uint8Array, at: number): number {
  return ((bytes[at] as number) << 8) | (bytes[at + 1] as number);
}

/** Writes the low 16 bits of `word` big-endian. */
export function writeWord(bytes: Uint8Array, at: number, word: number): void {
  bytes[at] = word >>> 8;
  bytes[at + 1] = word;
}

/** Where an IPv4 header that begins at `ip` ends, by its own length. */
export function ipv4HeaderEnd(bytes: Uint8Array, ip: number): number {
  return ip + 4 * ((bytes[ip] as number) & 0xf);
}

/** Computes the checksum of the IPv4 header that begins at `ip`, and writes it. */
export function writeIpv4Checksum(bytes: Uint8Array, ip: number): void {
  writeWord(bytes, ip + 10, 0);
  writeWord(bytes, ip + 10, ~fold(sumWords(bytes, ip, ipv4HeaderEnd(bytes, ip))) & 0xffff);
}
