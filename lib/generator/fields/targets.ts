import { describe, invalidArgument } from '../../base/errors.js';
import { checkInteger } from '../../base/validate.js';
import { rangeError } from '../base/errors.js';
import { checkKeys } from '../base/validate.js';
import type { AddressKind } from '../packets/addresses.js';
import { OFFLOAD_HEADER } from '../packets/layout.js';
import type { Template } from '../packets/template.js';
import type { FieldName, LayerName, Place } from './fields.js';

/** Where a field is, in bits. */
export interface Target {
  name: string;
  /** offset of its first byte from the beginning of the buffer */
  at: number;
  /** bytes that are read and written */
  width: number;
  /** of those, how many bits are the field's, and how many are to the right of it */
  bits: number;
  shift: number;
  address: AddressKind | null;
  /** the checksums that it is part of */
  inIpv4Header: boolean;
  inTransport: boolean;
}

interface Named {
  layer: LayerName | 'vlan' | 'innerVlan';
  offset: number;
  width: number;
  bits?: number;
  shift?: number;
  address?: AddressKind;
}

const NAMED: Record<FieldName, Named> = {
  'ethernet.destination': { layer: 'ethernet', offset: 0, width: 6, address: 'ethernet' },
  'ethernet.source': { layer: 'ethernet', offset: 6, width: 6, address: 'ethernet' },
  'vlan.id': { layer: 'vlan', offset: 0, width: 2, bits: 12 },
  'vlan.priority': { layer: 'vlan', offset: 0, width: 2, bits: 3, shift: 13 },
  'innerVlan.id': { layer: 'innerVlan', offset: 0, width: 2, bits: 12 },
  'innerVlan.priority': { layer: 'innerVlan', offset: 0, width: 2, bits: 3, shift: 13 },
  'ipv4.dscp': { layer: 'ipv4', offset: 1, width: 1, bits: 6, shift: 2 },
  'ipv4.id': { layer: 'ipv4', offset: 4, width: 2 },
  'ipv4.ttl': { layer: 'ipv4', offset: 8, width: 1 },
  'ipv4.source': { layer: 'ipv4', offset: 12, width: 4, address: 'ipv4' },
  'ipv4.destination': { layer: 'ipv4', offset: 16, width: 4, address: 'ipv4' },
  'ipv6.trafficClass': { layer: 'ipv6', offset: 0, width: 2, bits: 8, shift: 4 },
  'ipv6.flowLabel': { layer: 'ipv6', offset: 0, width: 4, bits: 20 },
  'ipv6.hopLimit': { layer: 'ipv6', offset: 7, width: 1 },
  'ipv6.source': { layer: 'ipv6', offset: 8, width: 16, address: 'ipv6' },
  'ipv6.destination': { layer: 'ipv6', offset: 24, width: 16, address: 'ipv6' },
  'udp.source': { layer: 'udp', offset: 0, width: 2 },
  'udp.destination': { layer: 'udp', offset: 2, width: 2 },
  'tcp.source': { layer: 'tcp', offset: 0, width: 2 },
  'tcp.destination': { layer: 'tcp', offset: 2, width: 2 },
  'tcp.sequence': { layer: 'tcp', offset: 4, width: 4 },
  'tcp.acknowledgement': { layer: 'tcp', offset: 8, width: 4 },
  'tcp.window': { layer: 'tcp', offset: 14, width: 2 },
};
const LAYERS: readonly LayerName[] = [
  'packet',
  'ethernet',
  'ipv4',
  'ipv6',
  'udp',
  'tcp',
  'payload',
];
const WIDEST = 8;

function badField(message: string): RangeError {
  return rangeError('ERR_ZEROSEND_FIELD', message);
}

/**
 * Finds a field in a template, and which checksums cover it.
 * @throws TypeError `ERR_ZEROSEND_INVALID_ARGUMENT`; RangeError `ERR_ZEROSEND_FIELD`,
 * `ERR_ZEROSEND_OUT_OF_RANGE`
 */
export function resolveTarget(name: string, template: Template, target: unknown): Target {
  if (typeof target === 'string') {
    if (!Object.hasOwn(NAMED, target)) {
      throw invalidArgument(name, `one of ${Object.keys(NAMED).join(', ')}, or a place`, target);
    }
    return place(template, target, NAMED[target as FieldName]);
  }
  checkKeys(name, target, ['layer', 'offset', 'width']);
  const { layer, offset, width } = target as Place;
  if (!LAYERS.includes(layer)) {
    throw invalidArgument(`${name}.layer`, `one of ${LAYERS.join(', ')}`, layer);
  }
  checkInteger(`${name}.offset`, offset, 0, template.length - 1);
  checkInteger(`${name}.width`, width, 1, WIDEST);
  const resolved = place(template, `${layer} ${offset}+${width}`, { layer, offset, width });
  refuseFixed(template, resolved);
  return resolved;
}

function place(template: Template, name: string, named: Named): Target {
  const start = startOf(template, named.layer);
  if (start < 0) throw badField(`${name} is not in the packet, which has no ${named.layer}`);
  const at = start + named.offset;
  const end = at + named.width;
  if (end > template.length) {
    throw badField(`${name} ends ${end - template.length} bytes behind the packet`);
  }
  const { ipv4, ipv4Checksum, ip, family, transport, transportChecksum } = template._checksums;
  const overlaps = (from: number, to: number) => at < to && end > from;
  const addresses = family === 4 ? [ip + 12, ip + 20] : [ip + 8, ip + 40];
  const [from = 0, to = 0] = addresses;
  const headerEnd = ipv4 + 4 * ((template.bytes[ipv4] ?? 0) & 0xf);
  return {
    name,
    at,
    width: named.width,
    bits: named.bits ?? named.width * 8,
    shift: named.shift ?? 0,
    address: named.address ?? null,
    inIpv4Header: ipv4Checksum >= 0 && overlaps(ipv4, headerEnd),
    inTransport:
      transportChecksum >= 0 &&
      (overlaps(from, to) || (!template._checksums.partial && end > transport)),
  };
}

function startOf(template: Template, layer: Named['layer']): number {
  const { offsets } = template;
  if (layer === 'packet') return offsets.offload >= 0 ? OFFLOAD_HEADER : 0;
  if (layer === 'vlan') return offsets.vlans[0] ?? -1;
  if (layer === 'innerVlan') return offsets.vlans[1] ?? -1;
  return offsets[layer];
}

/** Throws for a field that has bits in common with an earlier one: it would be there in vain. */
export function refuseOverlap(name: string, target: Target, others: readonly Target[]): void {
  const [from, to] = bitsOf(target);
  const other = others.find((one) => {
    const [begin, end] = bitsOf(one);
    return begin < to && end > from;
  });
  if (other === undefined) return;
  throw badField(`${name}: ${target.name} has bits in common with ${other.name}, another field`);
}

/** The bits of the packet that a field writes. */
function bitsOf({ at, width, bits, shift }: Target): [number, number] {
  const end = (at + width) * 8 - shift;
  return [end - bits, end];
}

/**
 * Throws for bytes that others depend on (lengths, protocols, checksums), and for a number that is
 * partly in one checksum and partly not.
 */
function refuseFixed(template: Template, target: Target): void {
  const { offsets, _checksums: sums } = template;
  const end = target.at + target.width;
  for (const [layer, fixed] of Object.entries(FIXED)) {
    const start = offsets[layer as keyof typeof FIXED];
    if (start < 0) continue;
    for (const [from, to, what] of fixed) {
      if (target.at >= start + to || end <= start + from) continue;
      const checksum = what === 'checksum';
      if (checksum && layer === 'ipv4' && sums.ipv4Checksum < 0) continue;
      if (checksum && layer !== 'ipv4' && sums.transportChecksum < 0) continue;
      throw badField(`${target.name} would change the ${what} of ${layer}`);
    }
  }
  const borders = [offsets.ipv4, offsets.ipv6, offsets.udp, offsets.tcp, offsets.payload];
  // The transport's checksum covers the addresses, and not what is beside them: options, say.
  if (sums.ip >= 0) {
    borders.push(...(sums.family === 4 ? [sums.ip + 12, sums.ip + 20] : [sums.ip + 8]));
  }
  const border = borders.find((at) => at > target.at && at < end);
  if (border !== undefined && border > 0) {
    throw badField(
      `${target.name} crosses the border at byte ${border} of the packet; use two fields ` +
        `(${describe(end - border)} bytes are behind it)`,
    );
  }
}

const FIXED = {
  ipv4: [
    [0, 1, 'version'],
    [2, 4, 'length'],
    [9, 10, 'protocol'],
    [10, 12, 'checksum'],
  ],
  ipv6: [
    [0, 1, 'version'],
    [4, 6, 'length'],
    [6, 7, 'protocol'],
  ],
  udp: [
    [4, 6, 'length'],
    [6, 8, 'checksum'],
  ],
  tcp: [
    [12, 13, 'length'],
    [16, 18, 'checksum'],
  ],
} as const;
