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
  ethernet: EthernetDescription;
  vlan: VlanDescription;
  mpls: MplsDescription;
  pppoe: PppoeDescription;
  arp: ArpDescription;
  ipv4: Ipv4Description;
  ipv6: Ipv6Description;
  hopByHop: Ipv6OptionsDescription;
  routing: Ipv6RoutingDescription;
  fragment: Ipv6FragmentDescription;
  destinationOptions: Ipv6OptionsDescription;
  icmp: IcmpDescription;
  icmpv6: Icmpv6Description;
  udp: UdpDescription;
  tcp: TcpDescription;
  sctp: SctpDescription;
  sctpData: SctpDataDescription;
  gre: GreDescription;
  vxlan: VxlanDescription;
  geneve: GeneveDescription;
  /** Bytes as they are, or text as UTF-8. */
  raw: Uint8Array | string;
}

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
