import { invalidArgument } from '../../../base/errors.js';
import { checkInteger } from '../../../base/validate.js';
import { parseAddress } from '../addresses.js';
import { misfit, optionBytes } from '../misfit.js';
import type { FieldSpec, Layer, Protocol } from '../protocol.js';
import { fragmentOffset } from './ipv4.js';

const MOST = 255 * 8;

/** A header of hop-by-hop or destination options. */
export interface Ipv6OptionsDescription {
  /** Options as bytes, at most 2046; PadN follows them up to a multiple of 8. */
  options?: Uint8Array;
  /** Needed only where what follows has no number. */
  nextHeader?: number;
}

/** A routing header. */
export interface Ipv6RoutingDescription {
  /** The nodes to visit, from the first to the last. */
  addresses: readonly string[];
  /** Of them, how many are yet to be visited; default all. */
  segmentsLeft?: number;
  /** 4: segment routing (RFC 8754); 2: mobility (RFC 6275); 0: deprecated. Default 4. */
  type?: number;
  /** Needed only where what follows has no number. */
  nextHeader?: number;
}

/** The header of a fragment. */
export interface Ipv6FragmentDescription {
  /** Identification, 0 to 2^32-1; default 0. */
  id?: number;
  /** Default false. */
  moreFragments?: boolean;
  /** Where in the packet the content of this fragment belongs: bytes, a multiple of 8; default 0. */
  fragmentOffset?: number;
  /** Needed only where what follows has no number. */
  nextHeader?: number;
}

const nextHeader: FieldSpec = { at: 0, width: 1, next: 'ip', fixed: 'protocol' };
const headerLength: FieldSpec = {
  at: 1,
  width: 1,
  fixed: 'length',
  default: ({ header }) => header / 8 - 1,
};

/** RFC 8200, sections 4.3 and 4.6. */
function optionsHeader(name: string, number: number): Protocol {
  return {
    name,
    size: 2,
    numbers: { ip: number },
    more: ['options'],
    fields: { nextHeader, headerLength },
    tail: ({ options }, label) => padded(optionBytes(`${label}.options`, options, 1, MOST + 6)),
  };
}

export const hopByHop = optionsHeader('hopByHop', 0);
export const destinationOptions = optionsHeader('destinationOptions', 60);

/** Options behind the two bytes of their header, filled up to 8 by Pad1 or PadN. */
function padded(options: Uint8Array): Uint8Array {
  const missing = (8 - ((options.length + 2) % 8)) % 8;
  const bytes = new Uint8Array(options.length + missing);
  bytes.set(options);
  if (missing > 1) bytes.set([1, missing - 2], options.length);
  return bytes;
}

const SEGMENT_ROUTING = 4;

/** RFC 8200 section 4.4, RFC 8754, RFC 6275 section 6.4. */
export const routing: Protocol = {
  name: 'routing',
  size: 8,
  numbers: { ip: 43 },
  more: ['addresses'],
  fields: ({ type = SEGMENT_ROUTING }) => ({
    nextHeader,
    headerLength,
    type: { at: 2, width: 1, fixed: 'destination', default: SEGMENT_ROUTING },
    segmentsLeft: {
      at: 3,
      width: 1,
      fixed: 'destination',
      default: ({ values }) => list(values.addresses).length,
    },
    ...(type === SEGMENT_ROUTING && {
      lastEntry: { at: 4, width: 1, default: ({ values }) => list(values.addresses).length - 1 },
      flags: { at: 5, width: 1, default: 0 },
      tag: { at: 6, width: 2, default: 0 },
    }),
  }),
  tail: ({ addresses, type = SEGMENT_ROUTING }, label) => {
    const parts = list(addresses, `${label}.addresses`).map((text, i) =>
      parseAddress(`${label}.addresses[${i}]`, 'ipv6', text),
    );
    // A list of segments is written from the last to the first.
    return Buffer.concat(type === SEGMENT_ROUTING ? parts.reverse() : parts);
  },
  addresses: finalDestination,
};

/** Where the packet ends up, which is the destination in a pseudo header (RFC 8200, section 8.1). */
function finalDestination({ values, label }: Layer) {
  const { addresses, type = SEGMENT_ROUTING } = values;
  const count = list(addresses).length;
  const left = checkInteger(
    `${label}.segmentsLeft`,
    (values.segmentsLeft ?? count) as number,
    0,
    255,
  );
  const last = type === SEGMENT_ROUTING ? 0 : count - 1;
  return { ...(left > 0 && { destination: 8 + 16 * last }), bytes: 16 };
}

function list(addresses: unknown, name = 'addresses'): readonly unknown[] {
  if (!Array.isArray(addresses) || addresses.length === 0) {
    throw invalidArgument(name, 'an array of addresses', addresses);
  }
  if (addresses.length > 127) throw misfit(`${name}: a header holds 127 addresses`);
  return addresses;
}

/** RFC 8200, section 4.5. */
export const fragment: Protocol = {
  name: 'fragment',
  size: 8,
  numbers: { ip: 44 },
  fields: {
    nextHeader,
    fragmentOffset: { at: 2, width: 2, bits: 13, shift: 3, default: 0, encode: fragmentOffset },
    moreFragments: { at: 2, width: 2, bits: 1, boolean: true, default: false },
    id: { at: 4, width: 4, default: 0 },
  },
};
