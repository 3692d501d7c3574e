import { optionBytes } from '../misfit.js';
import type { Protocol } from '../protocol.js';

/** A GENEVE header, behind UDP. */
export interface GeneveDescription {
  /** Network identifier, 0 to 0xffffff. */
  vni: number;
  /** A control packet; default false. */
  control?: boolean;
  /** Options that must be understood are there; default false. */
  critical?: boolean;
  /** EtherType of what follows; needed only where that has none. */
  protocol?: number;
  /** Options as bytes, a multiple of 4, at most 252. */
  options?: Uint8Array;
}

/** RFC 8926. */
export const geneve: Protocol = {
  name: 'geneve',
  size: 8,
  numbers: { udp: 6081 },
  more: ['options'],
  fields: {
    optionsLength: {
      at: 0,
      width: 1,
      bits: 6,
      fixed: 'length',
      default: ({ header }) => (header - 8) / 4,
    },
    control: { at: 1, width: 1, bits: 1, shift: 7, boolean: true, default: false },
    critical: { at: 1, width: 1, bits: 1, shift: 6, boolean: true, default: false },
    protocol: { at: 2, width: 2, next: 'ethertype', fixed: 'protocol' },
    vni: { at: 4, width: 4, bits: 24, shift: 8 },
  },
  tail: ({ options }, label) => optionBytes(`${label}.options`, options, 4, 252),
};
