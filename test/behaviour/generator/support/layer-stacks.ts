// Stacks of layers as they are found in the world, drawn at random, and what tshark calls each layer.
import fc from 'fast-check';
import type { NamedLayer } from 'zerosend/generator';
import { ethernetAddress, ipv4Address, ipv6Address } from './arbitrary.js';

export type LayerKind = Exclude<KeysOf<NamedLayer>, 'raw'>;
type KeysOf<T> = T extends object ? keyof T : never;

const u8 = fc.integer({ min: 0, max: 0xff });
const u16 = fc.oneof(fc.constantFrom(0, 0xffff), fc.integer({ min: 0, max: 0xffff }));
const u32 = fc.oneof(fc.constantFrom(0, 0xffff_ffff), fc.integer({ min: 0, max: 0xffff_ffff }));
const vni = fc.integer({ min: 0, max: 0xff_ffff });
const port = fc.integer({ min: 50_000, max: 50_999 }); // of nobody that tshark knows
const bytes = (unit: number, most: number) =>
  fc
    .integer({ min: 0, max: most })
    .chain((n) => fc.uint8Array({ minLength: n * unit, maxLength: n * unit }));

/** No-operation options: any others would have to make sense. */
const nops = fc.integer({ min: 0, max: 10 }).map((n) => new Uint8Array(4 * n).fill(1));

/** What may be said of each kind of layer. */
export const KINDS: Readonly<Record<LayerKind, fc.Arbitrary<object>>> = {
  ethernet: fc.record({ source: ethernetAddress, destination: ethernetAddress }),
  vlan: fc.record({
    id: fc.integer({ min: 0, max: 4095 }),
    priority: fc.integer({ min: 0, max: 7 }),
  }),
  mpls: fc.record({ label: fc.integer({ min: 16, max: 0xfffff }), ttl: u8 }),
  pppoe: fc.record({ sessionId: u16 }),
  arp: fc.record({
    senderEthernet: ethernetAddress,
    senderIpv4: ipv4Address,
    targetIpv4: ipv4Address,
  }),
  ipv4: fc.record(
    { source: ipv4Address, destination: ipv4Address, ttl: u8, id: u16, options: nops },
    { requiredKeys: ['source', 'destination'] },
  ),
  ipv6: fc.record(
    { source: ipv6Address, destination: ipv6Address, hopLimit: u8, trafficClass: u8 },
    { requiredKeys: ['source', 'destination'] },
  ),
  hopByHop: fc.constant({}),
  routing: fc
    .tuple(
      fc.array(ipv6Address, { minLength: 1, maxLength: 4 }),
      fc.constantFrom(2, 4),
      fc.boolean(),
    )
    .map(([addresses, type, arrived]) => ({
      addresses: type === 2 ? addresses.slice(0, 1) : addresses,
      type,
      ...(arrived && { segmentsLeft: 0 }),
    })),
  destinationOptions: fc.constant({}),
  // An atomic fragment: the whole packet, so that what it carries is read.
  fragment: fc.record({ id: u32 }),
  icmp: fc.record({ identifier: u16, sequence: u16 }),
  icmpv6: fc.record({ identifier: u16, sequence: u16 }),
  udp: fc.record({ source: port, destination: port }),
  tcp: fc.record(
    { source: port, destination: port, sequence: u32, window: u16, options: nops },
    { requiredKeys: ['source', 'destination'] },
  ),
  sctp: fc.record({ source: port, destination: port, verificationTag: u32 }),
  sctpData: fc.record({ tsn: u32, stream: u16, sequence: u16 }),
  gre: fc.record(
    { checksum: fc.boolean(), key: u32, sequence: u32 },
    { requiredKeys: ['checksum'] },
  ),
  vxlan: fc.record({ vni }),
  geneve: fc.record({ vni }),
};

const LINK = ['ipv4', 'ipv6', 'mpls', 'arp'] as const;
const IP = ['ipv4', 'ipv6', 'udp', 'tcp', 'sctp', 'gre'] as const;
const IP6 = [...IP, 'icmpv6'] as const;

/** What may lie on what, so that each layer says what comes next. */
export const ABOVE: Readonly<Record<LayerKind, readonly LayerKind[]>> = {
  ethernet: ['vlan', 'pppoe', ...LINK],
  vlan: ['vlan', 'pppoe', ...LINK],
  mpls: ['mpls', 'ipv4', 'ipv6'],
  pppoe: ['ipv4', 'ipv6', 'mpls'],
  arp: [],
  ipv4: [...IP, 'icmp'],
  ipv6: [...IP6, 'hopByHop', 'routing', 'fragment', 'destinationOptions'],
  hopByHop: [...IP6, 'routing', 'destinationOptions', 'fragment'],
  routing: [...IP6, 'fragment', 'destinationOptions'],
  destinationOptions: IP6,
  fragment: [...IP6, 'destinationOptions'],
  icmp: [],
  icmpv6: [],
  udp: ['vxlan', 'geneve'],
  tcp: [],
  sctp: ['sctpData'],
  sctpData: [],
  gre: ['ipv4', 'ipv6', 'ethernet', 'mpls'],
  vxlan: ['ethernet'],
  geneve: ['ethernet', 'ipv4', 'ipv6'],
};

/** Layers of these kinds, from the outside in. */
export function layersOfKinds(kinds: readonly LayerKind[]): fc.Arbitrary<NamedLayer[]> {
  return fc.tuple(...kinds.map((kind) => KINDS[kind])).map((all) =>
    kinds.map((kind, i) => {
      const values = { ...all[i] } as { destination?: unknown };
      const next = kinds[i + 1];
      // The port is the tunnel's.
      if (kind === 'udp' && (next === 'vxlan' || next === 'geneve')) delete values.destination;
      return { [kind]: values } as unknown as NamedLayer;
    }),
  );
}

/** The shortest way on to a layer that says nothing of what follows. */
const ONWARD: Partial<Record<LayerKind, LayerKind>> = {
  ...Object.fromEntries(
    (['ethernet', 'vlan', 'mpls', 'pppoe', 'gre', 'geneve'] as const).map((kind) => [kind, 'ipv4']),
  ),
  ...Object.fromEntries(
    (['ipv4', 'ipv6', 'hopByHop', 'routing', 'destinationOptions', 'fragment'] as const).map(
      (kind) => [kind, 'udp'],
    ),
  ),
  vxlan: 'ethernet',
  sctp: 'sctpData',
};

/** A way that a packet can end with. */
export function finished(way: readonly LayerKind[]): LayerKind[] {
  const next = ONWARD[way.at(-1) as LayerKind];
  return next === undefined ? [...way] : finished([...way, next]);
}

/** Ways from an Ethernet header upwards, of up to twelve layers and their end. */
export const kinds: fc.Arbitrary<LayerKind[]> = fc
  .array(fc.nat({ max: 1000 }), { minLength: 1, maxLength: 11 })
  .map((choices) => {
    const way: LayerKind[] = ['ethernet'];
    for (const choice of choices) {
      const next = ABOVE[way.at(-1) as LayerKind];
      if (next.length === 0) break;
      way.push(next[choice % next.length] as LayerKind);
    }
    return finished(way);
  });

/** A stack of random layers with a payload. */
export const stack = kinds.chain((way) =>
  fc.record({ layers: layersOfKinds(way), payload: bytes(4, 20), way: fc.constant(way) }),
);
