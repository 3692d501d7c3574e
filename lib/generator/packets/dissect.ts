import { readWord } from './checksum.js';
import { type Dissection, dissectIpv4, dissectIpv6 } from './dissect-ip.js';

export const ETHERTYPE = { ipv4: 0x0800, ipv6: 0x86dd } as const;
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
