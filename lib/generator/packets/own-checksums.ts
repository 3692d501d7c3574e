import { types } from 'node:util';
import { invalidArgument } from '../../base/errors.js';
import { checkInteger, checkObject } from '../../base/validate.js';
import { checkKeys } from '../base/validate.js';
import { parseAddress } from './addresses.js';
import { fold, sumWords } from './checksum.js';
import { crc32c as crcOf } from './crc32c.js';

/*
 * Checksums for those who lay packets by themselves: what templates are made with, and checks of what is
 * given.
 */

/** What a pseudo header says (RFC 768, RFC 9293, RFC 8200 section 8.1). */
export interface PseudoHeaderFields {
  /** IPv4 or IPv6 address of the sender. */
  source: string;
  /** The address of the destination, of the same family. */
  destination: string;
  /** IP protocol number, 0 to 255: 6 of TCP, 17 of UDP, 58 of ICMPv6. */
  protocol: number;
  /** Bytes of header and payload that the checksum covers. 0 to 2^32-1. */
  length: number;
}

/**
 * The Internet checksum (RFC 1071) of the bytes from `start` to `end`, as it stands in a header: 16 bits,
 * to be written big-endian. The place of the checksum has to hold 0. Over bytes that include a right
 * checksum it is 0. UDP writes 0xffff for 0, which there means that there is none.
 * @param bytes what it covers; an odd last byte counts as if a 0 followed
 * @param start of the first byte; default 0
 * @param end behind the last; default that of the array
 * @param sum what else it covers, such as a {@link pseudoHeaderSum}; default 0
 * @throws TypeError `ERR_ZEROSEND_INVALID_ARGUMENT`, RangeError `ERR_ZEROSEND_OUT_OF_RANGE`
 * @example
 * ```js
 * import { internetChecksum, pseudoHeaderSum } from 'zerosend/generator';
 *
 * const datagram = Buffer.from('c0000009000e00006865', 'hex'); // UDP, its checksum 0
 * const ends = { source: '198.18.0.1', destination: '198.18.0.2' };
 * const sum = pseudoHeaderSum({ ...ends, protocol: 17, length: datagram.length });
 * datagram.writeUInt16BE(internetChecksum(datagram, 0, datagram.length, sum) || 0xffff, 6);
 * console.log(internetChecksum(datagram, 0, datagram.length, sum)); // 0: it is right
 * ```
 */
export function internetChecksum(
  bytes: Uint8Array,
  start = 0,
  end: number = lengthOf(bytes),
  sum = 0,
): number {
  checkRange(bytes, start, end);
  checkInteger('sum', sum, 0, 2 ** 48);
  return ~fold(sumWords(bytes, start, end, sum)) & 0xffff;
}

/**
 * The sum of a pseudo header, which is part of the checksum of TCP, UDP, ICMPv6 and others: hand it to
 * {@link internetChecksum}.
 * @throws TypeError `ERR_ZEROSEND_INVALID_ARGUMENT`, RangeError `ERR_ZEROSEND_OUT_OF_RANGE`,
 * `ERR_ZEROSEND_INVALID_ADDRESS`
 */
export function pseudoHeaderSum(header: PseudoHeaderFields): number {
  checkObject('header', header);
  checkKeys('header', header, ['source', 'destination', 'protocol', 'length']);
  const { source, destination, protocol, length } = header;
  checkInteger('header.protocol', protocol, 0, 255);
  checkInteger('header.length', length, 0, 2 ** 32 - 1);
  const kind = typeof source === 'string' && source.includes(':') ? 'ipv6' : 'ipv4';
  let sum = protocol + (length & 0xffff) + (length >>> 16);
  for (const [name, text] of Object.entries({ source, destination })) {
    const address = parseAddress(`header.${name}`, kind, text);
    sum = sumWords(address, 0, address.length, sum);
  }
  return sum;
}

/**
 * The CRC-32C of the bytes from `start` to `end` (Castagnoli; RFC 9260, appendix A), as SCTP and iSCSI
 * have it: SCTP writes it little-endian. Node's `zlib.crc32` has another polynomial.
 * @param start of the first byte; default 0
 * @param end behind the last; default that of the array
 * @throws TypeError `ERR_ZEROSEND_INVALID_ARGUMENT`, RangeError `ERR_ZEROSEND_OUT_OF_RANGE`
 */
export function crc32c(bytes: Uint8Array, start = 0, end: number = lengthOf(bytes)): number {
  checkRange(bytes, start, end);
  return crcOf(bytes, start, end);
}

function lengthOf(bytes: unknown): number {
  if (!types.isUint8Array(bytes)) throw invalidArgument('bytes', 'a Uint8Array', bytes);
  return bytes.length;
}

function checkRange(bytes: unknown, start: number, end: number): void {
  checkInteger('start', start, 0, lengthOf(bytes));
  checkInteger('end', end, start, lengthOf(bytes));
}
