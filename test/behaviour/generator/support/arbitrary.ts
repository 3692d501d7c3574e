import fc from 'fast-check';
import type { Field, FieldName, PacketDescription } from 'zerosend/generator';

const hex = (bytes: Uint8Array) => [...bytes].map((b) => b.toString(16).padStart(2, '0'));
const bytes = (length: number) => fc.uint8Array({ minLength: length, maxLength: length });
export const ethernetAddress = bytes(6).map((b) => hex(b).join(':'));
export const ipv4Address = bytes(4).map((b) => b.join('.'));
export const ipv6Address = bytes(16).map((b) =>
  Array.from({ length: 8 }, (_, i) => hex(b.subarray(2 * i, 2 * i + 2)).join('')).join(':'),
);
const u8 = fc.integer({ min: 0, max: 0xff });
// The ends more often than not: carries and the two zeros of ones' complement live there.
const u16 = fc.oneof(fc.constantFrom(0, 1, 0xfffe, 0xffff), fc.integer({ min: 0, max: 0xffff }));
const u32 = fc.oneof(fc.constantFrom(0, 0xffff_ffff), fc.integer({ min: 0, max: 0xffff_ffff }));
const options = fc.integer({ min: 0, max: 10 }).chain((n) => bytes(4 * n));
/** A source route, followed to its end or not: the destination of a pseudo header may be in it. */
const route = fc
  .record({
    type: fc.constantFrom(131, 137),
    stops: fc.integer({ min: 1, max: 9 }).chain((n) => bytes(4 * n)),
    followed: fc.integer({ min: 0, max: 9 }),
  })
  .map(({ type, stops, followed }) =>
    Uint8Array.of(type, stops.length + 3, 4 * (followed + 1), ...stops, 0),
  );
// Mostly zeros or ones, so that sums of 0 and 0xffff come up.
const payload = fc.oneof(
  fc.integer({ min: 0, max: 80 }).chain(bytes),
  fc
    .tuple(fc.integer({ min: 0, max: 80 }), fc.constantFrom(0, 0xff))
    .map(([n, b]) => new Uint8Array(n).fill(b)),
);

const vlan = fc.record(
  { id: fc.integer({ min: 0, max: 4095 }), priority: fc.integer({ min: 0, max: 7 }) },
  { requiredKeys: ['id'] },
);
const ipv4 = fc.record(
  {
    source: ipv4Address,
    destination: ipv4Address,
    ttl: u8,
    id: u16,
    dscp: fc.integer({ min: 0, max: 63 }),
    dontFragment: fc.boolean(),
    options: fc.oneof(options, route),
  },
  { requiredKeys: ['source', 'destination'] },
);
const ipv6 = fc.record(
  {
    source: ipv6Address,
    destination: ipv6Address,
    hopLimit: u8,
    trafficClass: u8,
    flowLabel: fc.integer({ min: 0, max: 0xfffff }),
  },
  { requiredKeys: ['source', 'destination'] },
);
const udp = fc.record({ source: u16, destination: u16 });
const tcp = fc.record(
  { source: u16, destination: u16, sequence: u32, acknowledgement: u32, window: u16, options },
  { requiredKeys: ['source', 'destination'] },
);

/** Packets with IP and UDP or TCP. */
export const description: fc.Arbitrary<PacketDescription> = fc
  .record({
    ethernet: fc.option(fc.record({ source: ethernetAddress, destination: ethernetAddress }), {
      nil: undefined,
    }),
    vlan: fc.array(vlan, { maxLength: 2 }),
    ip: fc.oneof(fc.record({ ipv4 }), fc.record({ ipv6 })),
    transport: fc.oneof(fc.record({ udp }), fc.record({ tcp })),
    payload,
    virtioNetHeader: fc.boolean(),
  })
  .map(({ ethernet, vlan, ip, transport, payload, virtioNetHeader }) => ({
    ...(ethernet ? { ethernet, ...(vlan.length > 0 ? { vlan } : {}) } : {}),
    ...ip,
    ...transport,
    payload,
    virtioNetHeader,
  }));

const BITS: Partial<Record<FieldName, number>> = {
  'vlan.id': 12,
  'vlan.priority': 3,
  'innerVlan.id': 12,
  'ipv4.dscp': 6,
  'ipv4.ttl': 8,
  'ipv6.trafficClass': 8,
  'ipv6.flowLabel': 20,
  'ipv6.hopLimit': 8,
  'ethernet.source': 48,
  'ethernet.destination': 48,
  'ipv4.source': 32,
  'ipv4.destination': 32,
  'ipv6.source': 48,
  'ipv6.destination': 48,
  'tcp.sequence': 32,
  'tcp.acknowledgement': 32,
};
export const bitsOf = (name: FieldName) => BITS[name] ?? 16;

function namesIn(packet: PacketDescription): FieldName[] {
  const names: FieldName[] = [];
  if (packet.ethernet) names.push('ethernet.source', 'ethernet.destination');
  const vlans = Array.isArray(packet.vlan) ? packet.vlan.length : 0;
  if (vlans > 0) names.push('vlan.id', 'vlan.priority');
  if (vlans > 1) names.push('innerVlan.id');
  if (packet.ipv4) {
    names.push('ipv4.source', 'ipv4.destination', 'ipv4.id', 'ipv4.ttl', 'ipv4.dscp');
  } else {
    names.push('ipv6.source', 'ipv6.destination', 'ipv6.hopLimit');
    names.push('ipv6.trafficClass', 'ipv6.flowLabel');
  }
  if (packet.udp) names.push('udp.source', 'udp.destination');
  else names.push('tcp.source', 'tcp.destination', 'tcp.sequence', 'tcp.acknowledgement');
  return names;
}

function ways(most: number, address6 = false): fc.Arbitrary<Record<string, unknown>> {
  const value = fc.oneof(fc.constantFrom(0, most), fc.integer({ min: 0, max: most }));
  return fc.oneof(
    fc.record({ start: value, step: fc.integer({ min: -70000, max: 70000 }) }).map((counter) => ({
      counter,
    })),
    fc.tuple(fc.integer({ min: 0, max: Math.min(most, 1000) }), value).map(([count, start]) => ({
      counter: { start: Math.max(0, start - count), count: count + 1 },
    })),
    fc.record({ seed: u32, a: value, b: value }).map(({ seed, a, b }) => ({
      random: { seed, min: Math.min(a, b), max: Math.max(a, b) },
    })),
    fc
      .array<unknown>(address6 ? ipv6Address : value, { minLength: 1, maxLength: 5 })
      .map((list) => ({ list })),
  );
}

/** Some fields of a packet, with numbers as values; places in the payload at any alignment. */
export function fieldsOf(packet: PacketDescription): fc.Arbitrary<Field[]> {
  const length = (packet.payload as Uint8Array).length;
  const named = fc.constantFrom(...namesIn(packet)).chain((target) => {
    const address6 = /^ipv6\.(source|destination)$/.test(target);
    return ways(2 ** bitsOf(target) - 1, address6).map((way) => ({ target, ...way }));
  });
  const placed = fc
    .integer({ min: 1, max: Math.min(8, Math.max(1, length)) })
    .chain((width) => fc.tuple(fc.constant(width), fc.integer({ min: 0, max: length - width })))
    .chain(([width, offset]) =>
      ways(Math.min(2 ** (8 * width), 2 ** 53) - 1).map((way) => ({
        target: { layer: 'payload', offset, width },
        ...way,
      })),
    );
  const field = length > 0 ? fc.oneof(named, placed) : named;
  const several = fc.array(field, { maxLength: 5 }) as fc.Arbitrary<Field[]>;
  return several.map((fields) =>
    fields.filter(
      ({ target }, i) => !fields.slice(0, i).some((other) => meet(target, other.target)),
    ),
  );
}

/** Whether two targets have bits in common. */
function meet(one: Field['target'], other: Field['target']): boolean {
  if (typeof one === 'string' || typeof other === 'string') return one === other;
  return one.offset < other.offset + other.width && other.offset < one.offset + one.width;
}
