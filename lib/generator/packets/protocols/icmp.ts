import { named } from '../misfit.js';
import type { FieldSpec, Protocol } from '../protocol.js';
import type { Checksum } from './values.js';

/** Types of messages by their names. */
const TYPES = {
  'echo-reply': 0,
  unreachable: 3,
  redirect: 5,
  echo: 8,
  'time-exceeded': 11,
  'parameter-problem': 12,
} as const;

/** A message of ICMP for IPv4. */
export interface IcmpDescription {
  /** Default `'echo'`. */
  type?: keyof typeof TYPES | number;
  /** 0 to 255; default 0. */
  code?: number;
  /** Of an echo; default 0. */
  identifier?: number;
  /** Of an echo; default 0. */
  sequence?: number;
  /** Of the next hop, in place of `sequence`: fragmentation is needed (RFC 1191). */
  mtu?: number;
  /** IPv4 address of a redirect, in place of `identifier` and `sequence`. */
  gateway?: string;
  /** Of a parameter problem, in place of `identifier` and `sequence`. */
  pointer?: number;
  /** Default: computed. */
  checksum?: Checksum;
}

/** RFC 792. What an error quotes follows as layers, or as bytes. */
export const icmp: Protocol = {
  name: 'icmp',
  size: 8,
  numbers: { ip: 1 },
  fields: (values) => ({
    type: { at: 0, width: 1, default: TYPES.echo, encode: named(TYPES) },
    code: { at: 1, width: 1, default: 0 },
    checksum: { at: 2, width: 2, checksum: { kind: 'internet', covers: 'all' } },
    ...rest(values),
  }),
};

/** The second word of the header. */
function rest(values: Readonly<Record<string, unknown>>): Record<string, FieldSpec> {
  if ('gateway' in values) return { gateway: { at: 4, width: 4, address: 'ipv4' } };
  if ('pointer' in values) return { pointer: { at: 4, width: 1 } };
  if ('mtu' in values) return { mtu: { at: 6, width: 2 } };
  return {
    identifier: { at: 4, width: 2, default: 0 },
    sequence: { at: 6, width: 2, default: 0 },
  };
}
