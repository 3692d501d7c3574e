import { execFile } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  compile,
  type Field,
  type NamedLayer,
  type OwnLayer,
  own,
  type PacketDescription,
  type Protocol,
  template,
} from 'zerosend/generator';
import { folderOfTest } from '../../support/folders.js';
import { findTool, hasTool, needs } from '../../support/requirements.js';
import {
  ABOVE,
  finished,
  KINDS,
  type LayerKind,
  layersOfKinds,
  stack,
} from './support/layer-stacks.js';
import { pcap } from './support/pcap-writer.js';

const execute = promisify(execFile);
const ethernet = { source: '02:00:00:00:00:01', destination: '02:00:00:00:00:02' };
const ipv4 = { source: '198.18.0.1', destination: '198.18.0.2' };
const ipv6 = { source: '2001:2::1', destination: '2001:2::2' };
const udp = { source: 1024, destination: 9 };
const tcp = { source: 1024, destination: 9 };
const hexOf = (layers: PacketDescription['layers'], payload?: string) =>
  template({ ...(layers && { layers }), ...(payload !== undefined && { payload }) }).bytes.toString(
    'hex',
  );
const LINK = '020000000002020000000001';

describe('a stack of layers', () => {
  it('is the same packet as the usual keys make', () => {
    const vlan = [{ id: 1 }, { id: 2, dropEligible: true }];
    const usual = template({ ethernet, vlan, ipv4, tcp, payload: 'abc' });
    const layers = [
      { ethernet },
      { vlan: { id: 1 } },
      { vlan: vlan[1] ?? { id: 0 } },
      { ipv4 },
      { tcp },
    ];
    const stacked = template({ layers, payload: 'abc' });
    expect(stacked.bytes.toString('hex')).toBe(usual.bytes.toString('hex'));
    expect(stacked.offsets).toEqual(usual.offsets);
    expect(stacked.layers).toEqual([
      { name: 'ethernet', offset: 0, length: 14 },
      { name: 'vlan[0]', offset: 14, length: 4 },
      { name: 'vlan[1]', offset: 18, length: 4 },
      { name: 'ipv4', offset: 22, length: 20 },
      { name: 'tcp', offset: 42, length: 20 },
    ]);
  });

  it.each<[string, (NamedLayer | OwnLayer)[], string, string]>([
    [
      'ARP, asking',
      [
        { ethernet },
        {
          arp: {
            senderEthernet: ethernet.source,
            senderIpv4: '198.18.0.1',
            targetIpv4: '198.18.0.2',
          },
        },
      ],
      '',
      `${LINK}0806${'0001080006040001020000000001c6120001000000000000c6120002'}`,
    ],
    [
      'labels, the last at the bottom',
      [
        { ethernet },
        { mpls: { label: 16, trafficClass: 5 } },
        { mpls: { label: 0xfffff, ttl: 1 } },
        { raw: 'x' },
      ],
      '',
      `${LINK}8847${'00010a40'}${'fffff101'}78`,
    ],
    [
      'a session of PPPoE, with the length of what it holds',
      [{ ethernet }, { pppoe: { sessionId: 0x1234, protocol: 0xc021 } }],
      'abcd',
      `${LINK}8864${'110012340006c021'}61626364`,
    ],
    [
      'the discovery of PPPoE',
      [{ ethernet }, { pppoe: { sessionId: 0, code: 9, tags: Uint8Array.of(1, 1, 0, 0) } }],
      '',
      `${LINK}8863${'110900000004'}01010000`,
    ],
    [
      'GRE with a key',
      [{ gre: { key: 7, sequence: 8, protocol: 0x88b5 } }],
      'z',
      '300088b500000007000000087a',
    ],
    // 0x8000 + 0x88b5 + 0x7a00, folded: 0x82b6
    [
      'GRE with a checksum',
      [{ gre: { checksum: true, protocol: 0x88b5 } }],
      'z',
      '800088b57d4900007a',
    ],
    ['VXLAN', [{ vxlan: { vni: 0xabcdef } }], 'z', '08000000abcdef007a'],
    [
      'GENEVE with options',
      [
        {
          geneve: { vni: 1, critical: true, protocol: 0x0800, options: new Uint8Array(8).fill(3) },
        },
      ],
      '',
      '02400800000001000303030303030303',
    ],
    // 0x0800 + 0x0001 + 0x0002 + 0x6162 is 0x6965.
    ['an echo', [{ icmp: { identifier: 1, sequence: 2 } }], 'ab', '0800969a000100026162'],
    ['no checksum where none is wanted', [{ icmp: { checksum: 'none' } }], '', '0800000000000000'],
    // The check value of CRC-32C is that of "123456789"; here all is 0 but ports and tag.
    ['raw bytes alone', [{ raw: Uint8Array.of(1, 2, 3) }], '', '010203'],
  ])('is, byte for byte, %s', (_, layers, payload, hex) => {
    expect(hexOf(layers, payload)).toBe(hex);
  });

  it('tells the port of a tunnel, and what it holds', () => {
    const outer = { source: 49_152 };
    const { bytes, layers } = template({
      layers: [{ ipv4 }, { udp: outer }, { vxlan: { vni: 1 } }, { ethernet }, { ipv6 }, { tcp }],
    });
    expect(bytes.readUInt16BE(22)).toBe(4789);
    expect(bytes.readUInt16BE(20 + 8 + 8 + 12)).toBe(0x86dd);
    expect(layers.map(({ name }) => name)).toEqual([
      'ipv4',
      'udp',
      'vxlan',
      'ethernet',
      'ipv6',
      'tcp',
    ]);
  });

  it('leaves what is given as it is, right or wrong', () => {
    const wrong = template({
      layers: [
        { ipv4: { ...ipv4, totalLength: 1, headerLength: 15, protocol: 99, checksum: 0x1234 } },
        { udp: { ...udp, length: 2, checksum: 0xabcd } },
      ],
    });
    expect(wrong.bytes.toString('hex')).toBe(
      '4f00000100004000406312' + '34c6120001c6120002' + '040000090002abcd',
    );
    const at = (target: string) => compile(wrong, [{ target: target as `a.b`, list: [1] }]);
    for (const free of ['ipv4.totalLength', 'ipv4.checksum', 'udp.length'])
      expect(at(free)).toBeDefined();
  });

  it('has a layer of a protocol that is not ours', () => {
    const trace: Protocol = {
      name: 'trace',
      size: 6,
      numbers: { ip: 200 },
      fields: {
        kind: { at: 0, width: 1, bits: 4, shift: 4, default: 2 },
        hops: { at: 0, width: 1, bits: 4 },
        next: { at: 1, width: 1, next: 'ip', fixed: 'protocol' },
        sum: { at: 2, width: 2, checksum: { kind: 'internet', covers: 'all', pseudoHeader: true } },
        length: { at: 4, width: 2, default: ({ header, content }) => header + content },
      },
    };
    const made = template({
      layers: [{ ipv4 }, own(trace, { hops: 3 }), { udp }],
      payload: 'hello',
    });
    expect(made.bytes[9]).toBe(200);
    expect(made.bytes.toString('hex', 20, 22)).toBe('2311');
    expect(made.bytes.readUInt16BE(24)).toBe(19);
    const pseudo = Buffer.from('c6120001c612000200c80013', 'hex');
    expect(onesComplement(Buffer.concat([pseudo, made.bytes.subarray(20)]))).toBe(0xffff);
    const changed = compile(made, [{ target: 'trace.hops', counter: { start: 14 } }]);
    const bytes = Buffer.from(made.bytes);
    changed.init(bytes);
    changed.stamp(bytes);
    expect(bytes[20]).toBe(0x2e);
    expect(onesComplement(Buffer.concat([pseudo, bytes.subarray(20)]))).toBe(0xffff);
    expect(() => compile(made, [{ target: 'trace.next', counter: {} }])).toThrow(
      /protocol of trace/,
    );
  });

  it('lets no field change which address a transport was summed up with', () => {
    const routing = { addresses: ['2001:2::3'], segmentsLeft: 1 };
    const behind = (layer: NamedLayer) => template({ layers: [{ ipv6 }, { routing }, layer] });
    for (const target of ['routing.segmentsLeft', 'routing.type']) {
      const fields = [{ target, list: [0, 1] }] as Field[];
      expect(() => compile(behind({ udp }), fields)).toThrow(/destination of routing/);
      const mpls = { mpls: { label: 1 } };
      expect(compile(behind(mpls), fields).length).toBe(68);
    }
  });

  it.each([1, 2, 3, 4, 5, 6, 7, 8])('begins with a number of %i bytes', (width) => {
    const value = 2 ** Math.min(8 * width, 53) - 2;
    const first = {
      name: 'first',
      size: width,
      fields: { number: { at: 0, width, default: value } },
    };
    const { bytes } = template({ layers: [own(first)], payload: 'x' });
    expect(BigInt(`0x${bytes.toString('hex', 0, width)}`)).toBe(BigInt(value));
  });

  const TEMPLATE = 'ERR_ZEROSEND_TEMPLATE';
  const ARGUMENT = 'ERR_ZEROSEND_INVALID_ARGUMENT';
  const RANGE = 'ERR_ZEROSEND_OUT_OF_RANGE';
  it.each<[string, unknown, string]>([
    ['no array', { layers: { ethernet } }, ARGUMENT],
    ['nothing', { layers: [] }, TEMPLATE],
    ['an unknown layer', { layers: [{ ipx: {} }] }, ARGUMENT],
    ['an inherited name', { layers: [{ toString: {} }] }, ARGUMENT],
    ['two layers in one', { layers: [{ ipv4, udp }] }, ARGUMENT],
    ['a layer that is none', { layers: [null] }, ARGUMENT],
    ['layers beside the usual keys', { layers: [{ ipv4 }, { udp }], udp }, TEMPLATE],
    ['a misspelt key', { layers: [{ mpls: { lable: 1 } }] }, ARGUMENT],
    ['a tag at the outside', { layers: [{ vlan: { id: 1 } }, { ipv4 }, { udp }] }, TEMPLATE],
    ['a tag on IP', { layers: [{ ipv4 }, { vlan: { id: 1 } }] }, TEMPLATE],
    ['what IP has no number for', { layers: [{ ipv4 }, { vxlan: { vni: 1 } }] }, TEMPLATE],
    ['a port that nothing tells', { layers: [{ ipv4 }, { udp: { source: 1 } }] }, TEMPLATE],
    ['TCP without addresses', { layers: [{ tcp }] }, TEMPLATE],
    ['an offset of a fragment', { layers: [{ ipv4: { ...ipv4, fragmentOffset: 7 } }] }, RANGE],
    ['a label', { layers: [{ mpls: { label: 2 ** 20 } }] }, RANGE],
    ['an operation', { layers: [{ arp: { operation: 'ask' } }] }, ARGUMENT],
    ['a protocol without fields', { layers: [{ protocol: { name: 'x' } }] }, ARGUMENT],
    [
      'offload in a tunnel',
      {
        layers: [{ ipv4 }, { ipv4 }, { udp }],
        virtioNetHeader: { checksum: true },
      },
      TEMPLATE,
    ],
    ['65 layers', { layers: Array.from({ length: 65 }, () => ({ mpls: { label: 1 } })) }, TEMPLATE],
  ])('is refused with %s', (_, packet, code) => {
    expect(() => template(packet as PacketDescription)).toThrow(expect.objectContaining({ code }));
  });
});

describe('fields of any layer', () => {
  /** The fields that are numbers, and may change, with the bits they hold. */
  const NUMBERS: Partial<Record<LayerKind, Record<string, number>>> = {
    vlan: { id: 12, priority: 3 },
    mpls: { label: 20, ttl: 8 },
    pppoe: { sessionId: 16 },
    ipv4: { ttl: 8, id: 16, dscp: 6 },
    ipv6: { hopLimit: 8, flowLabel: 20 },
    fragment: { id: 32 },
    icmp: { identifier: 16, sequence: 16, code: 8 },
    udp: { source: 16 },
    tcp: { source: 16, sequence: 32, window: 16 },
    sctp: { source: 16, verificationTag: 32 },
    sctpData: { tsn: 32, stream: 16 },
    vxlan: { vni: 24 },
    geneve: { vni: 24 },
  };

  type Value = { i: number; kind: LayerKind; field: string; value: number };

  const changed = stack.chain(({ layers, payload, way }) => {
    const places = way.flatMap((kind, i) =>
      Object.entries(NUMBERS[kind] ?? {}).map(([field, bits]) => ({ i, kind, field, bits })),
    );
    return fc.record({
      layers: fc.constant(layers),
      payload: fc.constant(payload),
      places:
        places.length === 0
          ? fc.constant<Value[]>([])
          : fc.uniqueArray(
              fc
                .constantFrom(...places)
                .chain((place) =>
                  fc
                    .integer({ min: 0, max: 2 ** place.bits - 1 })
                    .map((value) => ({ ...place, value })),
                ),
              { selector: ({ i, field }) => `${i}.${field}`, maxLength: 4 },
            ),
    });
  });

  it('leave the packet that a template with their values has, all checksums of tunnels included', () => {
    fc.assert(
      fc.property(changed, ({ layers, payload, places }) => {
        const labelOf = (at: number, kind: string) =>
          `${kind}[${layers.slice(0, at).filter((layer) => kind in layer).length}]`;
        const fields = places.map(({ i, kind, field, value }): Field => {
          return { target: `${labelOf(i, kind)}.${field}`, list: [value] };
        });
        const wanted = layers.map((layer, i) => {
          const [[kind = '', values = {}] = []] = Object.entries(layer);
          const own = places.filter((place) => place.i === i);
          return {
            [kind]: { ...values, ...Object.fromEntries(own.map((p) => [p.field, p.value])) },
          };
        }) as unknown as NamedLayer[];
        const from = template({ layers, payload });
        const sequence = compile(from, fields);
        const bytes = Buffer.alloc(from.length);
        sequence.init(bytes);
        sequence.stamp(bytes);
        const { bytes: expected } = template({ layers: wanted, payload });
        expect(bytes.toString('hex')).toBe(expected.toString('hex'));
      }),
      { numRuns: 1500 },
    );
  });

  it('are called by their layer, also where there are several', () => {
    const layers = [{ ethernet }, { ipv4 }, { gre: {} }, { ipv4 }, { udp }];
    const from = template({ layers });
    const bytes = Buffer.from(from.bytes);
    const inner = compile(from, [{ target: 'ipv4[1].source', list: ['198.18.7.7'] }]);
    inner.init(bytes);
    inner.stamp(bytes);
    const at = from.layers[3]?.offset ?? 0;
    expect([...bytes.subarray(at + 12, at + 16)]).toEqual([198, 18, 7, 7]);
    expect([...bytes.subarray(26, 30)]).toEqual([198, 18, 0, 1]);
    const refused = (target: string, code: string) =>
      expect(() => compile(from, [{ target: target as 'a.b', counter: {} }])).toThrow(
        expect.objectContaining({ code }),
      );
    refused('ipv4[2].source', 'ERR_ZEROSEND_FIELD');
    refused('gre.key', 'ERR_ZEROSEND_INVALID_ARGUMENT'); // the packet has none
    refused('ipv4[1].totalLength', 'ERR_ZEROSEND_FIELD');
    refused('ipv4[1]', 'ERR_ZEROSEND_INVALID_ARGUMENT');
    const place = compile(from, [{ target: { layer: 'udp', offset: 0, width: 2 }, list: [77] }]);
    place.stamp(bytes);
    expect(bytes.readUInt16BE(from.layers[4]?.offset)).toBe(77);
  });
});

/** The folded sum of all words. */
function onesComplement(bytes: Uint8Array): number {
  let sum = 0;
  for (let i = 0; i < bytes.length; i += 2) sum += ((bytes[i] ?? 0) << 8) | (bytes[i + 1] ?? 0);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  return sum;
}

describe('as tshark reads them', needs(hasTool('tshark'), 'the tool tshark'), () => {
  const CHECKS = ['ip', 'udp', 'tcp'].flatMap((name) => ['-o', `${name}.check_checksum:TRUE`]);
  const STATUS = ['ip', 'udp', 'tcp', 'icmp', 'icmpv6', 'sctp'].map(
    (name) => `${name}.checksum.status`,
  );
  /** What tshark calls the layers; several names are of one layer, or of none of ours. */
  const CALLED: Partial<Record<string, LayerKind>> = {
    eth: 'ethernet',
    vlan: 'vlan',
    ieee8021ad: 'vlan',
    mpls: 'mpls',
    pppoes: 'pppoe',
    arp: 'arp',
    ip: 'ipv4',
    ipv6: 'ipv6',
    'ipv6.hopopts': 'hopByHop',
    'ipv6.routing': 'routing',
    'ipv6.dstopts': 'destinationOptions',
    'ipv6.fraghdr': 'fragment',
    icmp: 'icmp',
    icmpv6: 'icmpv6',
    udp: 'udp',
    tcp: 'tcp',
    sctp: 'sctp',
    gre: 'gre',
    vxlan: 'vxlan',
    geneve: 'geneve',
  };

  /** It names a stack of labels once, three tags as two, and chunks not at all. */
  const namedBy = (way: readonly LayerKind[]) =>
    way.filter(
      (kind, i) => kind !== 'sctpData' && !(STACKED.includes(kind) && way[i - 1] === kind),
    );
  const STACKED: readonly LayerKind[] = ['mpls', 'vlan'];

  async function read(packets: readonly Uint8Array[]) {
    const folder = folderOfTest();
    const file = join(folder, 'stacks.pcap');
    writeFileSync(file, pcap(packets.map((bytes, i) => ({ bytes, time: BigInt(i) * 1_000_000n }))));
    const fields = ['frame.protocols', '_ws.malformed', ...STATUS].flatMap((name) => ['-e', name]);
    const preferences = [...CHECKS, '-o', 'sctp.checksum:TRUE', '-o', 'ip.defragment:FALSE'];
    const args = ['-n', '-r', file, ...preferences, '-T', 'fields', '-E', 'separator=;', ...fields];
    const tshark = findTool('tshark') ?? '';
    const { stdout } = await execute(tshark, args, { maxBuffer: 2 ** 26 });
    return stdout
      .trimEnd()
      .split('\n')
      .map((line) => {
        const [protocols = '', malformed = '', ...status] = line.split(';');
        const layers = namedBy(protocols.split(':').flatMap((name) => CALLED[name] ?? []));
        // 0 is bad; 1 good; 2 unverified; 3 not present
        return {
          layers,
          malformed,
          bad: status.flatMap((all) => all.split(',')).filter((one) => one === '0'),
        };
      });
  }

  it('is every pair of layers what it says, with right checksums', async () => {
    // From a link to each kind, by the shortest way, and from there to each that may follow.
    const ways = new Map<LayerKind, LayerKind[]>([['ethernet', ['ethernet']]]);
    for (const [kind, way] of ways) {
      for (const next of ABOVE[kind]) if (!ways.has(next)) ways.set(next, [...way, next]);
    }
    const pairs = [...ways].flatMap(([kind, way]) =>
      ABOVE[kind].map((next) => finished([...way, next])),
    );
    expect(new Set(pairs.flat()).size).toBe(Object.keys(KINDS).length);
    const stacks = pairs.map(
      (way) => fc.sample(layersOfKinds(way), { numRuns: 1, seed: 7 })[0] ?? [],
    );
    const packets = stacks.map((layers) =>
      template({ layers, payload: 'a payload of 24 bytes   ' }),
    );
    const seen = await read(packets.map(({ bytes }) => bytes));
    for (const [i, way] of pairs.entries()) {
      const named = namedBy(way);
      expect([way, seen[i]]).toMatchObject([way, { malformed: '', bad: [] }]);
      expect(seen[i]?.layers.slice(0, named.length)).toEqual(named);
    }
  });

  it('is neighbour discovery what it says, and what errors quote', async () => {
    const target = '2001:2::3';
    const linkAddress = ethernet.source;
    const messages = [
      { type: 'neighbour-solicitation', target, linkAddress },
      { type: 'neighbour-advertisement', target, linkAddress, solicited: true, override: true },
      { type: 'router-solicitation', linkAddress },
      { type: 'router-advertisement', linkAddress, hopLimit: 9, routerLifetime: 60 },
      { type: 'redirect', target, destination: '2001:2::4', linkAddress },
    ] as const;
    const errors: NamedLayer[][] = [
      [{ ipv6 }, { icmpv6: { type: 'packet-too-big', mtu: 1280 } }, { ipv6 }, { udp }],
      [{ ipv4 }, { icmp: { type: 'unreachable', code: 4, mtu: 1280 } }, { ipv4 }, { udp }],
      [{ ipv4 }, { icmp: { type: 'redirect', gateway: '198.18.0.9' } }, { ipv4 }, { udp }],
    ];
    const packets = [
      ...messages.map((icmpv6): NamedLayer[] => [
        { ethernet },
        { ipv6: { ...ipv6, hopLimit: 255 } },
        { icmpv6 },
      ]),
      ...errors.map((layers): NamedLayer[] => [{ ethernet }, ...layers]),
    ];
    const seen = await read(packets.map((layers) => template({ layers }).bytes));
    for (const [i, layers] of packets.entries()) {
      expect([i, seen[i]]).toMatchObject([i, { malformed: '', bad: [] }]);
      expect(seen[i]?.layers).toEqual(layers.map((layer) => Object.keys(layer)[0]));
    }
  });

  it('are hundreds of stacks at random what they say, with right checksums', async () => {
    const stacks = fc.sample(stack, { numRuns: 600, seed: 20_261_127 });
    const packets = stacks.map(({ layers, payload }) => template({ layers, payload }));
    const seen = await read(packets.map(({ bytes }) => bytes));
    for (const [i, { way }] of stacks.entries()) {
      const named = namedBy(way);
      expect([i, way, seen[i]]).toMatchObject([i, way, { bad: [] }]);
      expect(seen[i]?.layers.slice(0, named.length)).toEqual(named);
    }
  });
});
