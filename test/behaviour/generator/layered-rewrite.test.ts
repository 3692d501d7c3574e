// Packets within packets: a frame that is rewritten is the frame that the template makes with the new
// addresses, byte for byte, all lengths and checksums included.
import { describe, expect, it } from 'vitest';
import { type PacketDescription, type Rewrite, template } from 'zerosend/generator';

const { Rewriter } = await import('../../../lib/generator/replay/rewrite.js');

type Layers = NonNullable<PacketDescription['layers']>;
/** The layers of a frame, by a name for each of its hosts. */
type Make = (of: typeof BEFORE) => Layers;

const BEFORE = {
  a: '10.1.0.1',
  b: '10.1.0.2',
  c: '10.2.3.4',
  d: '10.2.3.5',
  a6: '2001:db8:1::1',
  b6: '2001:db8:1::2',
  c6: '2001:db8:2::1:2:3',
  // another one by its last bytes, which name its groups
  t6: '2001:db8:5::aa:bbcc',
  group: 'ff02::1:ffaa:bbcc',
  groupMac: '33:33:ff:aa:bb:cc',
  ssm: '239.1.2.3',
  ssmMac: '01:00:5e:01:02:03',
  mac: '02:00:00:00:00:01',
  peer: '02:00:00:00:00:02',
  port: 5000,
};
const AFTER = {
  a: '198.18.0.1',
  b: '198.18.0.2',
  c: '198.19.0.4',
  d: '198.19.0.5',
  a6: '2001:2:77::1',
  b6: '2001:2:77::2',
  c6: '2001:2:8:9:a:1:2:3',
  t6: '2001:2:78::12:3456',
  group: 'ff02::1:ff12:3456',
  groupMac: '33:33:ff:12:34:56',
  ssm: '239.200.7.3',
  ssmMac: '01:00:5e:48:07:03',
  mac: '02:00:00:00:00:aa',
  peer: '02:00:00:00:00:bb',
  port: 6001,
};
const REWRITE: Rewrite = {
  addresses: {
    '10.1.0.0/16': '198.18.0.0/16',
    '10.2.3.0-10.2.3.255': '198.19.0.0-198.19.0.255',
    '2001:db8:1::/48': '2001:2:77::/48',
    '2001:db8:2::-2001:db8:2::ff:ffff:ffff': '2001:2:8:9:a::/80',
    [BEFORE.t6]: AFTER.t6,
    [BEFORE.ssm]: AFTER.ssm,
  },
  ports: { 5000: 6001 },
  ethernet: {
    addresses: { '02:00:00:00:00:01': AFTER.mac, '02:00:00:00:00:02': AFTER.peer },
  },
};

const ethernet = ({ mac, peer }: typeof BEFORE) => {
  return { ethernet: { source: mac, destination: peer } };
};
const ab = ({ a, b }: typeof BEFORE) => ({ ipv4: { source: a, destination: b, id: 7 } });
const cd = ({ c, d }: typeof BEFORE) => ({ ipv4: { source: c, destination: d, ttl: 9 } });
const ab6 = ({ a6, b6 }: typeof BEFORE) => ({ ipv6: { source: a6, destination: b6 } });
const c6 = ({ c6, a6 }: typeof BEFORE) => ({ ipv6: { source: c6, destination: a6 } });
const udp = ({ port }: typeof BEFORE) => ({ udp: { source: port, destination: 53 } });
const toGroup = ({ mac, groupMac }: typeof BEFORE) => {
  return { ethernet: { source: mac, destination: groupMac } };
};
/** Asks for a neighbour by the group of its address. */
const solicits = ({ a6, group, t6, mac }: typeof BEFORE, source = a6): Layers => [
  { ipv6: { source, destination: group, hopLimit: 255 } },
  { icmpv6: { type: 'neighbour-solicitation', target: t6, linkAddress: mac } },
];
const tcp = ({ port }: typeof BEFORE) => ({ tcp: { source: 80, destination: port } });
const toPort = (destination: number) => ({ udp: { source: 50_000, destination } });

const FRAMES: [string, Make][] = [
  ['UDP', (of) => [ethernet(of), ab(of), udp(of)]],
  [
    'TCP, tagged twice',
    (of) => [ethernet(of), { vlan: { id: 5 } }, { vlan: { id: 6 } }, ab6(of), tcp(of)],
  ],
  ['IPv4 in IPv4', (of) => [ethernet(of), ab(of), cd(of), udp(of)]],
  ['IPv6 in IPv4', (of) => [ethernet(of), ab(of), c6(of), tcp(of)]],
  ['IPv4 in IPv6', (of) => [ethernet(of), ab6(of), cd(of), udp(of)]],
  ['IPv6 in IPv6 in IPv6', (of) => [ethernet(of), ab6(of), c6(of), ab6(of), tcp(of)]],
  ['GRE', (of) => [ethernet(of), ab(of), { gre: {} }, cd(of), udp(of)]],
  [
    'GRE with checksum, key and number',
    (of) => [
      ethernet(of),
      ab(of),
      { gre: { checksum: true, key: 9, sequence: 3 } },
      c6(of),
      tcp(of),
    ],
  ],
  [
    'GRE in UDP, with a checksum',
    (of) => [
      ethernet(of),
      ab(of),
      { udp: { source: 49_152, destination: 4754 } },
      { gre: { checksum: true } },
      cd(of),
      udp(of),
    ],
  ],
  ['Ethernet in GRE', (of) => [ethernet(of), ab(of), { gre: {} }, ethernet(of), cd(of), tcp(of)]],
  [
    'VXLAN',
    (of) => [
      ethernet(of),
      ab(of),
      toPort(4789),
      { vxlan: { vni: 7 } },
      ethernet(of),
      cd(of),
      tcp(of),
    ],
  ],
  [
    'VXLAN over IPv6, tagged within',
    (of) => [
      ...[ethernet(of), ab6(of), toPort(4789), { vxlan: { vni: 7 } }],
      ...[ethernet(of), { vlan: { id: 9 } }, c6(of), udp(of)],
    ],
  ],
  [
    'GENEVE',
    (of) => [
      ethernet(of),
      ab6(of),
      toPort(6081),
      { geneve: { vni: 7 } },
      ethernet(of),
      cd(of),
      udp(of),
    ],
  ],
  ['MPLS', (of) => [ethernet(of), { mpls: { label: 5 } }, { mpls: { label: 6 } }, cd(of), udp(of)]],
  [
    'MPLS in UDP',
    (of) => [ethernet(of), ab(of), toPort(6635), { mpls: { label: 5 } }, c6(of), tcp(of)],
  ],
  ['PPPoE', (of) => [ethernet(of), { pppoe: { sessionId: 3 } }, ab(of), tcp(of)]],
  ['PPPoE with IPv6', (of) => [ethernet(of), { pppoe: { sessionId: 3 } }, c6(of), udp(of)]],
  [
    'ARP',
    ({ mac, peer, a, b }) => [
      { ethernet: { source: mac, destination: 'ff:ff:ff:ff:ff:ff' } },
      { arp: { senderEthernet: mac, senderIpv4: a, targetEthernet: peer, targetIpv4: b } },
    ],
  ],
  [
    'an ICMP error',
    (of) => [ethernet(of), ab(of), { icmp: { type: 'unreachable', code: 3 } }, cd(of), udp(of)],
  ],
  [
    'an ICMP redirect',
    (of) => [ethernet(of), ab(of), { icmp: { type: 'redirect', gateway: of.c } }, cd(of), udp(of)],
  ],
  [
    'an ICMPv6 error',
    (of) => [
      ethernet(of),
      ab6(of),
      { icmpv6: { type: 'packet-too-big', mtu: 1280 } },
      c6(of),
      tcp(of),
    ],
  ],
  [
    'an error that quotes a tunnel',
    (of) => [
      ethernet(of),
      ab(of),
      { icmp: { type: 'time-exceeded' } },
      cd(of),
      { gre: {} },
      c6(of),
      udp(of),
    ],
  ],
  ...(['neighbour-solicitation', 'neighbour-advertisement'] as const).map(
    (type): [string, Make] => [
      type,
      (of) => [ethernet(of), ab6(of), { icmpv6: { type, target: of.c6, linkAddress: of.mac } }],
    ],
  ),
  ['neighbour-solicitation by a group', (of) => [toGroup(of), ...solicits(of)]],
  [
    'neighbour-solicitation of who looks whether its address is free, tagged',
    (of) => [toGroup(of), { vlan: { id: 7 } }, ...solicits(of, '::')],
  ],
  [
    'neighbour-solicitation behind an extension header',
    (of) => {
      const [ip, message] = solicits(of) as [Layers[number], Layers[number]];
      return [toGroup(of), ip, { hopByHop: {} }, message];
    },
  ],
  [
    'neighbour-solicitation in VXLAN',
    (of) => [
      ethernet(of),
      ab(of),
      toPort(4789),
      { vxlan: { vni: 9 } },
      toGroup(of),
      ...solicits(of),
    ],
  ],
  [
    'neighbour-solicitation in GRE, as a frame',
    (of) => [ethernet(of), ab6(of), { gre: {} }, toGroup(of), ...solicits(of)],
  ],
  [
    'neighbour-solicitation that an error quotes',
    (of) => [ethernet(of), c6(of), { icmpv6: { type: 'time-exceeded' } }, ...solicits(of)],
  ],
  [
    'a group of IPv4',
    (of) => [
      { ethernet: { source: of.mac, destination: of.ssmMac } },
      { ipv4: { source: of.a, destination: of.ssm } },
      udp(of),
    ],
  ],
  [
    'a redirect of neighbour discovery',
    (of) => [
      ethernet(of),
      ab6(of),
      { icmpv6: { type: 'redirect', target: of.c6, destination: of.a6, linkAddress: of.peer } },
    ],
  ],
  [
    'a router advertisement',
    (of) => [
      ethernet(of),
      ab6(of),
      { icmpv6: { type: 'router-advertisement', linkAddress: of.mac } },
    ],
  ],
  [
    'a first fragment',
    (of) => [ethernet(of), { ipv4: { ...ab(of).ipv4, moreFragments: true } }, tcp(of)],
  ],
  [
    'behind extension headers',
    (of) => [ethernet(of), ab6(of), { hopByHop: {} }, { destinationOptions: {} }, cd(of), udp(of)],
  ],
];

const bytesOf = (layers: Layers, payload: string | Uint8Array) =>
  Buffer.from(template({ layers, payload }).bytes);
const rewrite = (frame: Buffer, options: Rewrite, linkType = 1) => {
  const rewriter = new Rewriter(options);
  const retagged = Buffer.from(rewriter.retag(frame));
  return { kinds: rewriter.apply(retagged, linkType), frame: retagged };
};
const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex');

describe('a frame that is rewritten', () => {
  const payloads = (name: string) =>
    /neighbour|redirect of|router/.test(name) ? [''] : ['', 'odd', 'a longer payload'];
  it.each(FRAMES)('is as if made so, inside and out: %s', (name, make) => {
    for (const payload of payloads(name)) {
      const before = bytesOf(make(BEFORE), payload);
      const { frame, kinds } = rewrite(before, REWRITE);
      expect(hex(frame)).toBe(hex(bytesOf(make(AFTER), payload)));
      expect(kinds).toEqual([]);
      // And back again, which tells what was left out on both ways.
      const back: Rewrite = {
        addresses: {
          '198.18.0.0/16': '10.1.0.0/16',
          '198.19.0.0/24': '10.2.3.0/24',
          '2001:2:77::/48': '2001:db8:1::/48',
          '2001:2:8:9:a::/80': '2001:db8:2::/80',
          [AFTER.t6]: BEFORE.t6,
          [AFTER.ssm]: BEFORE.ssm,
        },
        ports: { 6001: 5000 },
        ethernet: { addresses: { [AFTER.mac]: BEFORE.mac, [AFTER.peer]: BEFORE.peer } },
      };
      expect(hex(rewrite(frame, back).frame)).toBe(hex(bytesOf(make(BEFORE), payload)));
    }
  });

  it.each(FRAMES)('keeps what it has where checksums are worked out anew: %s', (name, make) => {
    for (const payload of payloads(name)) {
      const before = bytesOf(make(BEFORE), payload);
      const right = hex(bytesOf(make(AFTER), payload));
      if (!name.includes('fragment')) {
        expect(hex(rewrite(before, { ...REWRITE, checksums: true }).frame)).toBe(right);
      }
    }
  });

  it.each(FRAMES)('stays as it is cut off anywhere, and nothing throws: %s', (_, make) => {
    const whole = bytesOf(make(BEFORE), 'payload');
    for (let length = 0; length < whole.length; length++) {
      const { frame } = rewrite(Buffer.from(whole.subarray(0, length)), REWRITE);
      expect(frame).toHaveLength(length);
    }
  });

  it('has the MAC addresses of its header in ARP and neighbour discovery, too', () => {
    const fixed: Rewrite = { ethernet: { source: AFTER.mac, destination: AFTER.peer } };
    const arp = FRAMES.find(([name]) => name === 'ARP')?.[1](BEFORE)[1] as Layers[number];
    const reply: [string, Make] = ['an ARP reply', (of) => [ethernet(of), arp]];
    for (const [name, make] of [reply, ...FRAMES.filter(([name]) => /^neighbour/.test(name))]) {
      const { frame, kinds } = rewrite(bytesOf(make(BEFORE), ''), fixed);
      expect(kinds, name).toEqual([]);
      expect(hex(frame)).not.toMatch(/02000000000[12]/);
    }
    // Of somebody else it is not known what to make.
    const other = { ethernet: { source: '02:00:00:00:00:09', destination: BEFORE.peer } };
    const proxy = bytesOf([other, arp], '');
    expect(rewrite(proxy, fixed).kinds).toEqual(['arp']);
  });

  it('follows its groups as far as no rule says otherwise', () => {
    const asks = (of: typeof BEFORE) => bytesOf([toGroup(of), ...solicits(of)], '');
    const ruled = (group: string, rules: Rewrite): [Buffer, Buffer] => {
      const frame = rewrite(asks(BEFORE), { ...REWRITE, ...rules }).frame;
      return [frame, asks({ ...AFTER, mac: BEFORE.mac, group: group || AFTER.group })];
    };
    const { addresses } = REWRITE;
    const own = '02:00:00:00:00:77';
    const cases: [string, [Buffer, Buffer]][] = [
      [own, ruled(AFTER.group, { ethernet: { destination: own } })],
      // Also where it is the very group that was captured.
      [BEFORE.groupMac, ruled(AFTER.group, { ethernet: { destination: BEFORE.groupMac } })],
      [own, ruled(AFTER.group, { ethernet: { addresses: { [BEFORE.groupMac]: own } } })],
      [
        '33:33:00:00:00:01',
        ruled('ff02::1', { addresses: { ...addresses, [BEFORE.group]: 'ff02::1' }, ethernet: {} }),
      ],
      // What is no group any more has none on Ethernet.
      [
        BEFORE.groupMac,
        ruled(AFTER.b6, { addresses: { ...addresses, [BEFORE.group]: AFTER.b6 }, ethernet: {} }),
      ],
    ];
    for (const [mac, [frame, want]] of cases) {
      want.write(mac.replaceAll(':', ''), 'hex');
      expect(hex(frame)).toBe(hex(want));
    }
    // That it stays is a rule as well.
    const { group: stays, groupMac } = BEFORE;
    const [byAddress] = ruled('', { addresses: { ...addresses, [stays]: stays } });
    expect(hex(byAddress)).toBe(hex(asks({ ...AFTER, group: stays, groupMac })));
    const ownMac = { ...REWRITE.ethernet?.addresses, [groupMac]: groupMac };
    const [byMac] = ruled('', { ethernet: { addresses: ownMac } });
    expect(hex(byMac)).toBe(hex(asks({ ...AFTER, groupMac })));
    // Those who are asked by another way, and what goes elsewhere on Ethernet, keep it.
    for (const of of [{ group: BEFORE.b6 }, { group: 'ff02::1:ffaa:bbcd' }, { group: 'ff02::1' }]) {
      const after = { ...AFTER, ...of, groupMac: BEFORE.groupMac };
      if (of.group === BEFORE.b6) after.group = AFTER.b6;
      const { frame } = rewrite(asks({ ...BEFORE, ...of }), REWRITE);
      expect(hex(frame)).toBe(hex(asks(after)));
    }
    const elsewhere = { ...BEFORE, groupMac: BEFORE.peer };
    const { frame } = rewrite(asks(elsewhere), REWRITE);
    expect(hex(frame)).toBe(hex(asks({ ...AFTER, groupMac: AFTER.peer })));
  });

  it('goes to the group of the address that its target has in each loop', () => {
    const rewriter = new Rewriter({ eachLoop: { '2001:db8:5::/64': 0x10_0001 } });
    for (const loop of [0, 1, 2, 5]) {
      const low = (0xaabbcc + loop * 0x10_0001).toString(16).padStart(8, '0');
      const [high, third, fourth, fifth] = low.match(/../g) as string[];
      const of = {
        ...BEFORE,
        t6: `2001:db8:5::${high}${third}:${fourth}${fifth}`,
        group: `ff02::1:ff${third}:${fourth}${fifth}`,
        groupMac: `33:33:ff:${third}:${fourth}:${fifth}`,
      };
      const frame = bytesOf([toGroup(BEFORE), ...solicits(BEFORE)], '');
      rewriter.loop = loop;
      rewriter.apply(frame, 1);
      expect(hex(frame)).toBe(hex(bytesOf([toGroup(of), ...solicits(of)], '')));
    }
  });

  it('quotes only a part of a packet: what is there is rewritten', () => {
    const whole = (of: typeof BEFORE) => bytesOf([cd(of), udp(of)], 'the rest is not quoted');
    const error = (of: typeof BEFORE) => {
      const quote = whole(of).subarray(0, 28);
      const icmp = { type: 'unreachable' as const };
      return bytesOf([ethernet(of), ab(of), { icmp }], quote);
    };
    expect(hex(rewrite(error(BEFORE), REWRITE).frame)).toBe(hex(error(AFTER)));
  });

  it('moves on to other addresses with each loop, within the range', () => {
    const rewriter = new Rewriter({
      addresses: { '10.1.0.0/16': '198.18.0.0/16' },
      eachLoop: { '198.18.0.0/30': 1, '10.2.3.0/24': -2 },
    });
    const sources = [0, 1, 2, 3, 4].map((loop) => {
      const frame = bytesOf([ethernet(BEFORE), ab(BEFORE), cd(BEFORE), udp(BEFORE)], 'x');
      rewriter.loop = loop;
      rewriter.apply(frame, 1);
      const of = { ...BEFORE, a: `198.18.0.${(1 + loop) % 4}`, b: `198.18.0.${(2 + loop) % 4}` };
      const inner = { ...of, c: `10.2.3.${4 - 2 * loop + (loop > 2 ? 256 : 0)}` };
      const d = 5 - 2 * loop;
      const want = { ...inner, d: `10.2.3.${d < 0 ? d + 256 : d}` };
      expect(hex(frame)).toBe(hex(bytesOf([ethernet(of), ab(of), cd(want), udp(of)], 'x')));
      return frame.readUInt32BE(26);
    });
    expect(new Set(sources).size).toBe(4);
  });
});

describe('the tags of a frame', () => {
  const frame = (...ids: { id: number; priority?: number; tpid?: number }[]) =>
    bytesOf([ethernet(BEFORE), ...ids.map((vlan) => ({ vlan })), ab(BEFORE), udp(BEFORE)], 'x');
  const two = frame({ id: 5, priority: 3 }, { id: 6 });
  it.each<[string, Buffer, Rewrite['vlan'], Buffer]>([
    ['are mapped', two, { map: { 5: 50, 6: 4095 } }, frame({ id: 50, priority: 3 }, { id: 4095 })],
    ['are taken off outside', two, { remove: 'outer' }, frame({ id: 6 })],
    ['are all taken off', two, { remove: 'all' }, frame()],
    ['are none where there are none', frame(), { remove: 'outer', map: { 0: 1 } }, frame()],
    ['are added', frame(), { add: { id: 9, priority: 7 } }, frame({ id: 9, priority: 7 })],
    ['are added before others', frame({ id: 6 }), { add: { id: 9 } }, frame({ id: 9 }, { id: 6 })],
    [
      'are others',
      two,
      { remove: 'all', add: [{ id: 1, tpid: 0x9100 }, { id: 2 }] },
      frame({ id: 1, tpid: 0x9100 }, { id: 2 }),
    ],
  ])('%s', (_, before, vlan, after) => {
    expect(hex(rewrite(Buffer.from(before), { vlan: vlan ?? {} }).frame)).toBe(hex(after));
  });
});

describe('rewriting refuses', () => {
  it.each<[object, string]>([
    [{ addresses: { '10.0.0.9-10.0.0.1': '10.0.0.1' } }, 'ERR_ZEROSEND_OUT_OF_RANGE'],
    [{ addresses: { '10.0.0.1-::1': '10.0.0.1' } }, 'ERR_ZEROSEND_INVALID_ADDRESS'],
    [{ addresses: { '10.0.0.1-10.0.0.5': '::1' } }, 'ERR_ZEROSEND_INVALID_ADDRESS'],
    [{ eachLoop: { '10.0.0.0/8': 0.5 } }, 'ERR_ZEROSEND_OUT_OF_RANGE'],
    [{ eachLoop: { '10.0.0.0': '1' } }, 'ERR_ZEROSEND_INVALID_ARGUMENT'],
    [{ vlan: { map: { 4096: 1 } } }, 'ERR_ZEROSEND_OUT_OF_RANGE'],
    [{ vlan: { add: { id: 5000 } } }, 'ERR_ZEROSEND_OUT_OF_RANGE'],
    [{ vlan: { remove: 'inner' } }, 'ERR_ZEROSEND_INVALID_ARGUMENT'],
    [{ ethernet: { addresses: { x: '02:00:00:00:00:01' } } }, 'ERR_ZEROSEND_INVALID_ADDRESS'],
    [{ mac: {} }, 'ERR_ZEROSEND_INVALID_ARGUMENT'],
  ])('%o', (options, code) => {
    expect(() => new Rewriter(options as Rewrite)).toThrow(expect.objectContaining({ code }));
  });
});
