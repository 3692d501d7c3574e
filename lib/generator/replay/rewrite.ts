// rewriting: `layer-rewriter` goes through a frame, `address-map` and `link-rewrite` say what becomes of
// addresses and tags, `tunnels`, `arp-rewrite` and `neighbour-rewrite` know what holds addresses, `groups` which
// multicast addresses follow from others.

import { checkInteger, checkObject } from '../../base/validate.js';
import { checkBoolean, checkKeys } from '../base/validate.js';
import { LINKTYPE_ETHERNET } from '../packets/dissect.js';
import { AddressMap, checkDecimal } from './address-map.js';
import { LayerRewriter } from './layer-rewriter.js';
import type { Rules } from './layers.js';
import {
  type EthernetRewrite,
  EthernetRewriter,
  type VlanRewrite,
  VlanRewriter,
} from './link-rewrite.js';
import { isCounted, type NotRewrittenKind } from './not-rewritten.js';

/**
 * What of captured frames is changed before they are sent: VLAN tags, MAC and IP addresses, and ports; of
 * packets within packets as well, and in ARP, neighbour discovery and what ICMP errors quote. What is not
 * reached stays; `notRewritten` of the report counts such frames. The group that a neighbour solicitation goes to
 * follows its target, and the Ethernet group of a frame the multicast address of its packet. Checksums are kept as
 * right as they were: a right one stays right, a wrong one wrong by the same difference.
 */
export interface Rewrite {
  /**
   * MAC addresses. `source` and `destination` together are also what frames of a capture without Ethernet
   * headers get before them.
   */
  ethernet?: EthernetRewrite;
  /** Tags of the outermost frame. */
  vlan?: VlanRewrite;
  /**
   * From address, prefix or range to the same, of one family: `{ '10.0.0.1': '198.18.0.1' }`,
   * `{ '10.1.0.0/16': '198.18.0.0/16' }` (the host part stays), `{ '10.0.0.1-10.0.0.99':
   * '198.18.0.1-198.18.0.9' }` (the n-th becomes the n-th, and begins again where there are less). The
   * first that fits is taken.
   */
  addresses?: Record<string, string>;
  /**
   * New addresses in each loop: those within a prefix or range, when `addresses` has been applied, move on
   * by so many with each loop, and begin again at its end: `{ '198.18.0.0/16': 256 }`. Frames are made anew
   * in each loop then.
   */
  eachLoop?: Record<string, number>;
  /** UDP and TCP ports, from port to port. */
  ports?: Record<number, number>;
  /**
   * Works out wrong checksums anew: captures made on the sending machine often have those that its
   * network card would have written. These are the checksums of IPv4 headers, and of TCP, UDP,
   * UDP-Lite, DCCP, ICMP, ICMPv6, IGMP, GRE, OSPFv3, PIM, VRRP, mobility headers and HIP over IP. Where
   * not all bytes that one covers are there (fragments, frames whose end was not captured), it is
   * kept as right as it was. Default false.
   */
  checksums?: boolean;
}

/** Changes captured frames in place, and keeps their checksums as right as they were. */
export class Rewriter {
  readonly #rules: Rules;
  readonly #vlan: VlanRewriter;
  readonly #kinds = new Set<NotRewrittenKind>();
  readonly #layers: LayerRewriter;

  constructor(options: Rewrite = {}) {
    const keys = ['ethernet', 'vlan', 'addresses', 'eachLoop', 'ports', 'checksums'];
    checkKeys('rewrite', options, keys);
    const { ethernet, vlan, addresses, eachLoop, ports = {}, checksums = false } = options;
    this.#vlan = new VlanRewriter(vlan);
    checkObject('rewrite.ports', ports);
    this.#rules = {
      ethernet: new EthernetRewriter(ethernet),
      mends: checkBoolean('rewrite.checksums', checksums),
      addresses: new AddressMap(addresses, eachLoop),
      ports: new Map(
        Object.entries(ports).map(([from, to]) => [
          checkDecimal('rewrite.ports: from', from, 0xffff),
          checkInteger(`rewrite.ports[${from}]`, to, 0, 0xffff),
        ]),
      ),
    };
    this.#layers = new LayerRewriter(this.#rules, this.#kinds);
  }

  /** What frames without an Ethernet header get, where both are given. */
  get header(): { source: Uint8Array; destination: Uint8Array } | null {
    const { source, destination } = this.#rules.ethernet;
    return source && destination && { source, destination };
  }

  /** Whether frames are others in each loop. */
  get changesEachLoop(): boolean {
    return this.#rules.addresses.moves;
  }

  /** Goes to a loop of the replay, from 0. */
  set loop(loop: number) {
    this.#rules.addresses.loop = loop;
  }

  /** An Ethernet frame with other tags; the same memory where it keeps its length. */
  retag(frame: Uint8Array): Uint8Array {
    return this.#vlan.retag(frame);
  }

  /**
   * Changes a frame in place.
   * @param wireLength bytes that it had; more than there are where its end was not captured
   * @returns the kinds of addresses in it that are not reached
   */
  apply(frame: Uint8Array, linkType: number, wireLength = frame.length): NotRewrittenKind[] {
    const { ethernet, addresses, ports, mends } = this.#rules;
    const changes = { ip: !addresses.isEmpty, ethernet: !ethernet.isEmpty };
    if (!changes.ip && !changes.ethernet && ports.size === 0 && !mends) return [];
    if (linkType === LINKTYPE_ETHERNET) ethernet.outermost(frame);
    else ethernet.noFrame();
    this.#kinds.clear();
    this.#layers.link(frame, linkType, wireLength);
    return [...this.#kinds].filter((kind) => isCounted(kind, changes));
  }
}
