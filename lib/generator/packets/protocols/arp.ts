import { named } from '../misfit.js';
import type { Protocol } from '../protocol.js';

/** An ARP message: who has an IPv4 address, or which Ethernet address has it. */
export interface ArpDescription {
  /** Default `'request'`. */
  operation?: 'request' | 'reply' | number;
  /** Like `'02:00:00:00:00:01'`. */
  senderEthernet: string;
  /** Like `'198.18.0.1'`. */
  senderIpv4: string;
  /** Default `'00:00:00:00:00:00'`, as in a request. */
  targetEthernet?: string;
  /** Who is asked for, or is answered. */
  targetIpv4: string;
}

/** Address resolution of IPv4 over Ethernet (RFC 826). */
export const arp: Protocol = {
  name: 'arp',
  size: 28,
  numbers: { ethertype: 0x0806 },
  fields: {
    hardwareType: { at: 0, width: 2, default: 1 },
    protocolType: { at: 2, width: 2, default: 0x0800 },
    hardwareSize: { at: 4, width: 1, default: 6 },
    protocolSize: { at: 5, width: 1, default: 4 },
    operation: { at: 6, width: 2, default: 1, encode: named({ request: 1, reply: 2 }) },
    senderEthernet: { at: 8, width: 6, address: 'ethernet' },
    senderIpv4: { at: 14, width: 4, address: 'ipv4' },
    targetEthernet: { at: 18, width: 6, address: 'ethernet', default: '00:00:00:00:00:00' },
    targetIpv4: { at: 24, width: 4, address: 'ipv4' },
  },
};
