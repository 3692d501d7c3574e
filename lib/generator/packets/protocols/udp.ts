import { misfit } from '../misfit.js';
import type { Protocol } from '../protocol.js';
import type { Checksum } from './values.js';

/** A UDP header (RFC 768). */
export interface UdpDescription {
  /** Port, 0 to 65535. */
  source: number;
  /** Needed only where what follows has no port of its own, as VXLAN and GENEVE have. */
  destination?: number;
  /** Bytes of header and content; default: worked out. */
  length?: number;
  /** Default: computed. `'none'` only over IPv4. */
  checksum?: Checksum;
}

/** RFC 768. */
export const udp: Protocol = {
  name: 'udp',
  size: 8,
  numbers: { ip: 17 },
  fields: {
    source: { at: 0, width: 2 },
    destination: { at: 2, width: 2, next: 'udp' },
    length: {
      at: 4,
      width: 2,
      fixed: 'length',
      default: ({ header, content }) => header + content,
    },
    checksum: {
      at: 6,
      width: 2,
      checksum: { kind: 'internet', covers: 'all', pseudoHeader: true, zeroIsNone: true },
    },
  },
  check: ({ values, label, below }) => {
    if (values.checksum === 'none' && below?.protocol.name === 'ipv6') {
      throw misfit(`${label}.checksum cannot be none over ipv6`);
    }
  },
};
