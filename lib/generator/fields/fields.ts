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

/** Any bytes: a big-endian number of `width` bytes, `offset` bytes into a layer. */
export interface Place {
  /** `'packet'` is the outermost layer. Any other as {@link Template.layers} names it. */
  layer: LayerName | (string & {});
  /** Bytes from the beginning of the layer. */
  offset: number;
  /** 1 to 8 */
  width: number;
}

/** A whole number, from 2^53 on as a BigInt, or an address where the target is one. */
export type FieldValue = number | bigint | string;

/**
 * `start + step * (k mod count)` for packet k. The low 48 bits of an IPv6 address count; the rest
 * stays as in `start`.
 */
export interface Counter {
  /** Default: what the template has there (of an IPv6 address its low 48 bits). */
  start?: FieldValue;
  /** A whole number, also below 0; default 1. */
  step?: number;
  /** Different values before it starts again. Default: it wraps where the field is full. */
  count?: number;
}

/** Equally likely values from `min` to `max`: always the same one for the same seed and packet. */
export interface Random {
  /** 0 to 2^32-1; default the field's place in the list. */
  seed?: number;
  /** Default 0; of an IPv6 address, its first 80 bits hold for all. */
  min?: FieldValue;
  /** Default: all the field holds. */
  max?: FieldValue;
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
  target: FieldName | LayerFieldName | Place;
} & (
  | {
      /** Values that count up or down. */
      counter: Counter;
    }
  | {
      /** Values drawn by a seed. */
      random: Random;
    }
  | {
      /** Values in turn, round and round. IPv6 addresses as text. */
      list: readonly FieldValue[];
    }
  | {
      /** The time. */
      timestamp: Timestamp;
    }
);
