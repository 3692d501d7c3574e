import { readWord } from './checksum.js';
import { type Dissection, dissectIpv4, dissectIpv6 } from './dissect-ip.js';

/** What follows an Ethernet header, as far as it is looked into. */
export const ETHERTYPE = {
  ipv4: 0x0800,
  arp: 0x0806,
  ethernet: 0x6558, // Transparent Ethernet Bridging
  rarp: 0x8035,
  ipv6: 0x86dd,
  mpls: 0x8847,
  mplsMulticast: 0x8848,
  pppoeDiscovery: 0x8863,
  pppoe: 0x8864,
} as const;
/** EtherTypes of VLAN tags. */
export const TAGS = [0x8100, 0x88a8, 0x9100];

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
  // PPP, by itself or as in HDLC, and PPPoE without Ethernet
  9: ppp,
  50: (frame) => (frame[0] === 0x0f || frame[0] === 0x8f ? cisco(frame) : ppp(frame)),
  51: () => ({ at: 0, type: ETHERTYPE.pppoe }),
  104: cisco,
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

const PPP_TYPES: Readonly<Record<number, number>> = {
  33: ETHERTYPE.ipv4,
  87: ETHERTYPE.ipv6,
  641: ETHERTYPE.mpls,
};

/** RFC 1661 and RFC 1662: address and control may stand before the protocol, which may have one byte. */
function ppp(frame: Uint8Array): { at: number; type: number } | null {
  const at = frame[0] === 0xff && frame[1] === 3 ? 2 : 0;
  if (at + 2 > frame.length) return null;
  const short = ((frame[at] as number) & 1) === 1;
  const type = PPP_TYPES[short ? (frame[at] as number) : readWord(frame, at)];
  return type === undefined ? null : { at: at + (short ? 1 : 2), type };
}

/** Cisco HDLC: address, control, EtherType. */
function cisco(frame: Uint8Array): { at: number; type: number } | null {
  return frame.length < 4 ? null : { at: 4, type: readWord(frame, 2) };
}

function ethernet(frame: Uint8Array): { at: number; type: number } | null {
  let at = 12;
  while (at + 6 <= frame.length && TAGS.includes(readWord(frame, at))) at += 4;
  return at + 2 <= frame.length ? { at: at + 2, type: readWord(frame, at) } : null;
}

/**
 * Finds IP and what it carries; null for anything else, or where it is cut off or malformed.
 * @param wireLength bytes that the frame had; more than there are where its end was not captured
 */
export function dissect(
  frame: Uint8Array,
  linkType: number,
  wireLength = frame.length,
): Dissection | null {
  const link = linkPayload(frame, linkType);
  if (link?.type === ETHERTYPE.ipv4) return dissectIpv4(frame, link.at, wireLength);
  if (link?.type === ETHERTYPE.ipv6) return dissectIpv6(frame, link.at, wireLength);
  return null;
}
