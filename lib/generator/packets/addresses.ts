import { isIPv4, isIPv6 } from 'node:net';
import { describe } from '../../base/errors.js';
import { rangeError } from '../base/errors.js';

/** What an address is of. */
export type AddressKind = 'ethernet' | 'ipv4' | 'ipv6';

const LOOKS: Record<AddressKind, string> = {
  ethernet: 'an address like 02:00:00:00:00:01',
  ipv4: 'an IPv4 address',
  ipv6: 'an IPv6 address without a zone',
};

/**
 * The bytes of an address, in network order.
 * @throws RangeError `ERR_ZEROSEND_INVALID_ADDRESS`
 */
export function parseAddress(name: string, kind: AddressKind, value: unknown): Uint8Array {
  const parsed = typeof value === 'string' ? PARSERS[kind](value) : null;
  if (parsed === null) {
    throw rangeError(
      'ERR_ZEROSEND_INVALID_ADDRESS',
      `${name} must be ${LOOKS[kind]}; received ${describe(value)}`,
    );
  }
  return parsed;
}

const PARSERS: Record<AddressKind, (text: string) => Uint8Array | null> = {
  ethernet: (text) =>
    /^[\da-f]{2}(:[\da-f]{2}){5}$/i.test(text)
      ? Uint8Array.from(text.split(':'), (part) => Number.parseInt(part, 16))
      : null,
  ipv4: (text) => (isIPv4(text) ? Uint8Array.from(text.split('.'), Number) : null),
  ipv6: (text) => (isIPv6(text) && !text.includes('%') ? parseIPv6(text) : null),
};

/** A text that `isIPv6` has accepted. */
function parseIPv6(text: string): Uint8Array {
  // The last 32 bits may be written as an IPv4 address.
  const dotted = text.replace(/[^:]+\.[^:]+$/, (ipv4) => {
    const [a = 0, b = 0, c = 0, d = 0] = ipv4.split('.').map(Number);
    return `${((a << 8) | b).toString(16)}:${((c << 8) | d).toString(16)}`;
  });
  const [head = '', tail] = dotted.split('::');
  const groups = (part: string) => (part === '' ? [] : part.split(':'));
  const front = groups(head);
  const back = tail === undefined ? [] : groups(tail);
  const zeros = Array<string>(8 - front.length - back.length).fill('0');
  const bytes = new Uint8Array(16);
  for (const [i, group] of [...front, ...zeros, ...back].entries()) {
    const word = Number.parseInt(group, 16);
    bytes[2 * i] = word >> 8;
    bytes[2 * i + 1] = word & 0xff;
  }
  return bytes;
}
