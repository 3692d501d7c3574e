import { isIP } from 'node:net';
import type { PacketDescription } from '../../generator/index.js';
import { UsageError } from '../base/options.js';
import { type Endpoint, endpointText, neighbourMac, ownAddresses } from './addresses.js';
import type { SendOptions } from './options.js';

const PORT = { source: 1024, destination: 9 };
const MAC = { source: '02:00:00:00:00:01', destination: '02:00:00:00:00:02' };
/**
 * Source addresses where an interface has none: those of the networks for benchmarks (RFC 2544, RFC
 * 5180).
 */
const ADDRESS = { 4: '198.18.0.1', 6: '2001:2::1' } as const;
const SHORTEST_FRAME = 64;
const HEADERS = { ethernet: 14, vlan: 4, 4: 20, 6: 40, udp: 8, tcp: 20 } as const;
/** Bytes of a send without `--size`. */
const USUAL = { udp: 1400, tcp: 65_536 } as const;

/**
 * Frames through an interface (null: into a file); or null for payloads that a UDP or TCP socket
 * sends.
 */
export type Frames = { readonly interfaceName: string | null } | null;

/**
 * The packet that the options describe, without a file.
 * @param notes a list to which remarks for the user are added
 * @throws UsageError
 */
export function describePacket(
  options: SendOptions,
  destination: Endpoint | undefined,
  frames: Frames,
  notes: string[],
): PacketDescription {
  if (frames !== null) return frameOf(options, destination, frames.interfaceName, notes);
  return { ...payloadOf(options), length: socketLength(options) };
}

export const payloadOf = ({ payload }: SendOptions) => (payload === undefined ? {} : { payload });

function socketLength({ protocol, segment, size }: SendOptions): number {
  return segment ?? size ?? USUAL[protocol];
}

function frameOf(
  options: SendOptions,
  destination: Endpoint | undefined,
  interfaceName: string | null,
  notes: string[],
): PacketDescription {
  if (destination === undefined) {
    throw new UsageError(
      'frames need a DESTINATION, such as 198.18.0.2:9, or files that say where they go (--template)',
    );
  }
  const { protocol, source, vlan, payload = '', segment } = options;
  const family = familyOf(destination.address, 'DESTINATION');
  if (source !== undefined && familyOf(source.address, '--source') !== family) {
    throw new UsageError(
      `--source and DESTINATION have to be of one family; received ` +
        `${source.address} and ${destination.address}`,
    );
  }
  const own = interfaceName === null ? undefined : ownAddresses(interfaceName);
  const addresses = {
    source: source?.address ?? own?.ip(family) ?? ADDRESS[family],
    destination: destination.address,
  };
  const ports = {
    source: source?.port ?? PORT.source,
    destination: destination.port ?? PORT.destination,
  };
  const headers =
    HEADERS.ethernet +
    (vlan === undefined ? 0 : HEADERS.vlan) +
    HEADERS[family] +
    HEADERS[protocol];
  return {
    ethernet: {
      source: options['source-mac'] ?? own?.mac ?? MAC.source,
      destination: options['destination-mac'] ?? macOf(destination, interfaceName, notes),
    },
    ...(vlan === undefined ? {} : { vlan: { id: vlan } }),
    [family === 4 ? 'ipv4' : 'ipv6']: addresses,
    [protocol]: ports,
    ...(payload === '' ? {} : { payload }),
    length: Math.max(SHORTEST_FRAME, headers + Buffer.byteLength(payload)),
    ...(segment === undefined ? {} : { virtioNetHeader: { segmentSize: segment } }),
  };
}

function macOf({ address, port }: Endpoint, interfaceName: string | null, notes: string[]): string {
  const known = interfaceName === null ? undefined : neighbourMac(interfaceName, address);
  if (known === undefined && interfaceName !== null) {
    const where = endpointText(address, port ?? PORT.destination);
    notes.push(
      `the kernel knows no Ethernet address of ${where} on ${interfaceName}: frames go to ` +
        `${MAC.destination} (--destination-mac says otherwise)`,
    );
  }
  return known ?? MAC.destination;
}

function familyOf(address: string, name: string): 4 | 6 {
  const family = isIP(address);
  if (family === 0) {
    throw new UsageError(`${name} of frames has to be an IP address; received '${address}'`);
  }
  return family as 4 | 6;
}
