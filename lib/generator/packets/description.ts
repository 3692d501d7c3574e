/**
 * What a packet is made of, from the outside in. Lengths, types and checksums are worked out. A
 * layer that is left out is not in the packet: only a payload, say, for a UDP socket, or no
 * `ethernet` for a packet socket whose kernel writes the link header.
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
   * is UDP or TCP.
   */
  virtioNetHeader?: boolean | OffloadDescription;
}

/** An Ethernet header (IEEE 802.3). Its FCS is written by the network card. */
export interface EthernetDescription {
  /** Like `'02:00:00:00:00:01'`. */
  source: string;
  /** As `source`. */
  destination: string;
  /** EtherType behind all tags; needed only without `ipv4` and `ipv6`. */
  type?: number;
}

/** A VLAN tag (IEEE 802.1Q). */
export interface VlanDescription {
  /** 0 to 4095 */
  id: number;
  /** Priority code point, 0 to 7; default 0. */
  priority?: number;
  /** Default false. */
  dropEligible?: boolean;
  /** EtherType of the tag; default 0x8100, and 0x88a8 for all but the innermost of several. */
  tpid?: number;
}

/** `'none'`: 0 is left there. A number is written as it is, right or wrong. Neither is maintained. */
export type Checksum = 'none' | number;

/** An IPv4 header (RFC 791). */
export interface Ipv4Description {
  /** Like `'198.18.0.1'`. */
  source: string;
  /** As `source`. */
  destination: string;
  /** 0 to 255; default 64. */
  ttl?: number;
  /** Identification, 0 to 65535; default 0. */
  id?: number;
  /** Differentiated services code point, 0 to 63; default 0. */
  dscp?: number;
  /** 0 to 3; default 0. */
  ecn?: number;
  /** Default true. */
  dontFragment?: boolean;
  /** Protocol of the payload; needed only without `udp` and `tcp`. */
  protocol?: number;
  /** Options, a multiple of 4 bytes, at most 40. */
  options?: Uint8Array;
  /** Default: computed. */
  checksum?: Checksum;
}

/** An IPv6 header (RFC 8200). */
export interface Ipv6Description {
  /** Like `'2001:2::1'`. */
  source: string;
  /** As `source`. */
  destination: string;
  /** 0 to 255; default 64. */
  hopLimit?: number;
  /** 0 to 255; default 0. */
  trafficClass?: number;
  /** 0 to 0xfffff; default 0. */
  flowLabel?: number;
  /** Next header; needed only without `udp` and `tcp`. */
  nextHeader?: number;
}

/** A UDP header (RFC 768). */
export interface UdpDescription {
  /** Port, 0 to 65535. */
  source: number;
  /** Port, 0 to 65535. */
  destination: number;
  /** Default: computed. `'none'` only over IPv4. */
  checksum?: Checksum;
}

/** A TCP header (RFC 9293). Nobody answers for the connection: there is none. */
export interface TcpDescription {
  /** Port, 0 to 65535. */
  source: number;
  /** Port, 0 to 65535. */
  destination: number;
  /** 0 to 2^32-1; default 0. */
  sequence?: number;
  /** 0 to 2^32-1; default 0. */
  acknowledgement?: number;
  /** Default `['ack']`. */
  flags?: readonly TcpFlag[];
  /** 0 to 65535; default 65535. */
  window?: number;
  /** Urgent pointer; default 0. */
  urgent?: number;
  /** Options, a multiple of 4 bytes, at most 40. */
  options?: Uint8Array;
  /** Default: computed. */
  checksum?: Checksum;
}

/** The bits of the TCP flags, by their names. */
export const TCP_FLAGS = {
  fin: 0x01,
  syn: 0x02,
  rst: 0x04,
  psh: 0x08,
  ack: 0x10,
  urg: 0x20,
  ece: 0x40,
  cwr: 0x80,
} as const;
/** The name of a TCP flag. */
export type TcpFlag = keyof typeof TCP_FLAGS;

/** What kernel and device are asked to do with a frame. */
export interface OffloadDescription {
  /** Finish the UDP or TCP checksum. Default true; needed for `segmentSize`. */
  checksum?: boolean;
  /** Cut the payload into segments of so many bytes (TSO, or UDP GSO); default not at all. */
  segmentSize?: number;
}
