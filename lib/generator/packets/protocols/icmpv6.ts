import { parseAddress } from '../addresses.js';
import { named, optionBytes } from '../misfit.js';
import type { FieldSpec, Protocol } from '../protocol.js';
import type { Checksum } from './values.js';

/** Types of messages by their names. */
const TYPES = {
  unreachable: 1,
  'packet-too-big': 2,
  'time-exceeded': 3,
  'parameter-problem': 4,
  echo: 128,
  'echo-reply': 129,
  'router-solicitation': 133,
  'router-advertisement': 134,
  'neighbour-solicitation': 135,
  'neighbour-advertisement': 136,
  redirect: 137,
} as const;

/** A message of ICMP for IPv6, or of neighbour discovery. */
export interface Icmpv6Description {
  /** Default `'echo'`. */
  type?: keyof typeof TYPES | number;
  /** 0 to 255; default 0. */
  code?: number;
  /** Of an echo; default 0. */
  identifier?: number;
  /** Of an echo; default 0. */
  sequence?: number;
  /** Of the next hop: a packet is too big. */
  mtu?: number;
  /** Of a parameter problem. */
  pointer?: number;
  /** Who is asked for, or advertised, or the better first hop. */
  target?: string;
  /** Of a redirect: whom the better first hop leads to. */
  destination?: string;
  /** Of a neighbour advertisement; default false. */
  router?: boolean;
  /** Of a neighbour advertisement; default false. */
  solicited?: boolean;
  /** Of a neighbour advertisement; default false. */
  override?: boolean;
  /** Of a router advertisement; default 64. */
  hopLimit?: number;
  /** Of a router advertisement: M, O and others in the first bits; default 0. */
  flags?: number;
  /** Of a router advertisement, seconds; default 1800. */
  routerLifetime?: number;
  /** Of a router advertisement, milliseconds; default 0. */
  reachableTime?: number;
  /** Of a router advertisement, milliseconds; default 0. */
  retransmissionTimer?: number;
  /**
   * An Ethernet address as an option of neighbour discovery: the source's of a solicitation and a
   * router advertisement, the target's of a neighbour advertisement and a redirect.
   */
  linkAddress?: string;
  /** Further options of neighbour discovery, a multiple of 8 bytes. */
  options?: Uint8Array;
  /** Default: computed. */
  checksum?: Checksum;
}

type Values = Readonly<Record<string, unknown>>;

function typeOf({ type = 'echo' }: Values): unknown {
  return typeof type === 'string' ? TYPES[type as keyof typeof TYPES] : type;
}

/** Bytes of the header, up to its options. */
const SIZES: Readonly<Record<number, number>> = {
  [TYPES['router-advertisement']]: 16,
  [TYPES['neighbour-solicitation']]: 24,
  [TYPES['neighbour-advertisement']]: 24,
  [TYPES.redirect]: 40,
};

/** RFC 4443, and neighbour discovery by RFC 4861. */
export const icmpv6: Protocol = {
  name: 'icmpv6',
  size: (values) => SIZES[Number(typeOf(values))] ?? 8,
  numbers: { ip: 58 },
  more: ['linkAddress', 'options'],
  fields: (values) => ({
    type: { at: 0, width: 1, default: TYPES.echo, encode: named(TYPES) },
    code: { at: 1, width: 1, default: 0 },
    checksum: {
      at: 2,
      width: 2,
      checksum: { kind: 'internet', covers: 'all', pseudoHeader: true },
    },
    ...rest(values),
  }),
  tail: ({ linkAddress, options, ...values }, label) => {
    const more = optionBytes(`${label}.options`, options, 8, 2048);
    if (linkAddress === undefined) return more;
    const ofTarget = [TYPES['neighbour-advertisement'], TYPES.redirect] as readonly unknown[];
    const address = parseAddress(`${label}.linkAddress`, 'ethernet', linkAddress);
    return Uint8Array.of(ofTarget.includes(typeOf(values)) ? 2 : 1, 1, ...address, ...more);
  },
};

/** What follows the checksum. */
function rest(values: Values): Record<string, FieldSpec> {
  const target: FieldSpec = { at: 8, width: 16, address: 'ipv6' };
  const flag = (shift: number): FieldSpec => {
    return { at: 4, width: 1, bits: 1, shift, boolean: true, default: false };
  };
  switch (typeOf(values)) {
    case TYPES['packet-too-big']:
      return { mtu: { at: 4, width: 4 } };
    case TYPES['parameter-problem']:
      return { pointer: { at: 4, width: 4 } };
    case TYPES.echo:
    case TYPES['echo-reply']:
      return {
        identifier: { at: 4, width: 2, default: 0 },
        sequence: { at: 6, width: 2, default: 0 },
      };
    case TYPES['router-advertisement']:
      return {
        hopLimit: { at: 4, width: 1, default: 64 },
        flags: { at: 5, width: 1, default: 0 },
        routerLifetime: { at: 6, width: 2, default: 1800 },
        reachableTime: { at: 8, width: 4, default: 0 },
        retransmissionTimer: { at: 12, width: 4, default: 0 },
      };
    case TYPES['neighbour-solicitation']:
      return { target };
    case TYPES['neighbour-advertisement']:
      return { router: flag(7), solicited: flag(6), override: flag(5), target };
    case TYPES.redirect:
      return { target, destination: { at: 24, width: 16, address: 'ipv6' } };
    default:
      return {};
  }
}
