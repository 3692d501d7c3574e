const PAD1 = 0;

/** An option of a hop-by-hop or destination options header (RFC 8200, section 4.2) that has a length. */
export interface Ipv6Option {
  type: number;
  at: number;
  /** with the two bytes of type and length */
  length: number;
}

/** The options from `start` to `end`, up to one that is malformed. */
export function* ipv6Options(
  bytes: Uint8Array,
  start: number,
  end: number,
): Generator<Ipv6Option, void> {
  for (let at = start; at + 2 <= end; ) {
    const type = bytes[at] as number;
    const length = type === PAD1 ? 1 : 2 + (bytes[at + 1] as number);
    if (at + length > end) return;
    if (type !== PAD1) yield { type, at, length };
    at += length;
  }
}
