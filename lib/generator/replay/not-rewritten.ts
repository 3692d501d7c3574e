import { PROTOCOL, readWord } from '../packets/checksum.js';
import type { Dissection } from '../packets/dissect-ip.js';

/**
 * Why addresses of a frame stay as they are although addresses are rewritten. What of these is understood
 * is rewritten, inside and out, and is not counted:
 *
 * - `arp`: ARP and RARP but of IPv4 over Ethernet, or with MAC addresses that are not those of the frame
 * - `neighbourDiscovery`: ICMPv6 router and neighbour messages that are damaged, or have options that are
 *   not known
 * - `icmpError`: ICMP and ICMPv6 errors whose quoted packet cannot be read
 * - `controlMessage`: other messages that hold addresses: ICMP router discovery, IGMP, MLD, OSPF, PIM,
 *   VRRP, EIGRP, RSVP, mobility headers, HIP
 * - `tunnel`: a tunnel whose content cannot be read, or of a kind that is not looked into: L2TP, PIM
 *   Register, PPTP, and at a known UDP port GTP-U, Teredo, GUE, VXLAN-GPE
 * - `encrypted`: ESP, which may hold a packet
 * - `ipOptions`: IPv4 options with addresses (source routes, record route, timestamps), IPv6 routing
 *   headers, home addresses
 * - `mpls`, `pppoe`, `llc`: frames of MPLS, PPPoE, or with a length in place of a type (LLC) with anything
 *   but IP or Ethernet in them
 * - `malformed`: an IP header that is cut off or cannot be
 * - `other`: any other EtherType or IP protocol
 */
export type NotRewrittenKind =
  | 'arp'
  | 'neighbourDiscovery'
  | 'icmpError'
  | 'controlMessage'
  | 'tunnel'
  | 'encrypted'
  | 'ipOptions'
  | 'mpls'
  | 'pppoe'
  | 'llc'
  | 'malformed'
  | 'other';

/** Frames by kind; a kind that there is none of is left out. */
export type NotRewritten = Partial<Record<NotRewrittenKind, number>>;

/** Smaller numbers in the place of an EtherType are lengths. */
export const LEAST_ETHERTYPE = 0x600;

/** These hold MAC addresses, which stay as well. */
const WITH_MAC_ADDRESSES: readonly NotRewrittenKind[] = ['arp', 'neighbourDiscovery'];

/** Whether a kind is counted when so much is changed. */
export function isCounted(
  kind: NotRewrittenKind,
  changes: { ip: boolean; ethernet: boolean },
): boolean {
  return changes.ip || (changes.ethernet && WITH_MAC_ADDRESSES.includes(kind));
}

const PIM = 103;

/** By IP protocol number; null: nothing with an address that the library would know of. */
const PROTOCOLS: Record<number, NotRewrittenKind | null> = {
  2: 'controlMessage', // IGMP
  4: 'tunnel', // IPv4
  [PROTOCOL.tcp]: null,
  [PROTOCOL.udp]: null,
  33: null, // DCCP
  41: 'tunnel', // IPv6
  46: 'controlMessage', // RSVP
  47: 'tunnel', // GRE
  50: 'encrypted', // ESP
  55: 'tunnel', // minimal encapsulation
  59: null, // nothing
  88: 'controlMessage', // EIGRP
  89: 'controlMessage', // OSPF
  94: 'tunnel', // IPIP
  97: 'tunnel', // EtherIP
  98: 'tunnel', // ENCAP
  [PIM]: 'controlMessage',
  112: 'controlMessage', // VRRP
  115: 'tunnel', // L2TP
  135: 'controlMessage', // mobility header
  136: null, // UDP-Lite
  137: 'tunnel', // MPLS
  139: 'controlMessage', // HIP
  143: 'tunnel', // Ethernet
};

const UDP_PORTS: Record<number, NotRewrittenKind> = {
  1701: 'tunnel', // L2TP
  2152: 'tunnel', // GTP-U
  3544: 'tunnel', // Teredo
  4500: 'encrypted', // ESP in UDP
  4754: 'tunnel', // GRE in UDP
  4789: 'tunnel', // VXLAN
  4790: 'tunnel', // VXLAN with other protocols
  6080: 'tunnel', // GUE
  6081: 'tunnel', // GENEVE
  6635: 'tunnel', // MPLS in UDP
  8472: 'tunnel', // VXLAN, as Linux has it by default
};

/** What a packet is counted as whose content is not rewritten; null: there are no addresses in it. */
export function carriedKind(frame: Uint8Array, found: Dissection): NotRewrittenKind | null {
  const { transport: at, protocol, family } = found;
  // A later fragment has no header that would tell; the first one is counted.
  if (at < 0 || at + 4 > Math.min(found.end, frame.length)) return null;
  const first = frame[at] as number;
  if (protocol === 1 && family === 4) return icmpKind(first);
  if (protocol === 58 && family === 6) return icmpv6Kind(first);
  if (protocol === PIM && (first & 0xf) === 1) return 'tunnel'; // Register
  if (protocol === PROTOCOL.udp) {
    return UDP_PORTS[readWord(frame, at + 2)] ?? UDP_PORTS[readWord(frame, at)] ?? null;
  }
  const kind = PROTOCOLS[protocol];
  return kind === undefined ? 'other' : kind;
}

/** Echo and timestamp messages have no addresses. */
const ICMP_WITHOUT = [0, 8, 13, 14];
const ICMP_ERRORS = [3, 4, 5, 11, 12];

function icmpKind(type: number): NotRewrittenKind | null {
  if (ICMP_ERRORS.includes(type)) return 'icmpError';
  return ICMP_WITHOUT.includes(type) ? null : 'controlMessage';
}

function icmpv6Kind(type: number): NotRewrittenKind | null {
  if (type < 128) return 'icmpError';
  if (type === 128 || type === 129) return null; // echo
  const discovery = (type >= 133 && type <= 137) || type === 141 || type === 142;
  return discovery ? 'neighbourDiscovery' : 'controlMessage';
}
