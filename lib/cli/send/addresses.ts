import { readFileSync } from 'node:fs';
import { isIP } from 'node:net';
import { networkInterfaces } from 'node:os';
import { type AddressKind, parseAddress } from '../../generator/packets/addresses.js';
import { UsageError } from '../base/options.js';

const MAC = /^[\da-f]{2}(:[\da-f]{2}){5}$/i;

/** The kind of address that a text is; null where it is none. */
export function addressKind(text: string): AddressKind | null {
  if (MAC.test(text)) return 'ethernet';
  const family = isIP(text);
  return family === 0 ? null : family === 4 ? 'ipv4' : 'ipv6';
}

/** An address as a number. */
export function addressNumber(kind: AddressKind, text: string): bigint {
  return BigInt(`0x${Buffer.from(parseAddress('address', kind, text)).toString('hex')}`);
}

/** A host, and a port where one was given. */
export interface Endpoint {
  readonly address: string;
  readonly port: number | undefined;
}

/**
 * Reads 'HOST', 'HOST:PORT', 'ADDRESS', '[IPv6]:PORT'. An IPv6 address without brackets has no port.
 * @throws UsageError
 */
export function readEndpoint(text: string): Endpoint {
  const parts = /^\[([^\]]+)\](?::(.*))?$/.exec(text) ?? /^([^:]+)(?::(.*))?$/.exec(text);
  if (isIP(text) === 6) return { address: text, port: undefined };
  const [, address = '', digits] = parts ?? [];
  const port = digits === undefined ? undefined : Number(digits);
  const valid = port === undefined || (/^\d+$/.test(digits ?? '') && port <= 65_535);
  if (address === '' || !valid) {
    throw new UsageError('has to be HOST:PORT, such as 198.18.0.2:9 or [2001:2::2]:9');
  }
  return { address, port };
}

export function readMac(text: string): string {
  if (!MAC.test(text)) throw new UsageError('has to be an address like 02:00:00:00:00:01');
  return text;
}

/** 'HOST:PORT' for people. */
export function endpointText(address: string, port: number): string {
  return isIP(address) === 6 ? `[${address}]:${port}` : `${address}:${port}`;
}

/** The addresses of an interface; empty where it has none, or is down. */
export function ownAddresses(interfaceName: string) {
  const all = networkInterfaces()[interfaceName] ?? [];
  const ip = (family: 4 | 6) =>
    all.find((one) => one.family === `IPv${family}` && !one.address.startsWith('fe80:'))?.address;
  return { mac: all.find(({ mac }) => mac !== '00:00:00:00:00:00')?.mac, ip };
}

/** The Ethernet address of an IPv4 neighbour, if the kernel has it by now (/proc/net/arp). */
export function neighbourMac(interfaceName: string, address: string): string | undefined {
  let table: string;
  try {
    table = readFileSync('/proc/net/arp', 'utf8');
  } catch {
    return undefined;
  }
  for (const line of table.split('\n').slice(1)) {
    const [ip, , flags, mac, , device] = line.split(/\s+/);
    const complete = (Number(flags) & 2) !== 0;
    if (ip === address && device === interfaceName && complete) return mac;
  }
  return undefined;
}
