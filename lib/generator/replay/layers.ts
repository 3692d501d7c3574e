import type { AddressMap } from './address-map.js';
import type { EthernetRewriter } from './link-rewrite.js';
import type { NotRewrittenKind } from './not-rewritten.js';

/** What is changed. */
export interface Rules {
  readonly addresses: AddressMap;
  readonly ethernet: EthernetRewriter;
  readonly ports: ReadonlyMap<number, number>;
  /** wrong checksums are worked out anew */
  readonly mends: boolean;
}

/** What rewrites a layer, for those who know where one lies within another. */
export interface Layers {
  readonly rules: Rules;
  /** what was not reached */
  readonly kinds: Set<NotRewrittenKind>;
  /** An Ethernet frame within a packet. */
  innerFrame(frame: Uint8Array, end: number): void;
  /** What follows an EtherType. */
  payload(frame: Uint8Array, at: number, type: number, end: number): void;
  /** A stack of labels, and what it carries. */
  labels(frame: Uint8Array, at: number, end: number): void;
  /** An IP packet with all that it holds. */
  packet(frame: Uint8Array, at: number, family: 4 | 6, end: number): void;
  /** What is within something else: where it is not understood, that is what is told of. */
  inside(kind: NotRewrittenKind, walk: (inner: Layers) => void): void;
}
