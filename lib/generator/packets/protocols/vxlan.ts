import type { Protocol } from '../protocol.js';

/** A VXLAN header, behind UDP. */
export interface VxlanDescription {
  /** Network identifier, 0 to 0xffffff. */
  vni: number;
  /** Default 0x08: the identifier is valid. */
  flags?: number;
}

/** RFC 7348. An Ethernet frame follows. */
export const vxlan: Protocol = {
  name: 'vxlan',
  size: 8,
  numbers: { udp: 4789 },
  fields: {
    flags: { at: 0, width: 1, default: 0x08 },
    vni: { at: 4, width: 4, bits: 24, shift: 8 },
  },
};
