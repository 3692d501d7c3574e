import { readWord } from './checksum.js';

/** Where the parts of a captured frame are, as far as they were captured. -1: not there. */
export interface Dissection {
  /** the IP header, and which */
  ip: number;
  family: 4 | 6;
  protocol: number;
  /** the header that the protocol says, of the first fragment */
  transport: number;
  /** the end of the IP packet: behind it an Ethernet frame is padded */
  end: number;
  /** a part of an IP packet only */
  fragment: boolean;
}

export const PROTOCOL = { tcp: 6, udp: 17, icmpv6: 58 } as const;
const ETHERTYPE = { ipv4: 0x0800, ipv6: 0x86dd };
const TAGS = [0x8100, 0x88a8, 0x9100];

/** Where the IP packet begins and which EtherType it has, by LINKTYPE_ number. */
const LINKS: Record<number, (frame: Uint8Array) => { at: number; type: number } | null> = {
  // BSD loopback: the address family, in the byte order of the machine or of the network
  0: (frame) => byVersion(frame, 4),
  108: (frame) => byVersion(frame, 4),
  1: ethernet,
  12: (frame) => byVersion(frame, 0),
  14: (frame) => byVersion(frame, 0),
  101: (frame) => byVersion(frame, 0),
  228: () => ({ at: 0, type: ETHERTYPE.ipv4 }),
  229: () => ({ at: 0, type: ETHERTYPE.ipv6 }),
  // Linux "cooked", versions 1 and 2
  113: (frame) => (frame.length < 16 ? null : { at: 16, type: readWord(frame, 14) }),
  276: (frame) => (frame.length < 20 ? null : { at: 20, type: readWord(frame, 0) }),
};

export const LINKTYPE_ETHERNET = 1;

/** The payload of the link layer: where it begins and its EtherType; null where neither is known. */
export function linkPayload(
  frame: Uint8Array,
  linkType: number,
): { at: number; type: number } | null {
  return LINKS[linkType]?.(frame) ?? null;
}

function byVersion(frame: Uint8Array, at: number): { at: number; type: number } | null {
  const version = (frame[at] ?? 0) >> 4;
  if (version === 4) return { at, type: ETHERTYPE.ipv4 };
  return version === 6 ? { at, type: ETHERTYPE.ipv6 } : null;
}

function ethernet(frame: Uint8Array): { at: number; type: number } | null {
  let at = 12;
  while (at + 6 <= frame.length && TAGS.includes(readWord(frame, at))) at += 4;
  return at + 2 <= frame.length ? { at: at + 2, type: readWord(frame, at) } : null;
}

/** Finds IP and what it carries; null for anything else, or where it is cut off or malformed. */
export function dissect(frame: Uint8Array, linkType: number): Dissection | null {
  const link = linkPayload(frame, linkType);
  if (link?.type === ETHERTYPE.ipv4) return dissectIpv4(frame, link.at);
  if (link?.type === ETHERTYPE.ipv6) return dissectIpv6(frame, link.at);
  return null;
}

function dissectIpv4(frame: Uint8Array, ip: number): Dissection | null {
  if (ip + 20 > frame.length) return null;
  const header = ((frame[ip] as number) & 0xf) * 4;
  const total = readWord(frame, ip + 2);
  if ((frame[ip] as number) >> 4 !== 4 || header < 20 || total < header) return null;
  const flags = readWord(frame, ip + 6);
  const later = (flags & 0x1fff) !== 0;
  return {
    ip,
    family: 4,
    protocol: frame[ip + 9] as number,
    transport: later || ip + header > frame.length ? -1 : ip + header,
    end: ip + total,
    fragment: later || (flags & 0x2000) !== 0,
  };
}

const HOP_BY_HOP = 0;
const ROUTING = 43;
const FRAGMENT = 44;
const DESTINATION_OPTIONS = 60;

function dissectIpv6(frame: Uint8Array, ip: number): Dissection | null {
  if (ip + 40 > frame.length || (frame[ip] as number) >> 4 !== 6) return null;
  const found: Dissection = {
    ip,
    family: 6,
    protocol: frame[ip + 6] as number,
    transport: ip + 40,
    end: ip + 40 + readWord(frame, ip + 4),
    fragment: false,
  };
  while ([HOP_BY_HOP, ROUTING, FRAGMENT, DESTINATION_OPTIONS].includes(found.protocol)) {
    const at = found.transport;
    if (at + 8 > frame.length) return { ...found, transport: -1 };
    if (found.protocol === FRAGMENT) {
      found.fragment = true;
      if ((readWord(frame, at + 2) & 0xfff8) !== 0) return { ...found, transport: -1 };
    }
    // A source route's final destination is the one in the pseudo header; such frames stay as they
    // are.
    if (found.protocol === ROUTING && frame[at + 3] !== 0) return { ...found, transport: -1 };
    const length = found.protocol === FRAGMENT ? 8 : ((frame[at + 1] as number) + 1) * 8;
    found.protocol = frame[at] as number;
    found.transport = at + length;
  }
  return found;
}

/** Where the checksum over the pseudo header is, if it was captured; -1 if not. */
export function transportChecksumAt(frame: Uint8Array, found: Dissection): number {
  if (found.transport < 0) return -1;
  const offset = { [PROTOCOL.tcp]: 16, [PROTOCOL.udp]: 6, [PROTOCOL.icmpv6]: 2 }[found.protocol];
  if (offset === undefined || (found.protocol === PROTOCOL.icmpv6 && found.family === 4)) return -1;
  const at = found.transport + offset;
  return at + 2 <= Math.min(found.end, frame.length) ? at : -1;
}
