import { invalidArgument, outOfRange } from '../../../base/errors.js';
import { optionBytes } from '../misfit.js';
import type { Protocol } from '../protocol.js';
import type { Checksum } from './values.js';

const HEADER = 20;
const MOST_OPTIONS = 40;

/** A TCP header (RFC 9293). Nobody answers for the connection: there is none. */
export interface TcpDescription {
  /** Port, 0 to 65535. */
  source: number;
  /** Port, 0 to 65535. */
  destination: number;
  /** 0 to 2^32-1; default 0. */
  sequence?: number;
  /** 0 to 2^32-1; default 0. */
  acknowledgement?: number;
  /** Default `['ack']`. */
  flags?: readonly TcpFlag[];
  /** 0 to 65535; default 65535. */
  window?: number;
  /** Urgent pointer; default 0. */
  urgent?: number;
  /** Options, a multiple of 4 bytes, at most 40. */
  options?: Uint8Array;
  /** The header's length in words of 4 bytes; default: worked out. */
  headerLength?: number;
  /** Default: computed. */
  checksum?: Checksum;
}

/** The bits of the TCP flags, by their names. */
export const TCP_FLAGS = {
  fin: 0x01,
  syn: 0x02,
  rst: 0x04,
  psh: 0x08,
  ack: 0x10,
  urg: 0x20,
  ece: 0x40,
  cwr: 0x80,
} as const;
/** The name of a TCP flag. */
export type TcpFlag = keyof typeof TCP_FLAGS;

/** RFC 9293. */
export const tcp: Protocol = {
  name: 'tcp',
  size: HEADER,
  numbers: { ip: 6 },
  more: ['options'],
  fields: {
    source: { at: 0, width: 2 },
    destination: { at: 2, width: 2 },
    sequence: { at: 4, width: 4, default: 0 },
    acknowledgement: { at: 8, width: 4, default: 0 },
    headerLength: {
      at: 12,
      width: 1,
      bits: 4,
      shift: 4,
      fixed: 'length',
      default: ({ header }) => header / 4,
    },
    flags: { at: 13, width: 1, default: TCP_FLAGS.ack, encode: flagBits },
    window: { at: 14, width: 2, default: 0xffff },
    checksum: {
      at: 16,
      width: 2,
      checksum: { kind: 'internet', covers: 'all', pseudoHeader: true },
    },
    urgent: { at: 18, width: 2, default: 0 },
  },
  tail: ({ options }, label) => optionBytes(`${label}.options`, options, 4, MOST_OPTIONS),
};

function flagBits(name: string, flags: unknown): number {
  if (!Array.isArray(flags)) throw invalidArgument(name, 'an array', flags);
  let bits = 0;
  for (const flag of flags) {
    const bit = Object.hasOwn(TCP_FLAGS, flag) ? TCP_FLAGS[flag as TcpFlag] : 0;
    if (bit === 0) throw outOfRange(name, Object.keys(TCP_FLAGS).join(', '), flag);
    bits |= bit;
  }
  return bits;
}
