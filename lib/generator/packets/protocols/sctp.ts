import { optionBytes } from '../misfit.js';
import type { Protocol } from '../protocol.js';
import type { Checksum } from './values.js';

/** The common header of an SCTP packet. */
export interface SctpDescription {
  /** Port, 0 to 65535. */
  source: number;
  /** Port, 0 to 65535. */
  destination: number;
  /** 0 to 2^32-1; default 0. */
  verificationTag?: number;
  /** Chunks as bytes, a multiple of 4, that come before what follows. */
  chunks?: Uint8Array;
  /** CRC-32C; default: computed. */
  checksum?: Checksum;
}

/** A DATA chunk of SCTP: what follows is its content. */
export interface SctpDataDescription {
  /** Transmission sequence number, 0 to 2^32-1; default 0. */
  tsn?: number;
  /** Stream identifier; default 0. */
  stream?: number;
  /** Stream sequence number; default 0. */
  sequence?: number;
  /** Payload protocol identifier; default 0. */
  protocol?: number;
  /** Default 3: begin and end of a message. */
  flags?: number;
  /** Bytes of the chunk without its padding; default: worked out from all that follows. */
  length?: number;
}

/** The common header (RFC 9260, section 3.1). */
export const sctp: Protocol = {
  name: 'sctp',
  size: 12,
  numbers: { ip: 132 },
  more: ['chunks'],
  fields: {
    source: { at: 0, width: 2 },
    destination: { at: 2, width: 2 },
    verificationTag: { at: 4, width: 4, default: 0 },
    checksum: { at: 8, width: 4, checksum: { kind: 'crc32c', covers: 'all' } },
  },
  tail: ({ chunks }, label) => optionBytes(`${label}.chunks`, chunks, 4, 65_536),
};

/** A DATA chunk (RFC 9260, section 3.3.1), to the end of the packet. */
export const sctpData: Protocol = {
  name: 'sctpData',
  size: 16,
  fields: {
    type: { at: 0, width: 1, default: 0 },
    flags: { at: 1, width: 1, default: 3 },
    length: {
      at: 2,
      width: 2,
      fixed: 'length',
      default: ({ header, content }) => header + content,
    },
    tsn: { at: 4, width: 4, default: 0 },
    stream: { at: 8, width: 2, default: 0 },
    sequence: { at: 10, width: 2, default: 0 },
    protocol: { at: 12, width: 4, default: 0 },
  },
};
