import {
  fold,
  ipv4HeaderEnd,
  PROTOCOL,
  readWord,
  shifted,
  sumWords,
  udpChecksum,
  writeIpv4Checksum,
  writeWord,
} from '../packets/checksum.js';
import { ETHERTYPE, LINKTYPE_ETHERNET, linkPayload } from '../packets/dissect.js';
import { type Dissection, dissectIpv4, dissectIpv6 } from '../packets/dissect-ip.js';
import {
  isComplete,
  isRight,
  pseudoAddresses,
  sumOf,
  type TransportChecksum,
  transportChecksum,
} from '../packets/pseudo-header.js';
import { rewriteArp } from './arp-rewrite.js';
import { goesToGroup, goToGroup, solicitsByGroup, solicitTarget } from './groups.js';
import type { Layers, Rules } from './layers.js';
import { rewriteNeighbourDiscovery } from './neighbour-rewrite.js';
import { carriedKind, LEAST_ETHERTYPE, type NotRewrittenKind } from './not-rewritten.js';
import { contentOf } from './tunnels.js';

/** Kinds that say nothing of a packet within another, whose own kind is told in their place. */
const NOT_UNDERSTOOD: readonly NotRewrittenKind[] = ['malformed', 'other', 'llc'];
const IPV4_BYTES = 4;
const IPV6_BYTES = 16;

/**
 * Changes what is in a frame in place, from the inside out: when a header is changed, what it holds has
 * been, so its checksum is updated once, by all that has changed below it. Offsets count from the first
 * byte of what is handed over, which ends with the packet that it is in.
 */
export class LayerRewriter implements Layers {
  readonly rules: Rules;
  readonly kinds: Set<NotRewrittenKind>;

  constructor(rules: Rules, kinds: Set<NotRewrittenKind>) {
    this.rules = rules;
    this.kinds = kinds;
  }

  /** @param end where the frame ended when it was captured, which may be behind what is there */
  link(frame: Uint8Array, linkType: number, end: number): void {
    const { destination } = this.rules.ethernet;
    this.#link(frame, linkType, end, linkType === LINKTYPE_ETHERNET && destination === null);
  }

  innerFrame(frame: Uint8Array, end: number): void {
    if (frame.length >= 12) {
      this.rules.ethernet.within(frame, 0);
      this.rules.ethernet.within(frame, 6);
    }
    this.#link(frame, LINKTYPE_ETHERNET, end, true);
  }

  /** @param follows whether a frame that goes to the group of its packet goes to that of the new address */
  #link(frame: Uint8Array, linkType: number, end: number, follows: boolean): void {
    const payload = linkPayload(frame, linkType);
    if (payload === null) {
      this.kinds.add('other');
      return;
    }
    const { at, type } = payload;
    const family = type === ETHERTYPE.ipv4 ? 4 : type === ETHERTYPE.ipv6 ? 6 : null;
    const group =
      follows &&
      family !== null &&
      goesToGroup(frame, at, family) &&
      !this.rules.ethernet.names(frame, 0);
    this.payload(frame, at, type, end);
    if (group) goToGroup(frame, at, family);
  }

  payload(frame: Uint8Array, at: number, type: number, end: number): void {
    switch (type) {
      case ETHERTYPE.ipv4:
      case ETHERTYPE.ipv6:
        this.packet(frame, at, type === ETHERTYPE.ipv4 ? 4 : 6, end);
        break;
      case ETHERTYPE.arp:
      case ETHERTYPE.rarp:
        rewriteArp(this, frame, at);
        break;
      case ETHERTYPE.mpls:
      case ETHERTYPE.mplsMulticast:
        this.labels(frame, at, end);
        break;
      case ETHERTYPE.pppoe:
        this.#pppoe(frame, at, end);
        break;
      case ETHERTYPE.pppoeDiscovery:
        this.kinds.add('pppoe');
        break;
      case ETHERTYPE.ethernet:
        this.innerFrame(frame.subarray(at), end - at);
        break;
      default:
        if (type >= LEAST_ETHERTYPE) this.kinds.add('other');
        else this.#logicalLink(frame, at, end);
    }
  }

  inside(kind: NotRewrittenKind, walk: (inner: Layers) => void): void {
    const kinds = new Set<NotRewrittenKind>();
    walk(new LayerRewriter(this.rules, kinds));
    for (const inner of kinds) this.kinds.add(NOT_UNDERSTOOD.includes(inner) ? kind : inner);
  }

  /** A stack of labels (RFC 3032): the first four bits behind it tell what it carries (RFC 4928). */
  labels(frame: Uint8Array, at: number, end: number): void {
    let next = at;
    while (next + 4 <= frame.length && ((frame[next + 2] as number) & 1) === 0) next += 4;
    next += 4;
    const version = (frame[next] ?? 0xff) >> 4;
    this.inside('mpls', (inner) => {
      if (version === 4 || version === 6) inner.packet(frame, next, version, end);
      // A control word (RFC 4448), behind which a frame lies.
      else if (version === 0) inner.innerFrame(frame.subarray(next + 4), end - next - 4);
      else inner.kinds.add('other');
    });
  }

  /** RFC 2516 and RFC 1661: the protocol has one byte where that is odd. */
  #pppoe(frame: Uint8Array, at: number, end: number): void {
    const most = at + 6 + (at + 6 <= frame.length ? readWord(frame, at + 4) : 0);
    const session = frame.subarray(0, most);
    const short = ((session[at + 6] ?? 0) & 1) === 1;
    const next = at + (short ? 7 : 8);
    const protocol =
      next > session.length ? -1 : short ? session[at + 6] : readWord(session, at + 6);
    this.inside('pppoe', (inner) => {
      if (protocol === PPP.ipv4) inner.packet(session, next, 4, Math.min(end, most));
      else if (protocol === PPP.ipv6) inner.packet(session, next, 6, Math.min(end, most));
      else if (protocol === PPP.mpls) inner.labels(session, next, Math.min(end, most));
      else inner.kinds.add('other');
    });
  }

  /** IEEE 802.2, of which SNAP says an EtherType (RFC 1042). */
  #logicalLink(frame: Uint8Array, at: number, end: number): void {
    const snap = SNAP.every((byte, i) => frame[at + i] === byte) && at + 8 <= frame.length;
    if (!snap) this.kinds.add('llc');
    else this.inside('llc', (inner) => inner.payload(frame, at + 8, readWord(frame, at + 6), end));
  }

  packet(frame: Uint8Array, at: number, family: 4 | 6, end: number): void {
    const found = family === 4 ? dissectIpv4(frame, at, end) : dissectIpv6(frame, at, end);
    if (found === null) {
      this.kinds.add('malformed');
      return;
    }
    if (found.addressesInOptions) this.kinds.add('ipOptions');
    const packet = frame.subarray(0, Math.min(found.end, frame.length));
    const carried = transportChecksum(packet, found);
    const header = new HeaderSums(packet, found, carried);
    const [source, destination] = header.addresses;
    const solicits =
      isNeighbourDiscovery(packet, found) && solicitsByGroup(packet, destination, found.transport);
    const content = this.#rewriteContent(packet, found, carried);
    const { addresses } = this.rules;
    addresses.rewrite(packet, source, family);
    const isRuled = addresses.rewrite(packet, destination, family);
    if (solicits && !isRuled) solicitTarget(packet, destination, found.transport);
    const ports = this.#rewritePorts(packet, found);
    if (family === 4) {
      const checksum = readWord(packet, at + 10);
      writeWord(packet, at + 10, shifted(checksum, header.change()));
      if (this.rules.mends) mendHeader(packet, at);
    }
    if (carried === null) return;
    const checksum = readWord(packet, carried.at);
    if (carried.zero === 'none' && checksum === 0) return;
    const next = shifted(checksum, header.pseudoChange() + ports + content);
    if (next !== checksum) writeWord(packet, carried.at, written(carried, next));
    if (this.rules.mends) mend(packet, found, carried);
  }

  /** Changes what a packet holds; returns by how much the sum that its checksum covers has changed. */
  #rewriteContent(
    packet: Uint8Array,
    found: Dissection,
    carried: TransportChecksum | null,
  ): number {
    const content = contentOf(packet, found);
    const discovery = content === null && isNeighbourDiscovery(packet, found);
    if (content === null && !discovery) {
      const kind = carriedKind(packet, found);
      if (kind !== null) this.kinds.add(kind);
      return 0;
    }
    const { transport: from } = found;
    const to = carried === null ? from : Math.min(from + carried.covered, packet.length);
    const before = sumWords(packet, from, to);
    if (content !== null) content(this);
    else rewriteNeighbourDiscovery(this, packet, from);
    return sumWords(packet, from, to) - before;
  }

  /** Returns by how much the sum of the words has changed. */
  #rewritePorts(packet: Uint8Array, { transport, protocol }: Dissection): number {
    const { ports } = this.rules;
    if (ports.size === 0 || transport < 0 || transport + 4 > packet.length) return 0;
    if (protocol !== PROTOCOL.udp && protocol !== PROTOCOL.tcp) return 0;
    const before = sumWords(packet, transport, transport + 4);
    for (const at of [transport, transport + 2]) {
      const port = readWord(packet, at);
      writeWord(packet, at, ports.get(port) ?? port);
    }
    return sumWords(packet, transport, transport + 4) - before;
  }
}

const PPP = { ipv4: 0x0021, ipv6: 0x0057, mpls: 0x0281 };
const SNAP = [0xaa, 0xaa, 0x03, 0, 0, 0];

function isNeighbourDiscovery(packet: Uint8Array, { transport, protocol, family }: Dissection) {
  if (protocol !== 58 || family !== 6 || transport < 0) return false;
  const type = packet[transport] ?? 0;
  return type >= 133 && type <= 137;
}

/** The sums of the addresses of an IP header before they are changed. */
class HeaderSums {
  readonly addresses: readonly [number, number];
  readonly #packet: Uint8Array;
  readonly #found: Dissection;
  readonly #size: number;
  readonly #before: number;
  readonly #pseudo: number | null;

  constructor(packet: Uint8Array, found: Dissection, carried: TransportChecksum | null) {
    this.#packet = packet;
    this.#found = found;
    this.#size = found.family === 4 ? IPV4_BYTES : IPV6_BYTES;
    const first = found.ip + (found.family === 4 ? 12 : 8);
    this.addresses = [first, first + this.#size];
    this.#before = this.#sum();
    const hasPseudo = carried !== null && carried.pseudoLength !== null;
    this.#pseudo = hasPseudo ? pseudoAddresses(packet, found) : null;
  }

  change(): number {
    return this.#sum() - this.#before;
  }

  /** Of the pseudo header, which a routing header tells in part. */
  pseudoChange(): number {
    if (this.#pseudo === null) return 0;
    return pseudoAddresses(this.#packet, this.#found) - this.#pseudo;
  }

  #sum(): number {
    const [first] = this.addresses;
    return sumWords(this.#packet, first, first + 2 * this.#size);
  }
}

/** The checksum as it is written: where 0 says that there is none, 0xffff stands for it. */
function written({ zero }: TransportChecksum, checksum: number): number {
  return zero === 'a sum' ? checksum : udpChecksum(checksum);
}

/** Works the checksum out anew where that can be done and it is wrong. */
function mend(frame: Uint8Array, found: Dissection, carried: TransportChecksum): void {
  if (!isComplete(frame, found, carried) || isRight(frame, found, carried)) return;
  writeWord(frame, carried.at, 0);
  writeWord(frame, carried.at, written(carried, ~sumOf(frame, found, carried) & 0xffff));
}

/** Works the checksum of an IPv4 header out anew where the header is whole and it is wrong. */
function mendHeader(frame: Uint8Array, ip: number): void {
  const end = ipv4HeaderEnd(frame, ip);
  if (end > frame.length || fold(sumWords(frame, ip, end)) === 0xffff) return;
  writeIpv4Checksum(frame, ip);
}
