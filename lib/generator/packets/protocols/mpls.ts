import type { Protocol } from '../protocol.js';

/** An entry of an MPLS label stack. */
export interface MplsDescription {
  /** 0 to 0xfffff */
  label: number;
  /** 0 to 7; default 0. */
  trafficClass?: number;
  /** Whether it is the last of the stack; default: whether no other entry follows. */
  bottom?: boolean;
  /** 0 to 255; default 64. */
  ttl?: number;
}

/** One entry of a label stack (RFC 3032, RFC 5462). Nothing in it says what follows the last one. */
export const mpls: Protocol = {
  name: 'mpls',
  size: 4,
  numbers: { ethertype: 0x8847, ip: 137, ppp: 0x0281, udp: 6635 },
  fields: {
    label: { at: 0, width: 4, bits: 20, shift: 12 },
    trafficClass: { at: 2, width: 1, bits: 3, shift: 1, default: 0 },
    bottom: {
      at: 2,
      width: 1,
      bits: 1,
      boolean: true,
      default: ({ above }) => (above?.protocol === mpls ? 0 : 1),
    },
    ttl: { at: 3, width: 1, default: 64 },
  },
};
