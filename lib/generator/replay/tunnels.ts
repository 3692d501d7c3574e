import { fold, PROTOCOL, readWord, shifted, sumWords, writeWord } from '../packets/checksum.js';
import type { Dissection } from '../packets/dissect-ip.js';
import type { Layers } from './layers.js';

/** Rewrites what is within a packet. */
type Walk = (rewriter: Layers) => void;

/** A packet that ends where the one that holds it does, and where its content begins. */
type Place = (packet: Uint8Array, at: number) => Walk | null;

const UDP_HEADER = 8;
const IP = {
  icmp: 1,
  ipv4: 4,
  ipv6: 41,
  gre: 47,
  icmpv6: 58,
  etherIp: 97,
  mpls: 137,
  ethernet: 143,
};

/** Tunnels by IP protocol. */
const TUNNELS: Readonly<Record<number, Place>> = {
  [IP.ipv4]: (packet, at) => packetAt(packet, at, 4),
  [IP.ipv6]: (packet, at) => packetAt(packet, at, 6),
  [IP.gre]: gre,
  [IP.etherIp]: (packet, at) =>
    (packet[at] as number) >> 4 === 3 ? frameAt(packet, at + 2) : null,
  [IP.mpls]: (packet, at) => labelsAt(packet, at),
  [IP.ethernet]: frameAt,
};

/** Tunnels by UDP port: what follows the header of UDP. */
const PORTS: Readonly<Record<number, Place>> = {
  4754: greInUdp,
  4789: (packet, at) => frameAt(packet, at + 8), // VXLAN
  6081: geneve,
  6635: labelsAt,
  8472: (packet, at) => frameAt(packet, at + 8), // VXLAN, as Linux has it by default
};

const packetAt = (packet: Uint8Array, at: number, family: 4 | 6): Walk => {
  return (rewriter) =>
    rewriter.inside('tunnel', (inner) => inner.packet(packet, at, family, packet.length));
};

function frameAt(packet: Uint8Array, at: number): Walk {
  const frame = packet.subarray(at);
  return (rewriter) => rewriter.inside('tunnel', (inner) => inner.innerFrame(frame, frame.length));
}

function labelsAt(packet: Uint8Array, at: number): Walk {
  return (rewriter) => rewriter.labels(packet, at, packet.length);
}

function payloadAt(packet: Uint8Array, at: number, type: number): Walk {
  return (rewriter) =>
    rewriter.inside('tunnel', (inner) => inner.payload(packet, at, type, packet.length));
}

/** RFC 2784 and RFC 2890; not its version 1, which carries PPP, nor source routes. */
function gre(packet: Uint8Array, at: number): Walk | null {
  const flags = readWord(packet, at);
  if ((flags & 0x4007) !== 0) return null;
  const words = [0x8000, 0x2000, 0x1000].filter((bit) => flags & bit).length;
  return payloadAt(packet, at + 4 + 4 * words, readWord(packet, at + 2));
}

/** RFC 8086: its checksum is not one over IP, so it is kept as right as it was here. */
function greInUdp(packet: Uint8Array, at: number): Walk | null {
  const walk = gre(packet, at);
  const checksum = at + 4;
  const has = ((packet[at] ?? 0) & 0x80) !== 0 && checksum + 2 <= packet.length;
  if (walk === null || !has) return walk;
  return (rewriter) => {
    const before = sumWords(packet, at, packet.length);
    walk(rewriter);
    const change = sumWords(packet, at, packet.length) - before;
    writeWord(packet, checksum, shifted(readWord(packet, checksum), change));
    const end = at - UDP_HEADER + readWord(packet, at - 4);
    const whole = end > checksum && end <= packet.length;
    if (!rewriter.rules.mends || !whole || fold(sumWords(packet, at, end)) === 0xffff) return;
    writeWord(packet, checksum, 0);
    writeWord(packet, checksum, ~fold(sumWords(packet, at, end)) & 0xffff);
  };
}

/** RFC 8926. */
function geneve(packet: Uint8Array, at: number): Walk | null {
  if (at + 8 > packet.length) return null;
  const options = 4 * ((packet[at] as number) & 0x3f);
  return payloadAt(packet, at + 8 + options, readWord(packet, at + 2));
}

/** What a packet holds that has addresses of its own and is understood; null: nothing of the kind. */
export function contentOf(packet: Uint8Array, found: Dissection): Walk | null {
  const { transport: at, protocol, family } = found;
  if (at < 0 || at + 4 > packet.length) return null;
  if (protocol === IP.icmp && family === 4) return quotedIpv4(packet, at);
  if (protocol === IP.icmpv6 && family === 6) return quotedIpv6(packet, at);
  if (protocol !== PROTOCOL.udp) return TUNNELS[protocol]?.(packet, at) ?? null;
  const place = PORTS[readWord(packet, at + 2)] ?? PORTS[readWord(packet, at)];
  return at + UDP_HEADER > packet.length ? null : (place?.(packet, at + UDP_HEADER) ?? null);
}

const ICMP_ERRORS = [3, 4, 5, 11, 12];
const REDIRECT = 5;
const ICMPV6_ERRORS = [1, 2, 3, 4];

/** What an error quotes is behind 8 bytes; extensions may follow it (RFC 4884). */
function quotedIpv4(packet: Uint8Array, at: number): Walk | null {
  if (!ICMP_ERRORS.includes(packet[at] as number)) return null;
  const walk = quoted(packet, at, 4, 4 * (packet[at + 5] ?? 0));
  if (packet[at] !== REDIRECT || at + 8 > packet.length) return walk;
  return (rewriter) => {
    rewriter.rules.addresses.rewrite(packet, at + 4, 4); // the better gateway
    quoted(packet, at, 4, 0)(rewriter);
  };
}

function quotedIpv6(packet: Uint8Array, at: number): Walk | null {
  if (!ICMPV6_ERRORS.includes(packet[at] as number)) return null;
  // Only those of types 1 and 3 say a length.
  const said = packet[at] === 1 || packet[at] === 3 ? 8 * (packet[at + 4] ?? 0) : 0;
  return quoted(packet, at, 6, said);
}

function quoted(packet: Uint8Array, at: number, family: 4 | 6, said: number): Walk {
  const quote = said > 0 ? packet.subarray(0, at + 8 + said) : packet;
  return (rewriter) =>
    rewriter.inside('icmpError', (inner) => inner.packet(quote, at + 8, family, quote.length));
}
