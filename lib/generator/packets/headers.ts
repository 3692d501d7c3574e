import { invalidArgument, outOfRange } from '../../base/errors.js';
import { checkInteger } from '../../base/validate.js';
import { checkBoolean, checkKeys } from '../base/validate.js';
import { parseAddress } from './addresses.js';
import { PROTOCOL } from './checksum.js';
import {
  type Checksum,
  type PacketDescription,
  TCP_FLAGS,
  type TcpDescription,
} from './description.js';
import { IPV4_HEADER, IPV6_HEADER, type Layers, misfit, TCP_HEADER, VLAN_TAG } from './layout.js';

const ETHERTYPE = { ipv4: 0x0800, ipv6: 0x86dd, vlan: 0x8100, serviceVlan: 0x88a8 };
const DONT_FRAGMENT = 0x4000;

/** Writes the Ethernet header and its VLAN tags. @throws as `template` */
export function writeLink(bytes: Buffer, packet: PacketDescription, layers: Layers): void {
  const { ethernet, ipv4, ipv6 } = packet;
  if (!ethernet) return;
  const { offsets, vlans } = layers;
  bytes.set(
    parseAddress('ethernet.destination', 'ethernet', ethernet.destination),
    offsets.ethernet,
  );
  bytes.set(parseAddress('ethernet.source', 'ethernet', ethernet.source), offsets.ethernet + 6);
  let type = offsets.ethernet + 12;
  for (const [i, vlan] of vlans.entries()) {
    const name = Array.isArray(packet.vlan) ? `vlan[${i}]` : 'vlan';
    checkKeys(name, vlan, ['id', 'priority', 'dropEligible', 'tpid']);
    const usual = i === vlans.length - 1 ? ETHERTYPE.vlan : ETHERTYPE.serviceVlan;
    bytes.writeUInt16BE(checkInteger(`${name}.tpid`, vlan.tpid ?? usual, 0, 0xffff), type);
    const id = checkInteger(`${name}.id`, vlan.id, 0, 0xfff);
    const priority = checkInteger(`${name}.priority`, vlan.priority ?? 0, 0, 7);
    const drop = checkBoolean(`${name}.dropEligible`, vlan.dropEligible ?? false) ? 0x1000 : 0;
    bytes.writeUInt16BE((priority << 13) | drop | id, type + 2);
    type += VLAN_TAG;
  }
  const known = ipv4 ? ETHERTYPE.ipv4 : ipv6 ? ETHERTYPE.ipv6 : 0;
  bytes.writeUInt16BE(checkInteger('ethernet.type', ethernet.type ?? known, 0, 0xffff), type);
}

/** Writes the IP header; its checksum is computed later unless it is given. @throws as `template` */
export function writeIp(bytes: Buffer, packet: PacketDescription, layers: Layers): void {
  const { ipv4, ipv6, udp, tcp } = packet;
  const above = udp ? PROTOCOL.udp : tcp ? PROTOCOL.tcp : 0;
  if (ipv4) {
    const at = layers.offsets.ipv4;
    const options = ipv4.options?.length ?? 0;
    bytes[at] = 0x40 | ((IPV4_HEADER + options) / 4);
    bytes[at + 1] =
      (checkInteger('ipv4.dscp', ipv4.dscp ?? 0, 0, 63) << 2) |
      checkInteger('ipv4.ecn', ipv4.ecn ?? 0, 0, 3);
    bytes.writeUInt16BE(fitting('ipv4', layers.length - at), at + 2);
    bytes.writeUInt16BE(checkInteger('ipv4.id', ipv4.id ?? 0, 0, 0xffff), at + 4);
    const whole = checkBoolean('ipv4.dontFragment', ipv4.dontFragment ?? true);
    bytes.writeUInt16BE(whole ? DONT_FRAGMENT : 0, at + 6);
    bytes[at + 8] = checkInteger('ipv4.ttl', ipv4.ttl ?? 64, 0, 255);
    bytes[at + 9] = checkInteger('ipv4.protocol', ipv4.protocol ?? above, 0, 255);
    bytes.writeUInt16BE(givenChecksum('ipv4.checksum', ipv4.checksum), at + 10);
    bytes.set(parseAddress('ipv4.source', 'ipv4', ipv4.source), at + 12);
    bytes.set(parseAddress('ipv4.destination', 'ipv4', ipv4.destination), at + 16);
    if (ipv4.options) bytes.set(ipv4.options, at + IPV4_HEADER);
  }
  if (ipv6) {
    const at = layers.offsets.ipv6;
    const traffic = checkInteger('ipv6.trafficClass', ipv6.trafficClass ?? 0, 0, 255);
    const label = checkInteger('ipv6.flowLabel', ipv6.flowLabel ?? 0, 0, 0xfffff);
    bytes.writeUInt32BE(6 * 2 ** 28 + traffic * 2 ** 20 + label, at);
    bytes.writeUInt16BE(fitting('ipv6', layers.length - at - IPV6_HEADER), at + 4);
    bytes[at + 6] = checkInteger('ipv6.nextHeader', ipv6.nextHeader ?? above, 0, 255);
    bytes[at + 7] = checkInteger('ipv6.hopLimit', ipv6.hopLimit ?? 64, 0, 255);
    bytes.set(parseAddress('ipv6.source', 'ipv6', ipv6.source), at + 8);
    bytes.set(parseAddress('ipv6.destination', 'ipv6', ipv6.destination), at + 24);
  }
}

/** A length for a 16-bit field. @throws RangeError `ERR_ZEROSEND_TEMPLATE` when it does not fit */
function fitting(layer: string, length: number): number {
  if (length <= 0xffff) return length;
  throw misfit(`${layer} holds at most 65535 bytes; received ${length}`);
}

/** Writes the UDP or TCP header; its checksum is computed later unless given. @throws as `template` */
export function writeTransport(bytes: Buffer, packet: PacketDescription, layers: Layers): void {
  const { udp, tcp } = packet;
  if (udp) {
    const at = layers.offsets.udp;
    if (packet.ipv6 && udp.checksum === 'none') {
      throw misfit('udp.checksum cannot be none over ipv6');
    }
    bytes.writeUInt16BE(checkInteger('udp.source', udp.source, 0, 0xffff), at);
    bytes.writeUInt16BE(checkInteger('udp.destination', udp.destination, 0, 0xffff), at + 2);
    bytes.writeUInt16BE(fitting('udp', layers.length - at), at + 4);
    bytes.writeUInt16BE(givenChecksum('udp.checksum', udp.checksum), at + 6);
  }
  if (tcp) {
    const at = layers.offsets.tcp;
    const options = tcp.options?.length ?? 0;
    bytes.writeUInt16BE(checkInteger('tcp.source', tcp.source, 0, 0xffff), at);
    bytes.writeUInt16BE(checkInteger('tcp.destination', tcp.destination, 0, 0xffff), at + 2);
    const most = 2 ** 32 - 1;
    bytes.writeUInt32BE(checkInteger('tcp.sequence', tcp.sequence ?? 0, 0, most), at + 4);
    const acknowledged = tcp.acknowledgement ?? 0;
    bytes.writeUInt32BE(checkInteger('tcp.acknowledgement', acknowledged, 0, most), at + 8);
    bytes[at + 12] = ((TCP_HEADER + options) / 4) << 4;
    bytes[at + 13] = flagsOf(tcp.flags);
    bytes.writeUInt16BE(checkInteger('tcp.window', tcp.window ?? 0xffff, 0, 0xffff), at + 14);
    bytes.writeUInt16BE(givenChecksum('tcp.checksum', tcp.checksum), at + 16);
    bytes.writeUInt16BE(checkInteger('tcp.urgent', tcp.urgent ?? 0, 0, 0xffff), at + 18);
    if (tcp.options) bytes.set(tcp.options, at + TCP_HEADER);
  }
}

function flagsOf(flags: TcpDescription['flags'] = ['ack']): number {
  if (!Array.isArray(flags)) throw invalidArgument('tcp.flags', 'an array', flags);
  let bits = 0;
  for (const flag of flags) {
    const bit = Object.hasOwn(TCP_FLAGS, flag) ? TCP_FLAGS[flag as keyof typeof TCP_FLAGS] : 0;
    if (bit === 0) throw outOfRange('tcp.flags', Object.keys(TCP_FLAGS).join(', '), flag);
    bits |= bit;
  }
  return bits;
}

function givenChecksum(name: string, checksum: Checksum | undefined): number {
  if (checksum === undefined || checksum === 'none') return 0;
  return checkInteger(name, checksum, 0, 0xffff);
}
