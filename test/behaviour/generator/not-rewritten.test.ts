import { describe, expect, it } from 'vitest';
import type { Rewrite } from 'zerosend/generator';

const { Rewriter } = await import('../../../lib/generator/replay/rewrite.js');
const { sendable } = await import('./support/sendable.js');

const FROM = Buffer.from('0a010203', 'hex'); // 10.1.2.3
const TO = Buffer.from('0a090909', 'hex');
const FROM6 = Buffer.from(`20010db8${'00'.repeat(11)}01`, 'hex');
const TO6 = Buffer.from(`20010db8${'00'.repeat(11)}02`, 'hex');
const ADDRESSES: Rewrite = {
  addresses: { '10.0.0.0/8': '198.0.0.0/8', '2001:db8::/32': '2001:2::/32' },
};
const ETHERNET: Rewrite = { ethernet: { source: '02:00:00:00:00:aa' } };

const of = (...values: (number | Uint8Array)[]) =>
  Buffer.concat(values.map((value) => (typeof value === 'number' ? Buffer.of(value) : value)));
const zeros = (length: number) => Buffer.alloc(length);
const word = (value: number) => of(value >> 8, value & 0xff);
const ethernet = (type: number, payload: Uint8Array) =>
  of(zeros(5), 2, zeros(5), 1, word(type), payload);
const ipv4 = (protocol: number, payload: Uint8Array, { options = zeros(0), place = 0 } = {}) => {
  const header = 20 + options.length;
  const ends = of(word(header + payload.length), zeros(2), word(place), 64, protocol, zeros(2));
  return ethernet(0x0800, of(0x40 + header / 4, 0, ends, FROM, TO, options, payload));
};
const ipv6 = (next: number, payload: Uint8Array) =>
  ethernet(0x86dd, of(0x60, zeros(3), word(payload.length), next, 64, FROM6, TO6, payload));
const udp = (source: number, destination: number, payload = zeros(8)) =>
  of(word(source), word(destination), word(8 + payload.length), 0, 0, payload);
const icmpv6 = (type: number) => of(type, zeros(47));

/** What is counted of frames that are to be sent. */
function countsOf(frames: Uint8Array[], rewrite: Rewrite, kind: 'frame' | 'datagram' = 'frame') {
  const captured = frames.map((bytes) => ({
    bytes,
    originalLength: bytes.length,
    time: 0n,
    linkType: 1,
    offset: 0,
  }));
  const capture = { format: 'pcap' as const, snapped: 0, skippedBlocks: 0, problem: null };
  const to = { kind, maxLength: 9000, mtu: 1500, virtioNetHeader: false, snapped: 'skip' as const };
  return sendable({ ...capture, frames: captured }, new Rewriter(rewrite), to).notRewritten;
}

const FRAMES: [string, Buffer, string[]][] = [
  ['UDP', ipv4(17, udp(5000, 5001)), []],
  ['UDP over IPv6', ipv6(17, udp(5000, 5001)), []],
  ['TCP', ipv4(6, zeros(20)), []],
  ['an echo', ipv4(1, of(8, zeros(7))), []],
  ['an echo over IPv6', ipv6(58, icmpv6(128)), []],
  ['nothing in IPv6', ipv6(59, zeros(0)), []],
  ['ARP', ethernet(0x0806, zeros(46)), ['arp']],
  ['RARP', ethernet(0x8035, zeros(46)), ['arp']],
  ['ARP behind a tag', ethernet(0x8100, of(0, 7, word(0x0806), zeros(46))), ['arp']],
  ...[133, 134, 135, 136, 137, 141].map((type): [string, Buffer, string[]] => [
    `neighbour discovery ${type}`,
    ipv6(58, icmpv6(type)),
    ['neighbourDiscovery'],
  ]),
  ...[3, 4, 5, 11, 12].map((type): [string, Buffer, string[]] => [
    `ICMP error ${type}`,
    ipv4(1, of(type, zeros(27))),
    ['icmpError'],
  ]),
  ...[1, 2, 3, 4].map((type): [string, Buffer, string[]] => [
    `ICMPv6 error ${type}`,
    ipv6(58, icmpv6(type)),
    ['icmpError'],
  ]),
  // Of a group of neighbours it is not known whose addresses they are.
  ...[130, 131, 132, 143].map((type): [string, Buffer, string[]] => [
    `MLD ${type}`,
    ipv6(58, icmpv6(type)),
    ['controlMessage'],
  ]),
  ['IGMP', ipv4(2, zeros(8)), ['controlMessage']],
  ['OSPF', ipv4(89, of(2, zeros(23))), ['controlMessage']],
  ['VRRP', ipv4(112, of(0x31, zeros(11))), ['controlMessage']],
  ['PIM', ipv6(103, of(0x20, zeros(7))), ['controlMessage']],
  ['PIM Register', ipv6(103, of(0x21, zeros(47))), ['tunnel']],
  ['IPv4 in IPv4', ipv4(4, zeros(20)), ['tunnel']],
  ['IPv6 in IPv4', ipv4(41, zeros(40)), ['tunnel']],
  ['IPv6 in IPv6', ipv6(41, zeros(40)), ['tunnel']],
  ['GRE', ipv4(47, zeros(24)), ['tunnel']],
  ['VXLAN', ipv4(17, udp(50_000, 4789)), ['tunnel']],
  ['VXLAN of Linux', ipv6(17, udp(50_000, 8472)), ['tunnel']],
  ['GENEVE', ipv4(17, udp(50_000, 6081)), ['tunnel']],
  ['an answer of GTP-U', ipv4(17, udp(2152, 50_000)), ['tunnel']],
  ['ESP', ipv4(50, zeros(24)), ['encrypted']],
  ['GRE behind AH', ipv4(51, of(47, 1, zeros(10), zeros(24))), ['tunnel']],
  ['a record route', ipv4(17, udp(5, 6), { options: of(7, 7, 8, FROM, 0) }), ['ipOptions']],
  ['times without addresses', ipv4(17, udp(5, 6), { options: of(68, 8, 5, 0, zeros(4)) }), []],
  [
    'times with addresses',
    ipv4(17, udp(5, 6), { options: of(68, 12, 5, 1, zeros(8)) }),
    ['ipOptions'],
  ],
  ['a routing header', ipv6(43, of(17, 2, 4, 0, zeros(20), udp(5, 6))), ['ipOptions']],
  [
    'a home address',
    ipv6(60, of(58, 2, 1, 2, 0, 0, 0xc9, 16, FROM6, icmpv6(135))),
    ['ipOptions', 'neighbourDiscovery'],
  ],
  ['MPLS', ethernet(0x8847, zeros(46)), ['mpls']],
  ['PPPoE', ethernet(0x8864, zeros(46)), ['pppoe']],
  ['PPPoE discovery', ethernet(0x8863, zeros(46)), ['pppoe']],
  ['SNAP', ethernet(46, of(0xaa, 0xaa, 3, 0, 0, 0, word(0x0800), zeros(38))), ['llc']],
  ['spanning tree', ethernet(38, of(0x42, 0x42, 3, zeros(43))), ['llc']],
  ['LLDP', ethernet(0x88cc, zeros(46)), ['other']],
  ['SCTP', ipv4(132, zeros(32)), ['other']],
  ['IPv4 of version 5', ethernet(0x0800, of(0x55, zeros(45))), ['malformed']],
  ['IPv4 that is cut off', ethernet(0x0800, of(0x45, zeros(10))), ['malformed']],
  ['IPv6 that is cut off', ethernet(0x86dd, of(0x60, zeros(38))), ['malformed']],
  ['a first fragment of GRE', ipv4(47, zeros(24), { place: 0x2000 }), ['tunnel']],
  // What it holds is told by the first one.
  ['a later fragment of GRE', ipv4(47, zeros(24), { place: 3 }), []],
];

describe('addresses that are not rewritten', () => {
  it.each(FRAMES)('are counted: %s', (_, frame, kinds) => {
    const counted = Object.fromEntries(kinds.map((kind) => [kind, 1]));
    expect(countsOf([frame], ADDRESSES)).toEqual(counted);
    expect(countsOf([frame, frame], { ...ADDRESSES, ...ETHERNET })).toEqual(
      Object.fromEntries(kinds.map((kind) => [kind, 2])),
    );
    // Nobody has asked for addresses to be rewritten.
    expect(countsOf([frame], {})).toEqual({});
    expect(countsOf([frame], { ports: { 5: 6 }, checksums: true })).toEqual({});
    // MAC addresses are in these.
    const mac = kinds.filter((kind) => kind === 'arp' || kind === 'neighbourDiscovery');
    expect(countsOf([frame], ETHERNET)).toEqual(Object.fromEntries(mac.map((kind) => [kind, 1])));
  });

  it('are counted of frames that are sent', () => {
    const long = ethernet(0x0806, zeros(1501));
    expect(countsOf([long, ethernet(0x0806, zeros(46)), zeros(5)], ADDRESSES)).toEqual({ arp: 1 });
  });

  it('are counted in the payload of datagrams, not in headers that do not leave', () => {
    const routed = ipv6(43, of(17, 2, 4, 0, zeros(20), udp(5, 6)));
    const frames = [routed, ipv4(17, udp(5, 4789)), ethernet(0x0806, zeros(46))];
    expect(countsOf(frames, ADDRESSES, 'datagram')).toEqual({ tunnel: 1 });
  });
});
