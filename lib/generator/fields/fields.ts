/** The usual parts of a packet that have a name. */
export type FieldName =
  | 'ethernet.source'
  | 'ethernet.destination'
  | 'vlan.id'
  | 'vlan.priority'
  | 'innerVlan.id'
  | 'innerVlan.priority'
  | 'ipv4.source'
  | 'ipv4.destination'
  | 'ipv4.id'
  | 'ipv4.ttl'
  | 'ipv4.dscp'
  | 'ipv6.source'
  | 'ipv6.destination'
  | 'ipv6.hopLimit'
  | 'ipv6.trafficClass'
  | 'ipv6.flowLabel'
  | 'udp.source'
  | 'udp.destination'
  | 'tcp.source'
  | 'tcp.destination'
  | 'tcp.sequence'
  | 'tcp.acknowledgement'
  | 'tcp.window';

/**
 * Any field of any layer: the layer as {@link Template.layers} names it, then the field as its
 * description does: `'mpls.label'`, `'ipv4[1].source'` for the second of several.
 */
export type LayerFieldName = `${string}.${string}`;

/** A part of a packet from which offsets are counted; `'packet'` is the outermost layer. */
export type LayerName = 'packet' | 'ethernet' | 'ipv4' | 'ipv6' | 'udp' | 'tcp' | 'payload';

/** Any bytes: a number of `width` bytes, `offset` bytes into a layer. */
export interface Place {
  /** `'packet'` is the outermost layer. Any other as {@link Template.layers} names it. */
  layer: LayerName | (string & {});
  /** Bytes from the beginning of the layer. */
  offset: number;
  /** 1 to 8 */
  width: number;
  /** The first byte has the lowest bits. Default false: as numbers lie in most protocols. */
  littleEndian?: boolean;
}

/** Where a number goes: a field by its name, or any bytes. */
export type FieldTarget = FieldName | LayerFieldName | Place;

/** A whole number, from 2^53 on as a BigInt, or an address where the target is one. */
export type FieldValue = number | bigint | string;

/** A value that is held: `every: 10` gives ten packets the first value, the next ten the second. */
export interface Held {
  /** Packets that have a value before the next one comes; default 1. */
  every?: number;
}

/** Values over the networks of a prefix, such as 10.0.0.0, 10.0.1.0 and so on of 10.0.0.0/8. */
export interface PrefixRange {
  /**
   * `'10.0.0.0/8'`: of the bits behind the prefix those up to `step` vary, and the rest stays as it is given. For
   * an address of IPv4 or IPv6.
   */
  prefix: string;
  /** `'/24'`: from one network of this length to the next. Default: each address. */
  step?: string;
}

/** Values that count. The low 48 bits of an IPv6 address count; the rest stays as in `start`. */
export interface CounterRange {
  /** Default: what the template has there (of an IPv6 address its low 48 bits). */
  start?: FieldValue;
  /** A whole number, also below 0; default 1. */
  step?: number | bigint;
  /** Different values before it starts again. Default: it wraps where the field is full. */
  count?: number | bigint;
  /** The last value, in place of `count`: it starts again before it would go beyond. */
  last?: FieldValue;
}

/** `start + step * (k mod count)` for packet k, or the networks of a prefix in turn. */
export type Counter = (CounterRange | PrefixRange) & Held;

/** Values that are drawn, in steps. */
export interface RandomRange {
  /** Default 0; of an IPv6 address, its first 80 bits hold for all. */
  min?: FieldValue;
  /** Default: all the field holds. */
  max?: FieldValue;
  /** Only `min`, `min + step` and so on; a whole number from 1; default 1. */
  step?: number | bigint;
}

/** What is drawn is the same for the same seed and packet. */
export interface Seeded {
  /** 0 to 2^32-1; default the field's place in the list. */
  seed?: number;
}

/** Equally likely values: always the same one for the same seed and packet. */
export type Random = (RandomRange | PrefixRange) & Held & Seeded;

/** How the entries of a list follow each other. */
export interface ListOrder extends Held {
  /**
   * How many of all have each entry: with `[7, 4, 1]` it is 7, 4 and 1 of each 12, whole numbers from 1 that
   * add up to 65,536 at most. In turn they are exact, and spread as evenly as it goes; at random they hold in the
   * mean. Default: as many of each.
   */
  weights?: readonly number[];
  /** One after the other, round and round, or at random. Default `'turn'`. */
  order?: 'turn' | 'random';
  /** Of a random order, 0 to 2^32-1; default the field's place in the list. */
  seed?: number;
}

/** The time at which the packet is made, not sent. */
export interface Timestamp {
  /** Default `'ns'`; the clock's own steps are about 100 ns. */
  unit?: 'ns' | 'us' | 'ms';
  /** Since 1970, or as process.hrtime() (CLOCK_MONOTONIC). Default `'unix'`. */
  clock?: 'unix' | 'monotonic';
}

/** What changes from packet to packet: a target, and one of four ways to get values. */
export type Field = {
  /** Where the values go. */
  target: FieldTarget;
} & (
  | {
      /** Values that count up or down. */
      counter: Counter;
    }
  | {
      /** Values drawn by a seed. */
      random: Random;
    }
  | ({
      /** Values in turn, round and round, or as the order says. IPv6 addresses as text. */
      list: readonly FieldValue[];
    } & ListOrder)
  | {
      /** The time. */
      timestamp: Timestamp;
    }
);

/**
 * How long packets are. All lengths and checksums of all layers follow, inner ones too. The payload of the
 * template is cut, or followed by zeros.
 */
export type LengthField = {
  /**
   * `'length'`: bytes of the packet from its outermost layer, as `length` of the description: without the FCS of
   * an Ethernet frame, and without the offload header. `'payload.length'`: bytes behind the last header.
   */
  target: 'length' | 'payload.length';
} & (
  | {
      /** Lengths that count, with a `count` or `last`. `start` is by default the template's length. */
      counter: CounterRange & Held;
    }
  | {
      /** Lengths drawn by a seed, with a `max`. `min` is by default the template's length. */
      random: RandomRange & Held & Seeded;
    }
  | ({
      /**
       * Lengths, or `'imix'`: 7, 4 and 1 of each 12 Ethernet frames of 64, 594 and 1518 bytes with their FCS. So
       * a template with an Ethernet header is 60, 590 and 1514 bytes long, one that begins with IP 46, 576 and
       * 1500, and one of neither, for a UDP socket, 18, 548 and 1472, for frames of this size over IPv4. Where
       * headers and fields need more than the shortest, that is as long as they need.
       */
      list: readonly number[] | 'imix';
    } & ListOrder)
);

/** What the payload of a packet is: another one from packet to packet. Lengths and checksums follow. */
export type PayloadField = {
  /** All that lies behind the last header. */
  target: 'payload';
  /** Bytes before each entry, or text as UTF-8; default none. */
  before?: Uint8Array | string;
  /** Bytes behind each entry; default none. */
  after?: Uint8Array | string;
} & ListOrder &
  (
    | {
        /** Bytes, or text as UTF-8. */
        list: readonly (Uint8Array | string)[];
        /** How text is read; default `'text'`. */
        as?: PayloadText;
      }
    | {
        /** A file with an entry a line. Lines end with LF or CR LF; empty ones are passed over. */
        file: string;
        /** How a line is read; default `'text'`. */
        as?: PayloadText;
      }
    | {
        /** A file of entries that each follow their length, of 2 bytes, big-endian. */
        records: string;
      }
  );

/**
 * `'text'`: UTF-8; a line of a file is taken byte for byte. `'hex'`: two digits a byte. `'dns'`: `example.com AAAA`, a
 * name and a type (default A), becomes a query for it (RFC 1035) with the id 0, as DNS has it in a datagram.
 */
export type PayloadText = 'text' | 'hex' | 'dns';

/** Several targets that change together. */
export type LinkedFields = {
  /** Where the values go, each at its place. */
  targets: readonly FieldTarget[];
} & (
  | ({
      /** A value for each target: `['198.18.0.1', 1024]`, say, for the address and port of a flow. */
      list: readonly (readonly FieldValue[])[];
    } & ListOrder)
  | {
      /**
       * A counter for each target. The first counts with each packet, and any other when the one before it has
       * gone round: each but the last needs an end.
       */
      counters: readonly (CounterRange | PrefixRange)[];
    }
);

/** A checksum over bytes that you name, kept right in each packet. */
export interface ChecksumField {
  /** Where it is written: 2 bytes of an Internet checksum, 4 of a CRC. What it covers of itself counts as 0. */
  target: LayerFieldName | Place;
  /** What it covers, and how. */
  checksum: ChecksumRange;
}

/** Bytes of a packet, and the kind of their checksum. */
export interface ChecksumRange {
  /**
   * The ones' complement of the sum of all 16-bit words (RFC 1071); CRC-32C (Castagnoli: iSCSI, SCTP); CRC-32
   * (Ethernet, zlib).
   */
  kind: 'internet' | 'crc32c' | 'crc32';
  /** Where it begins: `'packet'` is the outermost layer. */
  layer: LayerName | (string & {});
  /** Bytes from the beginning of the layer; default 0. */
  offset?: number;
  /** Bytes; default all up to the end of the packet, however long that is. */
  length?: number;
}

/** Anything that changes from packet to packet. */
export type AnyField = Field | LengthField | PayloadField | LinkedFields | ChecksumField;
