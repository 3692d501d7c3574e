import { lookup } from 'node:dns';
import { isIP, isIPv4 } from 'node:net';
import { abortCalls } from '../base/abort-groups.js';
import { rangeError } from '../base/errors.js';
import { checkInteger, checkObject, checkString, propertyOf } from '../base/validate.js';

/** Where a datagram goes. */
export interface SocketAddress {
  /** A numeric IP address; an IPv6 one may have a zone (`fe80::1%eth0`). */
  address: string;
  /** 1 to 65535 */
  port: number;
}

export type Family = 4 | 6;

/** An `{ address, port }` as a user gave it; the address may still be a host name. */
export function checkAddress(name: string, value: unknown, minPort: 0 | 1): SocketAddress {
  const given = checkObject(name, value);
  return checkParts(name, propertyOf(given, 'address'), propertyOf(given, 'port'), minPort);
}

/** Checks the two properties of such an object, which have been read from it. */
export function checkParts(
  name: string,
  address: unknown,
  port: unknown,
  minPort: 0 | 1,
): SocketAddress {
  return {
    address: checkString(`${name}.address`, address),
    port: checkInteger(`${name}.port`, port, minPort, 65_535),
  };
}

/** Whether `address` is a numeric address of the family; an IPv6 one may have a %zone. */
export function isNumeric(address: string, family: Family): boolean {
  return isIP(address) === family;
}

/**
 * Whether an IPv6 address, as the kernel writes it, is an IPv4-mapped one (RFC 4291, 2.5.5.2).
 * Packets for it are IPv4.
 */
export function isMapped(address: string): boolean {
  return address.startsWith('::ffff:') && address.includes('.');
}

export function familyOf(address: string): Family {
  return isIPv4(address) ? 4 : 6;
}

export function notNumeric(name: string, address: string, family: Family): RangeError {
  return rangeError(
    'ERR_ZEROSEND_INVALID_ADDRESS',
    `${name} must be a numeric IPv${family} address; received '${address}'`,
  );
}

/** The error for a numeric address with a zone that is no interface. */
export function noZone(address: string): RangeError {
  return rangeError(
    'ERR_ZEROSEND_INVALID_ADDRESS',
    `to.address names no interface that exists; received '${address}'`,
  );
}

/**
 * All addresses of a host, in the system's order (getaddrinfo(3), on libuv's thread pool). Rejects
 * with Node's own error (`ENOTFOUND`, …), or the signal's reason.
 */
export function resolve(
  host: string,
  family: Family | 0,
  signal: AbortSignal | undefined,
): Promise<string[]> {
  return new Promise((settle, reject) => {
    if (signal?.aborted) {
      reject(signal.reason);
      return;
    }
    abortCalls.add(signal, reject);
    lookup(host, { all: true, family }, (error, found) => {
      abortCalls.delete(signal, reject);
      if (error) reject(error);
      else settle(found.map(({ address }) => address));
    });
  });
}

/**
 * The addresses of a host. For a numeric address the family is checked here, since a lookup ignores
 * it.
 */
export async function resolveAll(
  name: string,
  host: string,
  family: Family | 0,
): Promise<string[]> {
  if (family !== 0 && isNumeric(host, family === 4 ? 6 : 4)) throw notNumeric(name, host, family);
  return resolve(host, family, undefined);
}
