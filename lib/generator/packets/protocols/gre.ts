import type { FieldSpec, Protocol } from '../protocol.js';

/** A GRE header, behind IP. */
export interface GreDescription {
  /** EtherType of what follows; needed only where that has none. */
  protocol?: number;
  /** Default: there is none. `true`: computed; a number is written as it is. */
  checksum?: boolean | number;
  /** 0 to 2^32-1; default: there is none. */
  key?: number;
  /** 0 to 2^32-1; default: there is none. */
  sequence?: number;
}

type Values = Readonly<Record<string, unknown>>;

/** Each of the optional words is there where it is asked for. */
const PRESENT = {
  checksum: ({ checksum = false }: Values) => checksum !== false,
  key: ({ key }: Values) => key !== undefined,
  sequence: ({ sequence }: Values) => sequence !== undefined,
};

/** RFC 2784, with key and sequence number by RFC 2890. */
export const gre: Protocol = {
  name: 'gre',
  size: (values) => 4 + 4 * Object.values(PRESENT).filter((is) => is(values)).length,
  numbers: { ip: 47 },
  fields: (values) => {
    const present = (bit: number, is: (values: Values) => boolean): FieldSpec => {
      return { at: 0, width: 1, bits: 1, shift: bit, default: is(values) ? 1 : 0, fixed: 'length' };
    };
    let at = 4;
    const word = (spec: Omit<FieldSpec, 'at'>): FieldSpec => {
      at += 4;
      return { at: at - 4, ...spec };
    };
    return {
      checksumPresent: present(7, PRESENT.checksum),
      keyPresent: present(5, PRESENT.key),
      sequencePresent: present(4, PRESENT.sequence),
      protocol: { at: 2, width: 2, next: 'ethertype', fixed: 'protocol' },
      ...(PRESENT.checksum(values) && {
        checksum: word({ width: 2, checksum: { kind: 'internet', covers: 'all' } }),
      }),
      ...(PRESENT.key(values) && { key: word({ width: 4 }) }),
      ...(PRESENT.sequence(values) && { sequence: word({ width: 4 }) }),
    };
  },
  more: Object.keys(PRESENT),
};
