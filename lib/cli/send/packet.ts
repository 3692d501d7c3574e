import { readFileSync } from 'node:fs';
import { isIP } from 'node:net';
import {
  type AnyField,
  compile,
  type PacketDescription,
  type PacketSequence,
  type Template,
  template,
} from '../../generator/index.js';
import { UsageError } from '../base/options.js';
import { type Endpoint, endpointText, neighbourMac, ownAddresses } from './addresses.js';
import { readField } from './fields.js';
import type { SendOptions } from './options.js';

const PORT = { source: 1024, destination: 9 };
const MAC = { source: '02:00:00:00:00:01', destination: '02:00:00:00:00:02' };
/** Of the networks for benchmarks (RFC 2544, RFC 5180), where an interface has no address. */
const ADDRESS = { 4: '198.18.0.1', 6: '2001:2::1' } as const;
const SHORTEST_FRAME = 64;
const HEADERS = { ethernet: 14, vlan: 4, 4: 20, 6: 40, udp: 8, tcp: 20 } as const;
/** Bytes of a send without `--size`. */
const USUAL = { udp: 1400, tcp: 65_536 } as const;

/** What is sent: a packet, and what changes from one to the next. */
export interface Packets {
  readonly description: PacketDescription;
  readonly fields: readonly AnyField[];
  readonly made: Template;
  readonly sequence: PacketSequence;
  /** Remarks for whoever has asked for it. */
  readonly notes: readonly string[];
}

/**
 * Makes the packet that the options describe, or the file of `--template`.
 * @param interfaceName that frames go through; null: no frames, but what a socket sends
 * @throws UsageError; what `template` and `compile` throw
 */
export function packetsOf(
  options: SendOptions,
  destination: Endpoint | undefined,
  frames: { readonly interfaceName: string | null } | null,
): Packets {
  const file = options.template === undefined ? null : readTemplate(options.template);
  if (file !== null && frames !== null && destination !== undefined) {
    throw new UsageError(
      '--template FILE says where frames go: a DESTINATION is not taken as well',
    );
  }
  const notes: string[] = [];
  const payload = options.payload === undefined ? {} : { payload: options.payload };
  const described =
    file !== null
      ? { ...file.description, ...payload }
      : frames === null
        ? { ...payload, length: socketLength(options) }
        : frameOf(options, destination, frames.interfaceName, notes);
  const length = frames === null ? (options.segment ?? options.size) : options.size;
  const description = { ...described, ...(length === undefined ? {} : { length }) };
  const fields = [...(file?.fields ?? []), ...options.field].map((field, index) =>
    seeded(field, options.seed, index),
  );
  const made = template(description);
  const sequence = compiled(made, fields);
  if (frames === null && options.segment !== undefined && sequence.meanLength !== sequence.length) {
    throw new UsageError(
      '--segment: datagrams of a train are of one length, and a --field changes it',
    );
  }
  return { description, fields, made, sequence, notes };
}

/** Files of payloads that cannot be read are what was asked for wrongly, as that of `--template`. */
function compiled(made: Template, fields: readonly AnyField[]): PacketSequence {
  try {
    return compile(made, fields);
  } catch (error) {
    if (error instanceof Error && 'syscall' in error)
      throw new UsageError(`--field: ${error.message}`);
    throw error;
  }
}

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
    throw new UsageError('frames need a DESTINATION, such as 198.18.0.2:9, or --template FILE');
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

/** Random fields of different places have different seeds. */
function seeded(field: AnyField, seed: number | undefined, index: number): AnyField {
  if (seed === undefined) return field;
  const own = (seed + index) % 2 ** 32;
  if ('random' in field) return { ...field, random: { seed: own, ...field.random } } as AnyField;
  const drawn = 'order' in field && field.order === 'random';
  return drawn ? ({ seed: own, ...field } as AnyField) : field;
}

/**
 * Reads a packet from a file: the keys of a PacketDescription, and `fields`, each an object or in the
 * short syntax. Bytes are written as `{ "hex": "00ff" }`.
 */
function readTemplate(path: string) {
  let content: unknown;
  try {
    content = JSON.parse(readFileSync(path, 'utf8'), revive);
  } catch (error) {
    throw new UsageError(`--template: ${(error as Error).message}`);
  }
  if (typeof content !== 'object' || content === null || Array.isArray(content)) {
    throw new UsageError(`--template: ${path} has to hold an object`);
  }
  const { fields = [], ...description } = content as PacketDescription & { fields?: unknown };
  if (!Array.isArray(fields)) throw new UsageError('--template: fields has to be an array');
  return { description, fields: fields.map((field, index) => fieldOf(field, index)) };
}

function fieldOf(field: unknown, index: number): AnyField {
  if (typeof field !== 'string') return field as AnyField;
  try {
    return readField(field);
  } catch (error) {
    throw new UsageError(`--template: fields[${index}] ${(error as Error).message}`);
  }
}

function revive(_key: string, value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value;
  const { hex, ...more } = value as { hex?: unknown };
  if (typeof hex !== 'string' || Object.keys(more).length > 0) return value;
  if (!/^([\da-f]{2})*$/i.test(hex)) throw new UsageError(`'${hex}' is not hexadecimal`);
  return Uint8Array.from(Buffer.from(hex, 'hex'));
}
