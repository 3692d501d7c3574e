import type { AddressKind } from './addresses.js';

/**
 * Numbers by which a header says what comes behind it: EtherTypes, IP protocols, protocols of PPP,
 * ports of UDP; or a list of your own.
 */
export type Registry = 'ethertype' | 'ip' | 'ppp' | 'udp' | (string & {});

/** A layer where it lies in a packet, as its protocol sees it. */
export interface Layer {
  /** What was asked for, as given. */
  readonly values: Readonly<Record<string, unknown>>;
  /** What kind of header it is. */
  readonly protocol: Protocol;
  /** How fields and errors call it: `'ipv4'`, or `'ipv4[1]'` where there are several. */
  readonly label: string;
  /** Offset of its header from the first byte of the buffer. */
  readonly at: number;
  /** Bytes of its header. */
  readonly header: number;
  /** Bytes behind its header, to the end of the packet. */
  readonly content: number;
  /** The layer before it; null: it is the outermost. */
  readonly below: Layer | null;
  /** The layer behind it; null: it is the last. */
  readonly above: Layer | null;
}

/** What a checksum covers, and how it is made. */
export interface ChecksumSpec {
  /**
   * Ones' complement (RFC 1071) in 2 bytes, or in 4, the first with the lowest bits, CRC-32C (RFC 9260,
   * appendix A) or CRC-32 (that of Ethernet and zlib).
   */
  readonly kind: 'internet' | 'crc32c' | 'crc32';
  /** The header alone, or all that lies behind it as well. */
  readonly covers: 'header' | 'all';
  /** The addresses of the IP header below are part of it, with protocol and length. */
  readonly pseudoHeader?: boolean;
  /** 0 means that there is none, so 0xffff stands for it (RFC 768). */
  readonly zeroIsNone?: boolean;
}

/** One field of a header: where it is, and what it holds. */
export interface FieldSpec {
  /** Offset of its first byte in the header. */
  readonly at: number;
  /** Bytes that it is part of, 1 to 8, or 16 for an IPv6 address. */
  readonly width: number;
  /** Bits of those that are the field's; default all. */
  readonly bits?: number;
  /** Bits to the right of it; default 0. */
  readonly shift?: number;
  /** The first byte has the lowest bits; default false. Not of addresses and checksums. */
  readonly littleEndian?: boolean;
  /** It holds an address, which is given as text. */
  readonly address?: AddressKind;
  /** It is given as true or false. */
  readonly boolean?: boolean;
  /** What it holds where it is not given. Without any of these, it has to be given. */
  readonly default?: number | boolean | string | ((layer: Layer) => number);
  /** It holds the number of the next layer in this registry, unless it is given. */
  readonly next?: Registry;
  /** It is a checksum, worked out unless a number or `'none'` is given. */
  readonly checksum?: ChecksumSpec;
  /** The rest of the packet depends on what was worked out, so no field may change it: its name. */
  readonly fixed?: string;
  /** Turns what is given into the number that the field holds. */
  readonly encode?: (name: string, value: unknown, layer: Layer) => number;
}

/**
 * A kind of header. Those of this library are in `protocols/`, one file each; one of your own needs
 * no more than a name, a size and its fields, and goes into a packet by {@link own}.
 */
export interface Protocol {
  /** Letters and digits. */
  readonly name: string;
  /** Bytes of the header without its tail. */
  readonly size: number | ((values: Readonly<Record<string, unknown>>) => number);
  /** The fields of the header by their names, which may depend on what is given. */
  readonly fields:
    | Readonly<Record<string, FieldSpec>>
    | ((values: Readonly<Record<string, unknown>>) => Readonly<Record<string, FieldSpec>>);
  /** What it is called by the layer below. */
  readonly numbers?: Readonly<Partial<Record<Registry, number | ((layer: Layer) => number)>>>;
  /** The layer below has to have a field for numbers of this registry. */
  readonly needs?: Registry;
  /** What may be given beside the fields. */
  readonly more?: readonly string[];
  /** Bytes at the end of the header, of any length. */
  readonly tail?: (values: Readonly<Record<string, unknown>>, label: string) => Uint8Array;
  /** Where addresses are that belong to the pseudo header of what lies above: offsets in the header. */
  readonly addresses?: (layer: Layer) => { source?: number; destination?: number; bytes: number };
  /** Throws for what does not fit together. */
  readonly check?: (layer: Layer) => void;
}

/** A layer of a protocol of your own. */
export interface OwnLayer {
  /** What kind of header it is. */
  readonly protocol: Protocol;
  /** What its fields hold. */
  readonly values: Readonly<Record<string, unknown>>;
}

/**
 * Puts a protocol of your own into `layers`.
 *
 * @example
 * ```js
 * import { own, template } from 'zerosend/generator';
 *
 * const trace = {
 *   name: 'trace',
 *   size: 8,
 *   fields: { flow: { at: 0, width: 4 }, hop: { at: 4, width: 1, default: 0 } },
 * };
 * const ipv4 = { source: '198.18.0.1', destination: '198.18.0.2' };
 * const udp = { source: 1024, destination: 9 };
 * const layers = [{ ipv4 }, { udp }, own(trace, { flow: 7 })];
 * console.log(template({ layers, payload: 'hello' }).bytes.toString('hex'));
 * ```
 */
export function own(protocol: Protocol, values: Readonly<Record<string, unknown>> = {}): OwnLayer {
  return { protocol, values };
}

/** The fields of a layer. */
export function fieldsOf({ protocol, values }: Pick<Layer, 'protocol' | 'values'>) {
  return typeof protocol.fields === 'function' ? protocol.fields(values) : protocol.fields;
}

/** What the layer below calls this one, or null where it has no number for it. */
export function numberOf(layer: Layer, registry: Registry): number | null {
  const number = layer.protocol.numbers?.[registry] ?? null;
  return typeof number === 'function' ? number(layer) : number;
}
