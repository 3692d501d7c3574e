const END_OF_OPTIONS = 0;
export const NO_OPERATION = 1;
const RECORD_ROUTE = 7;
const TIMESTAMP = 68;
const SOURCE_ROUTES = [131, 137];
const WITH_ADDRESSES = [RECORD_ROUTE, TIMESTAMP, ...SOURCE_ROUTES];

/** An option of IPv4 (RFC 791) that has a length. */
export interface Ipv4Option {
  type: number;
  at: number;
  length: number;
}

/** The options from `start` to `end`, up to one that is malformed. */
export function* ipv4Options(
  bytes: Uint8Array,
  start: number,
  end: number,
): Generator<Ipv4Option, void> {
  for (let at = start; at + 3 <= end && bytes[at] !== END_OF_OPTIONS; ) {
    const type = bytes[at] as number;
    const length = type === NO_OPERATION ? 1 : (bytes[at + 1] as number);
    if (type !== NO_OPERATION) {
      if (length < 2 || at + length > end) return;
      yield { type, at, length };
    }
    at += length;
  }
}

export function hasAddresses(bytes: Uint8Array, { type, at }: Ipv4Option): boolean {
  const bareTimes = type === TIMESTAMP && ((bytes[at + 3] ?? 0) & 0xf) === 0;
  return WITH_ADDRESSES.includes(type) && !bareTimes;
}

/**
 * Where a source route that has not been followed to its end has its last address, which is the destination
 * in a pseudo header; -1 for any other option. The pointer counts from 1, and is behind the last address when
 * the route has been followed.
 */
export function finalAddress(bytes: Uint8Array, { type, at, length }: Ipv4Option): number {
  const next = bytes[at + 2] as number;
  const whole = length % 4 === 3 && next % 4 === 0 && next >= 4;
  return SOURCE_ROUTES.includes(type) && whole && next <= length - 3 ? at + length - 4 : -1;
}
