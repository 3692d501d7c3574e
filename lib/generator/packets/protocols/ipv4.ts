import { types } from 'node:util';
import { outOfRange } from '../../../base/errors.js';
import { checkInteger } from '../../../base/validate.js';
import { finalAddress, ipv4Options } from '../ipv4-options.js';
import { optionBytes } from '../misfit.js';
import type { Layer, Protocol } from '../protocol.js';
import type { Checksum } from './values.js';

const HEADER = 20;
const MOST_OPTIONS = 40;

/** An IPv4 header (RFC 791). */
export interface Ipv4Description {
  /** Like `'198.18.0.1'`. */
  source: string;
  /** As `source`. */
  destination: string;
  /** 0 to 255; default 64. */
  ttl?: number;
  /** Identification, 0 to 65535; default 0. */
  id?: number;
  /** Differentiated services code point, 0 to 63; default 0. */
  dscp?: number;
  /** 0 to 3; default 0. */
  ecn?: number;
  /** Default true, but in a fragment. */
  dontFragment?: boolean;
  /** More fragments follow this one; default false. */
  moreFragments?: boolean;
  /** Where in the datagram the content of this fragment belongs: bytes, a multiple of 8; default 0. */
  fragmentOffset?: number;
  /** Protocol of what follows; needed only where that has none. */
  protocol?: number;
  /** Options, a multiple of 4 bytes, at most 40. */
  options?: Uint8Array;
  /** Bytes of header and content; default: worked out. */
  totalLength?: number;
  /** The header's length in words of 4 bytes; default: worked out. */
  headerLength?: number;
  /** Default: computed. */
  checksum?: Checksum;
}

/** RFC 791. */
export const ipv4: Protocol = {
  name: 'ipv4',
  size: HEADER,
  numbers: { ethertype: 0x0800, ip: 4, ppp: 0x0021 },
  more: ['options'],
  fields: {
    version: { at: 0, width: 1, bits: 4, shift: 4, fixed: 'version', default: 4 },
    headerLength: {
      at: 0,
      width: 1,
      bits: 4,
      fixed: 'length',
      default: ({ header }) => header / 4,
    },
    dscp: { at: 1, width: 1, bits: 6, shift: 2, default: 0 },
    ecn: { at: 1, width: 1, bits: 2, default: 0 },
    totalLength: {
      at: 2,
      width: 2,
      fixed: 'length',
      default: ({ header, content }) => header + content,
    },
    id: { at: 4, width: 2, default: 0 },
    dontFragment: {
      at: 6,
      width: 2,
      bits: 1,
      shift: 14,
      boolean: true,
      default: ({ values }) => (values.moreFragments || values.fragmentOffset ? 0 : 1),
    },
    moreFragments: { at: 6, width: 2, bits: 1, shift: 13, boolean: true, default: false },
    fragmentOffset: { at: 6, width: 2, bits: 13, default: 0, encode: fragmentOffset },
    ttl: { at: 8, width: 1, default: 64 },
    protocol: { at: 9, width: 1, next: 'ip', fixed: 'protocol' },
    checksum: { at: 10, width: 2, checksum: { kind: 'internet', covers: 'header' } },
    source: { at: 12, width: 4, address: 'ipv4' },
    destination: { at: 16, width: 4, address: 'ipv4' },
  },
  tail: ({ options }, label) => optionBytes(`${label}.options`, options, 4, MOST_OPTIONS),
  addresses: (layer) => ({ source: 12, destination: finalDestination(layer), bytes: 4 }),
};

/** Where the address is at which the packet ends up: a source route has it, unless it has been followed. */
function finalDestination({ values: { options } }: Layer): number {
  let destination = 16;
  if (!types.isUint8Array(options)) return destination;
  for (const option of ipv4Options(options, 0, options.length)) {
    const at = finalAddress(options, option);
    if (at >= 0) destination = HEADER + at;
  }
  return destination;
}

/** An offset in bytes as the header counts it: in units of 8. */
export function fragmentOffset(name: string, value: unknown): number {
  const bytes = checkInteger(name, value as number, 0, 65_528);
  if (bytes % 8 !== 0) throw outOfRange(name, 'a multiple of 8', value);
  return bytes / 8;
}
