import type { Protocol } from '../protocol.js';

const HEADER = 40;

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
  /** Next header; needed only where what follows has no number. */
  nextHeader?: number;
  /** Bytes behind the header; default: worked out. */
  payloadLength?: number;
}

/** RFC 8200. */
export const ipv6: Protocol = {
  name: 'ipv6',
  size: HEADER,
  numbers: { ethertype: 0x86dd, ip: 41, ppp: 0x0057 },
  fields: {
    version: { at: 0, width: 1, bits: 4, shift: 4, fixed: 'version', default: 6 },
    trafficClass: { at: 0, width: 2, bits: 8, shift: 4, default: 0 },
    flowLabel: { at: 0, width: 4, bits: 20, default: 0 },
    payloadLength: { at: 4, width: 2, fixed: 'length', default: ({ content }) => content },
    nextHeader: { at: 6, width: 1, next: 'ip', fixed: 'protocol' },
    hopLimit: { at: 7, width: 1, default: 64 },
    source: { at: 8, width: 16, address: 'ipv6' },
    destination: { at: 24, width: 16, address: 'ipv6' },
  },
  addresses: () => ({ source: 8, destination: 24, bytes: 16 }),
};
