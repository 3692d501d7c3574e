// protocols: one header each. A file has the description that users write, and a table of fields from which
// the header is written, its checksum found, and its fields named for what changes.

import type { Protocol } from '../protocol.js';
import { type ArpDescription, arp } from './arp.js';
import { type EthernetDescription, ethernet } from './ethernet.js';
import { type GeneveDescription, geneve } from './geneve.js';
import { type GreDescription, gre } from './gre.js';
import { type IcmpDescription, icmp } from './icmp.js';
import { type Icmpv6Description, icmpv6 } from './icmpv6.js';
import { type Ipv4Description, ipv4 } from './ipv4.js';
import { type Ipv6Description, ipv6 } from './ipv6.js';
import {
  destinationOptions,
  fragment,
  hopByHop,
  type Ipv6FragmentDescription,
  type Ipv6OptionsDescription,
  type Ipv6RoutingDescription,
  routing,
} from './ipv6-extensions.js';
import { type MplsDescription, mpls } from './mpls.js';
import { type PppoeDescription, pppoe } from './pppoe.js';
import { raw } from './raw.js';
import { type SctpDataDescription, type SctpDescription, sctp, sctpData } from './sctp.js';
import { type TcpDescription, tcp } from './tcp.js';
import { type UdpDescription, udp } from './udp.js';
import { type VlanDescription, vlan } from './vlan.js';
import { type VxlanDescription, vxlan } from './vxlan.js';

/** What each protocol is described by. */
export interface ProtocolDescriptions {
  /** An Ethernet header. */
  ethernet: EthernetDescription;
  /** A VLAN tag. */
  vlan: VlanDescription;
  /** An entry of a label stack. */
  mpls: MplsDescription;
  /** PPPoE and PPP. */
  pppoe: PppoeDescription;
  /** An ARP message. */
  arp: ArpDescription;
  /** An IPv4 header. */
  ipv4: Ipv4Description;
  /** An IPv6 header. */
  ipv6: Ipv6Description;
  /** Hop-by-hop options of IPv6. */
  hopByHop: Ipv6OptionsDescription;
  /** A routing header of IPv6. */
  routing: Ipv6RoutingDescription;
  /** A fragment header of IPv6. */
  fragment: Ipv6FragmentDescription;
  /** Destination options of IPv6. */
  destinationOptions: Ipv6OptionsDescription;
  /** ICMP over IPv4. */
  icmp: IcmpDescription;
  /** ICMP over IPv6, neighbour discovery. */
  icmpv6: Icmpv6Description;
  /** A UDP header. */
  udp: UdpDescription;
  /** A TCP header. */
  tcp: TcpDescription;
  /** The common header of SCTP. */
  sctp: SctpDescription;
  /** A DATA chunk of SCTP. */
  sctpData: SctpDataDescription;
  /** A GRE header. */
  gre: GreDescription;
  /** A VXLAN header. */
  vxlan: VxlanDescription;
  /** A GENEVE header. */
  geneve: GeneveDescription;
  /** Bytes as they are, or text as UTF-8. */
  raw: Uint8Array | string;
}

/** The protocols by their names. */
export const PROTOCOLS: Readonly<Record<keyof ProtocolDescriptions, Protocol>> = {
  ethernet,
  vlan,
  mpls,
  pppoe,
  arp,
  ipv4,
  ipv6,
  hopByHop,
  routing,
  fragment,
  destinationOptions,
  icmp,
  icmpv6,
  udp,
  tcp,
  sctp,
  sctpData,
  gre,
  vxlan,
  geneve,
  raw,
};

export type { TcpFlag } from './tcp.js';
export type { Checksum } from './values.js';
export type {
  ArpDescription,
  EthernetDescription,
  GeneveDescription,
  GreDescription,
  IcmpDescription,
  Icmpv6Description,
  Ipv4Description,
  Ipv6Description,
  Ipv6FragmentDescription,
  Ipv6OptionsDescription,
  Ipv6RoutingDescription,
  MplsDescription,
  PppoeDescription,
  SctpDataDescription,
  SctpDescription,
  TcpDescription,
  UdpDescription,
  VlanDescription,
  VxlanDescription,
};
