import { PROTOCOL, readWord } from '../packets/checksum.js';
import { ETHERTYPE, linkPayload } from '../packets/dissect.js';
import type { Dissection } from '../packets/dissect-ip.js';

/**
 * Why addresses of a frame stay as they are although addresses are rewritten:
 *
 * - `arp`: ARP and RARP, with the IP and MAC addresses in them
 * - `neighbourDiscovery`: ICMPv6 router and neighbour messages, with the addresses in them and in
 *   their options
 * - `icmpError`: ICMP and ICMPv6 errors, which quote the packet that they are about
 * - `controlMessage`: other messages that hold addresses: ICMP router discovery, IGMP, MLD, OSPF, PIM,
 *   VRRP, EIGRP, RSVP, mobility headers, HIP
 * - `tunnel`: a packet or frame in IP (IP in IP, GRE, EtherIP, L2TP, MPLS, PIM Register) or in UDP at a
 *   known port (VXLAN, GENEVE, GTP-U, L2TP, Teredo, GUE, GRE, MPLS)
 * - `encrypted`: ESP, which may hold a packet
 * - `ipOptions`: IPv4 options with addresses (source routes, record route, timestamps), IPv6 routing
 *   headers, home addresses
 * - `mpls`, `pppoe`, `llc`: frames of MPLS, PPPoE, or with a length in place of a type (LLC, SNAP)
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

const ETHERTYPES: Record<number, NotRewrittenKind> = {
  [ETHERTYPE.ipv4]: 'malformed',
  [ETHERTYPE.ipv6]: 'malformed',
  2054: 'arp',
  32821: 'arp',
  34887: 'mpls',
  34888: 'mpls',
  34915: 'pppoe',
  34916: 'pppoe',
};
/** Smaller numbers in its place are lengths. */
const LEAST_ETHERTYPE = 0x600;

/** These hold MAC addresses, which stay as well. */
const WITH_MAC_ADDRESSES: readonly NotRewrittenKind[] = ['arp', 'neighbourDiscovery'];

/** The kinds that a frame is of, when so much is changed. */
export function notRewritten(
  frame: Uint8Array,
  linkType: number,
  found: Dissection | null,
  changes: { ip: boolean; ethernet: boolean },
): NotRewrittenKind[] {
  if (!changes.ip && !changes.ethernet) return [];
  const kinds = found === null ? [linkKind(frame, linkType)] : packetKinds(frame, found);
  return changes.ip ? kinds : kinds.filter((kind) => WITH_MAC_ADDRESSES.includes(kind));
}

function linkKind(frame: Uint8Array, linkType: number): NotRewrittenKind {
  const type = linkPayload(frame, linkType)?.type;
  if (type === undefined) return 'other';
  return type < LEAST_ETHERTYPE ? 'llc' : (ETHERTYPES[type] ?? 'other');
}

function packetKinds(frame: Uint8Array, found: Dissection): NotRewrittenKind[] {
  const kinds: NotRewrittenKind[] = found.addressesInOptions ? ['ipOptions'] : [];
  const carried = carriedKind(frame, found);
  return carried === null ? kinds : [...kinds, carried];
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

function carriedKind(frame: Uint8Array, found: Dissection): NotRewrittenKind | null {
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
