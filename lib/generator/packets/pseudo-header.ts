import { fold, PROTOCOL, readWord, sumWords } from './checksum.js';
import type { Dissection } from './dissect-ip.js';

/** A checksum of what IP carries, in a captured frame. */
export interface TransportChecksum {
  at: number;
  /** how much it covers, from the transport header; may be more than was captured, or than there is */
  covered: number;
  /** the length in the pseudo header; null: it has no pseudo header */
  pseudoLength: number | null;
  /** 0xffff stands for 0, which is not allowed, or says that there is no checksum (RFC 768, RFC 3828) */
  zero: 'a sum' | 'not allowed' | 'none';
}

interface Message {
  frame: Uint8Array;
  /** where it begins, and its bytes by the IP header */
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
 * How the checksum of a protocol is made, by its IP protocol number. Everything that a way depends
 * on lies before the checksum. Where there are several ways in the world, the usual one is first.
 */
const WAYS: Record<number, (message: Message) => Way[]> = {
  // ICMP, IGMP
  1: () => [{ offset: 2, pseudoLength: null }],
  2: () => [{ offset: 2, pseudoLength: null }],
  [PROTOCOL.tcp]: () => [{ offset: 16 }],
  [PROTOCOL.udp]: ({ frame, at, length }) => {
    const said = readWord(frame, at + 4) || length; // none: a jumbogram (RFC 2675)
    return [{ offset: 6, covered: said, pseudoLength: said, zero: 'none' }];
  },
  // DCCP (RFC 4340, 9.1): the header, and as many words as it says, less one
  33: ({ frame, at, length }) => {
    const words = (frame[at + 5] as number) & 0xf;
    const header = (frame[at + 4] as number) * 4;
    return [{ offset: 6, covered: words === 0 ? length : header + (words - 1) * 4 }];
  },
  // ICMPv6
  58: ({ family }) => (family === 6 ? [{ offset: 2 }] : []),
  // OSPF: version 3 has a pseudo header over both families (RFC 5340, RFC 7949). Version 2, over
  // IPv4, leaves its authentication out, and has no addresses in its checksum. With an
  // authentication trailer behind the message there is no checksum (RFC 7166, 4.2).
  89: ({ frame, at, length, family }) => {
    if (family === 4 && frame[at] !== 3) return [];
    const said = readWord(frame, at + 2);
    const zero = said < length ? 'none' : 'a sum';
    return [{ offset: 12, covered: said, pseudoLength: said, zero }];
  },
  // PIM (RFC 7761, 4.9): of a Register message the header only, but not by everybody
  103: ({ frame, at, length, family }) => {
    const way = (covered: number) => ({
      offset: 2,
      covered,
      pseudoLength: family === 6 ? covered : null,
    });
    const register = ((frame[at] as number) & 0xf) === 1;
    return register ? [way(8), way(length)] : [way(length)];
  },
  // VRRP: version 2 has no pseudo header; version 3 has one over IPv6, and over IPv4 by RFC 5798,
  // but not by RFC 9568. CARP has none, and is no version 3 over IPv6 either.
  112: ({ frame, at, family }) => {
    const [usual, without] = [{ offset: 6 }, { offset: 6, pseudoLength: null }];
    const third = (frame[at] as number) >> 4 === 3;
    if (third === (family === 6)) return [third ? usual : without];
    return [usual, without];
  },
  // Mobility header (RFC 6275, 6.1.1) and HIP (RFC 7401, 5.1.1): their length is their own
  135: ownLength,
  139: ownLength,
  // UDP-Lite (RFC 3828): in place of the length there is how much is covered
  136: ({ frame, at, length }) => {
    return [{ offset: 6, covered: readWord(frame, at + 4) || length, zero: 'not allowed' }];
  },
};

function ownLength({ frame, at }: Message): Way[] {
  const length = ((frame[at + 1] as number) + 1) * 8;
  return [{ offset: 4, covered: length, pseudoLength: length }];
}

/** The checksum of what the packet carries, if it is known and was captured; otherwise null. */
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

/** Whether all that the checksum covers is in the frame, itself included. */
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

/** The sum of the addresses in the pseudo header: where the packet comes from and ends up. */
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
