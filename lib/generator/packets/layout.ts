import { invalidArgument, outOfRange } from '../../base/errors.js';
import { checkInteger } from '../../base/validate.js';
import { rangeError } from '../base/errors.js';
import { checkKeys } from '../base/validate.js';
import type { PacketDescription, VlanDescription } from './description.js';

/** Where each layer of a packet begins; -1: it is not there. */
export interface Offsets {
  /** the virtio_net_hdr */
  offload: number;
  /** the Ethernet header */
  ethernet: number;
  /** the two bytes with the id, of each tag from the outside in */
  vlans: readonly number[];
  /** the IPv4 header */
  ipv4: number;
  /** the IPv6 header */
  ipv6: number;
  /** the UDP header */
  udp: number;
  /** the TCP header */
  tcp: number;
  /** what follows the last header */
  payload: number;
}

export interface Layers {
  offsets: Offsets;
  /** the outermost layer: behind the offload header */
  start: number;
  length: number;
  vlans: readonly VlanDescription[];
}

/** Bytes of a virtio_net_hdr without its number of buffers. */
export const OFFLOAD_HEADER = 10;
export const ETHERNET_HEADER = 14;
export const VLAN_TAG = 4;
export const IPV4_HEADER = 20;
export const IPV6_HEADER = 40;
const UDP_HEADER = 8;
export const TCP_HEADER = 20;
const MOST_OPTIONS = 40;
const MOST_VLANS = 8;

/** The error for layers that do not fit together. */
export function misfit(message: string): RangeError {
  return rangeError('ERR_ZEROSEND_TEMPLATE', message);
}

/** Throws unless the layers can stand on one another. */
export function checkLayers(packet: PacketDescription): void {
  const { ethernet, vlan, ipv4, ipv6, udp, tcp } = packet;
  if (ethernet) checkKeys('ethernet', ethernet, ['source', 'destination', 'type']);
  if (ipv4) checkKeys('ipv4', ipv4, IPV4_KEYS);
  if (ipv6) checkKeys('ipv6', ipv6, IPV6_KEYS);
  if (udp) checkKeys('udp', udp, ['source', 'destination', 'checksum']);
  if (tcp) checkKeys('tcp', tcp, TCP_KEYS);
  if (ipv4 && ipv6) throw misfit('a packet has either ipv4 or ipv6');
  if (udp && tcp) throw misfit('a packet has either udp or tcp');
  const ip = ipv4 ?? ipv6;
  const transport = udp ?? tcp;
  if (transport && !ip) throw misfit(`${udp ? 'udp' : 'tcp'} needs ipv4 or ipv6 below it`);
  if (vlan && !ethernet) throw misfit('vlan needs ethernet below it');
  if (ethernet && !ip && ethernet.type === undefined) {
    throw misfit('ethernet.type is needed without ipv4 and ipv6');
  }
  if (ipv4 && !transport && ipv4.protocol === undefined) {
    throw misfit('ipv4.protocol is needed without udp and tcp');
  }
  if (ipv6 && !transport && ipv6.nextHeader === undefined) {
    throw misfit('ipv6.nextHeader is needed without udp and tcp');
  }
}

const IPV4_KEYS = [
  'source',
  'destination',
  'ttl',
  'id',
  'dscp',
  'ecn',
  'dontFragment',
  'protocol',
  'options',
  'checksum',
] as const;
const IPV6_KEYS = [
  'source',
  'destination',
  'hopLimit',
  'trafficClass',
  'flowLabel',
  'nextHeader',
] as const;
const TCP_KEYS = [
  'source',
  'destination',
  'sequence',
  'acknowledgement',
  'flags',
  'window',
  'urgent',
  'options',
  'checksum',
] as const;

/**
 * Places the layers one behind the other.
 * @param payload bytes of it
 * @throws RangeError `ERR_ZEROSEND_TEMPLATE`, `ERR_ZEROSEND_OUT_OF_RANGE`
 */
export function layersOf(packet: PacketDescription, payload: number): Layers {
  const { ethernet, vlan, ipv4, ipv6, udp, tcp } = packet;
  const vlans: readonly VlanDescription[] = vlan === undefined ? [] : [vlan].flat();
  if (vlans.length > MOST_VLANS) throw misfit(`a packet has at most ${MOST_VLANS} VLAN tags`);
  let at = packet.virtioNetHeader ? OFFLOAD_HEADER : 0;
  const start = at;
  const next = (there: unknown, length: number): number => {
    if (!there) return -1;
    at += length;
    return at - length;
  };
  const offsets: Offsets = {
    offload: packet.virtioNetHeader ? 0 : -1,
    ethernet: next(ethernet, ETHERNET_HEADER),
    // The EtherType of what precedes the tag is its TPID, so a tag begins with its id.
    vlans: vlans.map(() => next(true, VLAN_TAG)),
    ipv4: next(ipv4, IPV4_HEADER + optionsLength('ipv4.options', ipv4?.options)),
    ipv6: next(ipv6, IPV6_HEADER),
    udp: next(udp, UDP_HEADER),
    tcp: next(tcp, TCP_HEADER + optionsLength('tcp.options', tcp?.options)),
    payload: at,
  };
  let length = at + payload;
  if (packet.length !== undefined) {
    checkInteger('length', packet.length, 1, 2 ** 20);
    if (packet.length + start < length) {
      throw misfit(`length is ${packet.length}, but the packet has ${length - start} bytes`);
    }
    length = packet.length + start;
  }
  if (length === start) throw misfit('a packet has at least one byte');
  return { offsets, start, length, vlans };
}

function optionsLength(name: string, options: unknown): number {
  if (options === undefined) return 0;
  if (!(options instanceof Uint8Array)) throw invalidArgument(name, 'a Uint8Array', options);
  if (options.length % 4 !== 0 || options.length > MOST_OPTIONS) {
    throw outOfRange(`${name}.length`, `a multiple of 4, at most ${MOST_OPTIONS}`, options.length);
  }
  return options.length;
}
