import { fold, PROTOCOL, readWord, sumWords } from './checksum.js';
import type { Dissection } from './dissect-ip.js';

/** A checksum of what IP carries, in a captured frame. */
export interface TransportChecksum {
  at: number;
  /**
   * how many bytes it covers, from the transport header on; they may be more than were captured, or than
   * the packet has
   */
  covered: number;
  /** the length that stands in the pseudo header; null where the checksum has no pseudo header */
  pseudoLength: number | null;
  /**
   * what a checksum of 0 is: a sum like any other, or not allowed, so that 0xffff stands for it
   * (RFC 3828), or the sign that there is no checksum (RFC 768)
   */
  zero: 'a sum' | 'not allowed' | 'none';
}

interface Message {
  frame: Uint8Array;
  /** where the message begins in the frame, and how many bytes it has by the IP header */
  at: number;
  length: number;
  family: 4 | 6;
}

interface Way {
  offset: number;
  /** default: the whole message */
  covered?: number;
  /** default: the whole message; null: without a pseudo header */
  pseudoLength?: number | null;
  /** default: a sum as any other */
  zero?: TransportChecksum['zero'];
}

/**
 * The ways in which the checksum of a protocol is made, by IP protocol number. A way is chosen by bytes
 * that stand before the checksum, so they have been captured where the checksum has. Where senders
 * differ, the usual way comes first.
 */
const WAYS: Record<number, (message: Message) => Way[]> = {
  // ICMP and IGMP have no pseudo header.
  1: () => [{ offset: 2, pseudoLength: null }],
  2: () => [{ offset: 2, pseudoLength: null }],
  [PROTOCOL.tcp]: () => [{ offset: 16 }],
  [PROTOCOL.udp]: ({ frame, at, length }) => {
    const said = readWord(frame, at + 4) || length; // none: a jumbogram (RFC 2675)
    return [{ offset: 6, covered: said, pseudoLength: said, zero: 'none' }];
  },
  // DCCP covers the header, and of the data as many words as its field CsCov says, less one (RFC 4340, 9.1).
  33: ({ frame, at, length }) => {
    const words = (frame[at + 5] as number) & 0xf;
    const header = (frame[at + 4] as number) * 4;
    return [{ offset: 6, covered: words === 0 ? length : header + (words - 1) * 4 }];
  },
  // GRE has a checksum where its first bit says so, over all of it (RFC 2784).
  47: ({ frame, at }) => ((frame[at] as number) & 0x80 ? [{ offset: 4, pseudoLength: null }] : []),
  // ICMPv6 has one, and is carried by IPv6 alone.
  58: ({ family }) => (family === 6 ? [{ offset: 2 }] : []),
  // OSPF version 3 has a pseudo header over both families (RFC 5340, RFC 7949), and no checksum where an
  // authentication trailer follows the message (RFC 7166, 4.2). The checksum of version 2 leaves out the
  // authentication and depends on no address, so rewriting leaves it right.
  89: ({ frame, at, length, family }) => {
    if (family === 4 && frame[at] !== 3) return [];
    const said = readWord(frame, at + 2);
    const zero = said < length ? 'none' : 'a sum';
    return [{ offset: 12, covered: said, pseudoLength: said, zero }];
  },
  // PIM covers only the header of a Register message (RFC 7761, 4.9), but some senders cover all of it.
  103: ({ frame, at, length, family }) => {
    const way = (covered: number) => ({
      offset: 2,
      covered,
      pseudoLength: family === 6 ? covered : null,
    });
    const register = ((frame[at] as number) & 0xf) === 1;
    return register ? [way(8), way(length)] : [way(length)];
  },
  // VRRP version 3 has a pseudo header over IPv6; over IPv4 RFC 5798 asks for one, and RFC 9568 for none.
  // Version 2 has none. Nor has CARP, which shares the protocol number and never says version 3.
  112: ({ frame, at, family }) => {
    const [usual, without] = [{ offset: 6 }, { offset: 6, pseudoLength: null }];
    const third = (frame[at] as number) >> 4 === 3;
    if (third === (family === 6)) return [third ? usual : without];
    return [usual, without];
  },
  // A mobility header (RFC 6275, 6.1.1) and HIP (RFC 7401, 5.1.1) say their length themselves.
  135: ownLength,
  139: ownLength,
  // UDP-Lite says how much is covered where UDP says its length (RFC 3828).
  136: ({ frame, at, length }) => {
    return [{ offset: 6, covered: readWord(frame, at + 4) || length, zero: 'not allowed' }];
  },
};

function ownLength({ frame, at }: Message): Way[] {
  const length = ((frame[at + 1] as number) + 1) * 8;
  return [{ offset: 4, covered: length, pseudoLength: length }];
}

/** The checksum of what the packet carries; null where its protocol is unknown or it was not captured. */
export function transportChecksum(frame: Uint8Array, found: Dissection): TransportChecksum | null {
  const { transport: at, end, family, protocol } = found;
  if (at < 0) return null;
  const length = end - at;
  const known = WAYS[protocol]?.({ frame, at, length, family }) ?? [];
  const ways = known.map((way) => ({
    at: at + way.offset,
    covered: way.covered ?? length,
    pseudoLength: way.pseudoLength === undefined ? length : way.pseudoLength,
    zero: way.zero ?? 'a sum',
  }));
  const [usual] = ways;
  if (usual === undefined || usual.at + 2 > Math.min(end, frame.length)) return null;
  if (ways.length === 1) return usual;
  return ways.find((way) => isComplete(frame, found, way) && isRight(frame, found, way)) ?? usual;
}

/** Whether the frame has all that the checksum covers, and the checksum itself. */
export function isComplete(
  frame: Uint8Array,
  found: Dissection,
  { at, covered, pseudoLength }: TransportChecksum,
): boolean {
  const there = found.end - found.transport;
  const end = found.transport + covered;
  if (found.fragment || covered > there || (pseudoLength ?? 0) > there) return false;
  return at + 2 <= end && end <= frame.length;
}

/** Whether the checksum of a complete message is right. */
export function isRight(
  frame: Uint8Array,
  found: Dissection,
  checksum: TransportChecksum,
): boolean {
  return sumOf(frame, found, checksum) === 0xffff;
}

/** The folded sum of pseudo header and message, the checksum included. */
export function sumOf(
  frame: Uint8Array,
  found: Dissection,
  { covered, pseudoLength }: TransportChecksum,
): number {
  const pseudo = pseudoLength === null ? 0 : pseudoHeader(frame, found, pseudoLength);
  return fold(sumWords(frame, found.transport, found.transport + covered, pseudo));
}

/** The sum of a pseudo header (RFC 768, RFC 8200 section 8.1); not folded. */
export function pseudoHeader(frame: Uint8Array, found: Dissection, length: number): number {
  const words = (length & 0xffff) + (length >>> 16);
  return pseudoAddresses(frame, found) + found.protocol + words;
}

/**
 * The sum of the addresses in the pseudo header: those of the first sender and of the last destination,
 * which a home address or a routing header tells where the IP header does not.
 */
export function pseudoAddresses(frame: Uint8Array, found: Dissection): number {
  const size = found.family === 4 ? 4 : 16;
  const header = found.ip + (found.family === 4 ? 12 : 8);
  const source = found.home >= 0 ? found.home : header;
  const destination = Uint8Array.from(frame.subarray(header + size, header + 2 * size));
  for (const { at, kept } of found.routes) {
    destination.set(frame.subarray(at, at + size - kept), kept);
  }
  return sumWords(destination, 0, size, sumWords(frame, source, source + size));
}
