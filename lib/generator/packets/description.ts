import type { OwnLayer } from './protocol.js';
import type { EthernetDescription } from './protocols/ethernet.js';
import type { ProtocolDescriptions } from './protocols/index.js';
import type { Ipv4Description } from './protocols/ipv4.js';
import type { Ipv6Description } from './protocols/ipv6.js';
import type { TcpDescription } from './protocols/tcp.js';
import type { UdpDescription } from './protocols/udp.js';
import type { VlanDescription } from './protocols/vlan.js';

/** One layer by the name of its protocol, such as `{ ipv4: { … } }`. */
export type NamedLayer = {
  [Name in keyof ProtocolDescriptions]: Record<Name, ProtocolDescriptions[Name]>;
}[keyof ProtocolDescriptions];

/**
 * What a packet is made of, from the outside in. Lengths, types and checksums are worked out. A
 * layer that is left out is not in the packet: only a payload, say, for a UDP socket, or no
 * `ethernet` for a packet socket whose kernel writes the link header.
 *
 * The usual layers have a key each. For any others, or the same one more than once, there is
 * `layers` in place of those keys.
 */
export interface PacketDescription {
  /** The Ethernet header; without it the packet begins with IP, or with the payload. */
  ethernet?: EthernetDescription;
  /** One tag, or several from the outside in. */
  vlan?: VlanDescription | readonly VlanDescription[];
  /** The IPv4 header; not together with `ipv6`. */
  ipv4?: Ipv4Description;
  /** The IPv6 header; not together with `ipv4`. */
  ipv6?: Ipv6Description;
  /** The UDP header; not together with `tcp`. */
  udp?: UdpDescription;
  /** The TCP header; not together with `udp`. */
  tcp?: TcpDescription;
  /**
   * Layers in any order that makes sense, from the outside in, in place of the keys above.
   *
   * @example
   * ```ts
   * import { template } from 'zerosend/generator';
   *
   * const ethernet = { source: '02:00:00:00:00:01', destination: '02:00:00:00:00:02' };
   * const ipv4 = { source: '198.18.0.1', destination: '198.18.0.2' };
   * const tunnel = template({
   *   layers: [
   *     { ethernet }, { ipv4 }, { udp: { source: 49152 } }, { vxlan: { vni: 7 } },
   *     { ethernet }, { ipv4 }, { tcp: { source: 1024, destination: 80, flags: ['syn'] } },
   *   ],
   * });
   * console.log(tunnel.layers.map(({ name }) => name).join(' '));
   * ```
   */
  layers?: readonly (NamedLayer | OwnLayer)[];
  /** Bytes, or text as UTF-8. Default empty. */
  payload?: Uint8Array | string;
  /**
   * Bytes of the packet, from its outermost layer; zeros follow the payload up to it. The FCS of an
   * Ethernet frame and the offload header do not count. Default: what the layers need.
   */
  length?: number;
  /**
   * Puts the 10 bytes of a virtio_net_hdr before the packet, as a packet socket with
   * `virtioNetHeader: true` needs them. `true` leaves the checksum to kernel and device where there
   * is UDP or TCP, and no tunnel.
   */
  virtioNetHeader?: boolean | OffloadDescription;
}

/** What kernel and device are asked to do with a frame. */
export interface OffloadDescription {
  /** Finish the UDP or TCP checksum. Default true; needed for `segmentSize`. */
  checksum?: boolean;
  /** Cut the payload into segments of so many bytes (TSO, or UDP GSO); default not at all. */
  segmentSize?: number;
}
