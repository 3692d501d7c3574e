import type { CapturedFrame } from '../captures/captured-frame.js';
import { PROTOCOL, readWord, writeWord } from '../packets/checksum.js';
import { LINKTYPE_ETHERNET, linkPayload } from '../packets/dissect.js';
import type { Dissection } from '../packets/dissect-ip.js';
import { ETHERNET_HEADER } from '../packets/protocols/ethernet.js';
import type { Rewriter } from './rewrite.js';

/** Why frames of a capture were left out: how many, and where in the file the first one is. */
export interface Skipped {
  /**
   * Why: the end was not captured, longer than the socket sends, no Ethernet frame (for a packet or
   * XDP socket), or without UDP payload (for a UDP socket).
   */
  reason: 'snapped' | 'too long' | 'no Ethernet frame' | 'no UDP payload';
  /** What it is about these frames, where that is known; others of the same reason are counted apart. */
  detail?: string;
  /** How many were left out. */
  frames: number;
  /** Where in the file the first of them begins, in bytes. */
  firstOffset: number;
  /** How many bytes the longest of them has. */
  longest: number;
}

/** The reason why a frame is left out. */
export class Unsendable {
  constructor(
    readonly reason: Skipped['reason'],
    readonly detail?: string,
  ) {}
}

/** What a frame is sent as, and how many bytes of that are not an offload header. */
export interface Made {
  bytes: Uint8Array;
  length: number;
}

/** A copy of the frame, with an Ethernet header before it where it has none but could have. */
export function withEthernet(frame: CapturedFrame, rewriter: Rewriter): Uint8Array | Unsendable {
  if (frame.linkType === LINKTYPE_ETHERNET) return Uint8Array.from(frame.bytes);
  const { header } = rewriter;
  const link = linkPayload(frame.bytes, frame.linkType);
  const without = (why: string) => new Unsendable('no Ethernet frame', why);
  if (link === null) {
    return without(`link type ${frame.linkType}, of which no IP packet could be taken`);
  }
  if (header === null) {
    return without(
      `link type ${frame.linkType}: rewrite.ethernet has to say source and destination`,
    );
  }
  const payload = frame.bytes.subarray(link.at);
  const type = typeOrLength(link.type, frame.originalLength - link.at);
  if (type === null) return without(`link type ${frame.linkType}: not what Ethernet carries`);
  const bytes = new Uint8Array(ETHERNET_HEADER + payload.length);
  bytes.set(header.destination, 0);
  bytes.set(header.source, 6);
  writeWord(bytes, 12, type);
  bytes.set(payload, ETHERNET_HEADER);
  return bytes;
}

const LEAST_TYPE = 0x600;
const LONGEST_PAYLOAD = 1500;
/** What Linux has for the EtherType of frames that have none: raw 802.3, and 802.2 (if_ether.h). */
const TYPELESS = [0x0001, 0x0004];

/** What an Ethernet header says; null for what Ethernet does not carry. */
function typeOrLength(type: number, length: number): number | null {
  if (type >= LEAST_TYPE) return type;
  return TYPELESS.includes(type) && length <= LONGEST_PAYLOAD ? length : null;
}

const UDP_HEADER = 8;

/**
 * What a UDP socket sends of a packet.
 * @param most bytes of a send
 */
export function payloadOf(
  bytes: Uint8Array,
  found: Dissection | null,
  most: number,
): Made[] | Unsendable {
  const none = new Unsendable('no UDP payload');
  if (found === null || found.protocol !== PROTOCOL.udp || found.fragment || found.transport < 0) {
    return none;
  }
  const there = Math.min(found.end, bytes.length);
  if (found.transport + UDP_HEADER > there) return none;
  // A datagram may end before its packet; one that says that it ends behind it is cut off there.
  const said = readWord(bytes, found.transport + 4);
  const end = said < UDP_HEADER ? there : Math.min(found.transport + said, there);
  const payload = bytes.subarray(found.transport + UDP_HEADER, end);
  if (payload.length === 0) return none;
  if (payload.length > most) return new Unsendable('too long');
  return [{ bytes: payload, length: payload.length }];
}
