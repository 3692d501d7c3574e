import { writeFileSync } from 'node:fs';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { generate, type ReplayOptions, type Rewrite, replay, template } from 'zerosend/generator';
import { needsRig } from '../../rig/needs.js';
import { openTo, startPeer } from '../../support/endpoints.js';
import { description } from './support/arbitrary.js';
import { parse } from './support/oracle.js';
import { pcap, type Written } from './support/pcap-writer.js';
import { ETHERNET, INTACT, Wire } from './support/wire.js';

const IPV4 = { source: '10.1.2.3', destination: '10.9.9.9' };
const IPV6 = { source: '2001:db8::1', destination: '2001:db8:1::2' };
const PORTS = { source: 4000, destination: 53 };
const MS = 1_000_000n;

/** Frames of all sorts, a number in the payload of each, 1 ms apart. */
function mixture(count: number): Written[] {
  return Array.from({ length: count }, (_, i) => {
    const payload = new Uint8Array(20 + (i % 50));
    new DataView(payload.buffer).setUint32(0, i);
    const kinds = [
      { ipv4: IPV4, udp: PORTS },
      { ipv4: IPV4, tcp: PORTS },
      { ipv6: IPV6, udp: PORTS },
      { ipv6: IPV6, tcp: PORTS },
      { vlan: { id: 7 }, ipv4: IPV4, udp: PORTS },
    ];
    const layers = kinds[i % kinds.length];
    return {
      bytes: template({ ethernet: ETHERNET, ...layers, payload }).bytes,
      time: BigInt(i) * MS,
    };
  });
}

describe('replay, over veth', await needsRig('veth', { here: true }), () => {
  let wire: Wire;
  beforeAll(async () => {
    wire = await Wire.set('veth');
  });
  afterAll(() => wire?.dispose());

  const run = async (
    frames: Written[] | Buffer,
    options: Partial<ReplayOptions>,
    kind: 'packet' | 'xdp' = 'packet',
    ring = 64,
  ) => {
    const capture = wire.file('replayed.pcap');
    writeFileSync(capture, Array.isArray(frames) ? pcap(frames, { nanoseconds: true }) : frames);
    return wire.hear(
      () => wire.run(kind, { frames: ring }, (socket) => replay({ socket, capture, ...options })),
      { sequence: 0, save: true },
    );
  };
  const hex = (frames: readonly Uint8Array[]) => frames.map((f) => Buffer.from(f).toString('hex'));

  it.each([
    ['packet', 64],
    ['packet', 256],
    ['xdp', 64],
  ] as const)(
    'sends every frame byte for byte, through a %s socket with %i frames',
    async (kind, ring) => {
      const frames = mixture(256);
      const { heard, frames: got, sent } = await run(frames, { speed: 10, loops: 2 }, kind, ring);
      expect(hex(got)).toEqual(hex([...frames, ...frames].map(({ bytes }) => bytes)));
      expect(heard).toMatchObject({ ...INTACT, duplicates: 256, unique: 256 });
      expect(sent.report).toMatchObject({
        ended: 'count',
        loops: 2,
        packets: 512,
        frames: 256,
        skipped: [],
        unordered: 0,
        problem: null,
        failed: 0,
        unfinished: 0,
      });
      expect(sent.closed).toMatchObject({ outcome: 'drained', ids: 512 });
    },
  );

  it('keeps the recorded timing, a multiple of it, or a rate; and none', async () => {
    const frames = mixture(201); // 200 ms
    const seconds = async (options: Partial<ReplayOptions>) => {
      const { sent } = await run(frames, options);
      expect(sent.report.packets).toBe(201);
      return sent.report;
    };
    const recorded = await seconds({});
    expect(recorded.seconds).toBeGreaterThanOrEqual(0.2);
    expect(recorded.lateness?.p50).toBeGreaterThan(0);
    const fast = await seconds({ speed: 2 });
    expect(fast.seconds).toBeGreaterThanOrEqual(0.1);
    expect(fast.seconds).toBeLessThan(recorded.seconds);
    const rated = await seconds({ rate: 400 });
    expect(rated.seconds).toBeGreaterThanOrEqual(0.5);
    const bytes = frames.reduce((sum, frame) => sum + frame.bytes.length, 0);
    const bits = await seconds({ rate: { bits: (bytes * 8) / 0.4 } });
    expect(bits.seconds).toBeGreaterThan(0.39);
    // 10 s of recorded time, at once.
    const flat = await seconds({ speed: Number.POSITIVE_INFINITY });
    expect(flat.seconds).toBeLessThan(recorded.seconds);
    expect(flat.lateness).toBeNull();
  });

  it('leaves out what cannot be sent, and says what and where', async () => {
    const long = template({ ethernet: ETHERNET, ipv4: IPV4, udp: PORTS, length: 1515 }).bytes;
    const tagged = template({
      ethernet: ETHERNET,
      vlan: { id: 1 },
      ipv4: IPV4,
      udp: PORTS,
      payload: Uint8Array.of(0, 0, 1, 0),
      length: 1518,
    }).bytes;
    const [small] = mixture(1) as [Written];
    const frames = [
      { ...small, originalLength: 99 },
      small,
      { bytes: long, time: 0n },
      { bytes: tagged, time: 0n },
      { bytes: new Uint8Array(13), time: 0n },
    ];
    const { frames: got, sent } = await run(frames, {});
    expect(hex(got)).toEqual(hex([small.bytes, tagged]));
    const snappedAt = 24;
    const longAt = 24 + 2 * (16 + small.bytes.length);
    expect(sent.report.skipped).toEqual([
      { reason: 'snapped', frames: 1, firstOffset: snappedAt, longest: 99 },
      { reason: 'too long', frames: 1, firstOffset: longAt, longest: 1515 },
      expect.objectContaining({ reason: 'no Ethernet frame', frames: 1, longest: 13 }),
    ]);
  });

  it('sends snapped frames as they are, or filled up', async () => {
    const [small] = mixture(1) as [Written];
    const snapped = [{ ...small, originalLength: small.bytes.length + 10 }];
    const asIs = await run(snapped, { snapped: 'send' });
    expect(hex(asIs.frames)).toEqual(hex([small.bytes]));
    const filled = await run(snapped, { snapped: 'pad' });
    expect(hex(filled.frames)).toEqual(hex([Buffer.concat([small.bytes, Buffer.alloc(10)])]));
  });

  it('sends what there is of a file that is cut off', async () => {
    const file = pcap(mixture(10));
    const { frames, sent } = await run(file.subarray(0, file.length - 1), {});
    expect(frames).toHaveLength(9);
    expect(sent.report.problem).toMatchObject({ message: expect.stringContaining('cut off') });
  });

  it('puts IP packets into Ethernet frames', async () => {
    const bare = template({ ipv4: IPV4, udp: PORTS, payload: Uint8Array.of(0, 0, 0, 1) }).bytes;
    const file = pcap([{ bytes: bare, time: 0n }], { linkType: 101 });
    const { frames } = await run(file, { rewrite: { ethernet: ETHERNET } });
    const whole = template({ ethernet: ETHERNET, ipv4: IPV4, udp: PORTS, payload: 'xxxx' }).bytes;
    expect(hex(frames)).toEqual(hex([Buffer.concat([whole.subarray(0, 14), bare])]));
  });

  it.each(['with its length', 'without a length, as before segmentation'])(
    'has the kernel cut TCP frames that were captured whole, %s',
    async (kind) => {
      const payload = new Uint8Array(20_000).map((_, i) => i % 251);
      const big = Buffer.from(
        template({ ethernet: ETHERNET, ipv4: IPV4, tcp: PORTS, payload }).bytes,
      );
      if (kind.startsWith('without')) big.writeUInt16BE(0, 16);
      const capture = pcap([{ bytes: big, time: 0n }, ...mixture(1)]);
      const virtioNetHeader = true;
      const ring = { frameSize: 32_000, frames: 8, virtioNetHeader };
      const { heard, frames } = await wire.hear(
        () => wire.run('packet', ring, (socket) => replay({ socket, capture, virtioNetHeader })),
        { save: true },
      );
      const segment = 1514 - 54;
      expect(heard).toMatchObject({ ...INTACT, frames: Math.ceil(20_000 / segment) + 1 });
      const sent = Buffer.concat(frames.slice(0, -1).map((frame) => frame.subarray(54)));
      expect(sent.equals(payload)).toBe(true);
    },
  );

  it.each<[string, object, number]>([
    ['UDP', { ipv4: IPV4, udp: PORTS }, 42],
    ['UDP over IPv6, tagged', { vlan: { id: 7 }, ipv6: IPV6, udp: PORTS }, 66],
    ['TCP behind a hop-by-hop header', { hop: true }, 82],
  ])('has the kernel cut %s', async (_, layers, headers) => {
    const payload = new Uint8Array(20_000).map((_, i) => i % 251);
    const behind = [{ ethernet: ETHERNET }, { ipv6: IPV6 }, { hopByHop: {} }, { tcp: PORTS }];
    const packet = 'hop' in layers ? { layers: behind } : { ethernet: ETHERNET, ...layers };
    const { bytes } = template({ ...packet, payload } as Parameters<typeof template>[0]);
    const virtioNetHeader = true;
    const ring = { frameSize: 32_000, frames: 8, virtioNetHeader };
    const capture = pcap([{ bytes, time: 0n }]);
    const { heard, frames } = await wire.hear(
      () => wire.run('packet', ring, (socket) => replay({ socket, capture, virtioNetHeader })),
      { save: true },
    );
    const most = 1514 + ('vlan' in layers ? 4 : 0);
    const count = Math.ceil(20_000 / (most - headers));
    // The receiver does not look behind extension headers: tshark does, in rewrite-judged.test.ts.
    const other = 'hop' in layers ? count : 0;
    expect(heard).toMatchObject({ ...INTACT, frames: count, other });
    const sent = Buffer.concat(frames.map((frame) => frame.subarray(headers)));
    expect(sent.equals(payload)).toBe(true);
  });

  it.each([
    [true, false],
    [false, true],
  ])('refuses a socket whose virtioNetHeader is %s, and %s itself', async (open, own) => {
    const capture = pcap(mixture(1));
    const layers = { ethernet: ETHERNET, ipv4: IPV4, udp: PORTS, length: 100 };
    const packet = { ...layers, virtioNetHeader: own };
    const message = `virtioNetHeader must be ${open}, as the socket was opened; received boolean ${own}`;
    await wire.run('packet', { virtioNetHeader: open }, async (socket) => {
      const replaying = replay({ socket, capture, virtioNetHeader: own });
      await expect(replaying).rejects.toThrow(message);
      await expect(generate({ socket, count: 1, template: packet })).rejects.toThrow(message);
    });
  });

  it('rewrites, with right checksums', async () => {
    const rewrite: Rewrite = {
      ethernet: { source: '02:00:00:00:00:aa' },
      addresses: {
        '10.1.2.3': '198.18.0.1',
        '10.9.0.0/16': '198.19.0.0/16',
        '2001:db8::/48': '2001:2:7::/48',
      },
      ports: { 53: 5353 },
    };
    const { heard, frames, sent } = await run(mixture(50), { rewrite, speed: 100 });
    expect(heard).toMatchObject({ ...INTACT, unique: 50 });
    expect(sent.report.notRewritten).toEqual({});
    for (const frame of frames) {
      const { ip, family, transport } = parse(frame);
      expect(frame.toString('hex', 6, 12)).toBe('0200000000aa');
      const addresses =
        family === 4 ? frame.subarray(ip + 12, ip + 20) : frame.subarray(ip + 8, ip + 40);
      expect(addresses.toString('hex')).toBe(
        family === 4
          ? 'c6120001c6130909'
          : '2001000200070000000000000000000120010db8000100000000000000000002',
      );
      expect(frame.readUInt16BE(transport)).toBe(4000);
      expect(frame.readUInt16BE(transport + 2)).toBe(5353);
    }
  });

  it('says which addresses it has not rewritten', async () => {
    const of = (type: number, first: number): Written => {
      const bytes = Buffer.alloc(60);
      bytes.writeUInt16BE(type, 12);
      bytes[14] = first;
      return { bytes, time: 0n };
    };
    const frames = [of(0x0806, 0), ...mixture(2), of(0x0806, 0), of(0x0800, 0x55)];
    const rewrite: Rewrite = { addresses: { '10.0.0.0/8': '198.0.0.0/8' } };
    const { sent } = await run(frames, { rewrite, loops: 2, speed: 100 });
    expect(sent.report).toMatchObject({ packets: 10, notRewritten: { arp: 2, malformed: 1 } });
  });

  // Such checksums are right; as it is written here, one of 0 would be as well.
  it.each([
    ['IPv4', '0800 4500001c000040004011ffff c6120001c6120002 0001000900080000'],
    [
      'TCP',
      '0800 45000028000040004006 0000 c6120001c6120002 0001005000000000000000005010ffffffff0000',
    ],
    [
      'ICMPv6',
      '86dd 6000000000083a40 20010002000000000000000000000001 20010002000000000000000000000002 8000ffff00010001',
    ],
  ])('leaves a checksum of ffff as it is, without rewriting: %s', async (_, text) => {
    const bytes = Buffer.from(`020000000002020000000001${text}`.replaceAll(' ', ''), 'hex');
    const { frames } = await run([{ bytes, time: 0n }], {});
    expect(hex(frames)).toEqual(hex([bytes]));
  });

  it('stops with its signal', async () => {
    const { sent } = await run(mixture(100), {
      loops: Number.POSITIVE_INFINITY,
      signal: AbortSignal.timeout(300),
    });
    expect(sent.report).toMatchObject({ ended: 'signal', unfinished: 0 });
    expect(sent.report.packets).toBe(sent.closed.ids);
    expect(sent.report.loops).toBe(Math.floor(sent.report.packets / 100));
  });
});

/** What becomes of frames, without sending them anywhere but to a receiver of their payloads. */
describe('replay, through a UDP socket', () => {
  const payloads =
    (capture: Buffer, options: Partial<ReplayOptions> = {}) =>
    async () => {
      const receiver = await startPeer({ protocol: 'udp', discard: true });
      const socket = await openTo(receiver);
      const report = await replay({ socket, capture, ...options });
      const heard = await receiver.until(({ datagrams }) => datagrams >= report.packets);
      return { report, heard };
    };

  it('sends the payloads of datagrams, loop after loop', async () => {
    const { report, heard } = await payloads(pcap(mixture(50)), { loops: 3, speed: 20 })();
    // Three of five are UDP.
    expect(report).toMatchObject({ frames: 30, packets: 90, loops: 3, failed: 0, unfinished: 0 });
    expect(report.skipped).toEqual([
      expect.objectContaining({ reason: 'no UDP payload', frames: 20 }),
    ]);
    expect(heard).toMatchObject({ datagrams: 90, minLength: 20, maxLength: 69 });
  });

  it('sends the payload of a whole packet with a fragment header, up to the end of its datagram', async () => {
    const fragment = (place: string, length: string, payload: string) =>
      Buffer.from(
        [
          '020000000002 020000000001 86dd 6000000000 16 2c40',
          '20010002000000000000000000000001 20010002000000000000000000000002',
          `1100 ${place} 00000007 0001 0009 ${length} 0000 ${payload}`,
        ]
          .join('')
          .replaceAll(' ', ''),
        'hex',
      );
    const frames = [
      fragment('0000', '000e', '010203040506'), // the whole datagram
      fragment('0000', '000b', '010203040506'), // followed by what is not its own
      fragment('0001', '000e', '010203040506'), // more fragments to come
      fragment('0008', '000e', '010203040506'),
    ];
    const capture = pcap(frames.map((bytes) => ({ bytes, time: 0n })));
    const { report, heard } = await payloads(capture)();
    expect(report).toMatchObject({
      packets: 2,
      skipped: [{ reason: 'no UDP payload', frames: 2 }],
    });
    expect(heard).toMatchObject({ datagrams: 2, minLength: 3, maxLength: 6 });
  });

  it('sends each of many thousand payloads, loop after loop', async () => {
    const { report, heard } = await payloads(pcap(mixture(5000)), {
      loops: 2,
      rate: 20_000,
    })();
    expect(report).toMatchObject({ frames: 3000, packets: 6000, loops: 2, failed: 0 });
    expect(heard).toMatchObject({ datagrams: 6000, minLength: 20, maxLength: 69 });
  });

  it('keeps the order of frames whose times go back', async () => {
    const frames = mixture(3).map((frame, i) => ({ ...frame, time: BigInt([5, 9, 1][i]!) * MS }));
    const kept = frames.map(({ time }) => ({ ...mixture(1)[0]!, time }));
    const { report } = await payloads(pcap(kept))();
    expect(report).toMatchObject({ packets: 3, unordered: 1 });
  });

  it('refuses what cannot be', async () => {
    const receiver = await startPeer({ protocol: 'udp', discard: true });
    const socket = await openTo(receiver);
    const good = { socket, capture: pcap(mixture(5)) };
    const refuse = (change: object, code: string) =>
      expect(replay({ ...good, ...change } as ReplayOptions)).rejects.toMatchObject({ code });
    await refuse({ capture: Buffer.from('text') }, 'ERR_ZEROSEND_CAPTURE');
    await refuse({ capture: pcap([]) }, 'ERR_ZEROSEND_CAPTURE');
    await refuse({ capture: pcap(mixture(2).slice(1)) }, 'ERR_ZEROSEND_CAPTURE'); // only TCP
    await refuse({ speed: 0 }, 'ERR_ZEROSEND_OUT_OF_RANGE');
    await refuse({ speed: 1, rate: 1 }, 'ERR_ZEROSEND_INVALID_ARGUMENT');
    await refuse({ rate: { packets: 1, catchUp: 1 } }, 'ERR_ZEROSEND_INVALID_ARGUMENT');
    await refuse({ loops: 0.5 }, 'ERR_ZEROSEND_OUT_OF_RANGE');
    await refuse({ loopGap: -1 }, 'ERR_ZEROSEND_OUT_OF_RANGE');
    await refuse({ snapped: 'cut' }, 'ERR_ZEROSEND_INVALID_ARGUMENT');
    await refuse(
      { rewrite: { addresses: { '10.0.0.0/8': '1.2.3.4' } } },
      'ERR_ZEROSEND_OUT_OF_RANGE',
    );
    await refuse({ rewrite: { addresses: { '10.0.0.1': '::1' } } }, 'ERR_ZEROSEND_INVALID_ADDRESS');
    await refuse({ rewrite: { ports: { 70000: 1 } } }, 'ERR_ZEROSEND_OUT_OF_RANGE');
    const segmented = await openTo(receiver, { segmentSize: 100 });
    await refuse({ socket: segmented }, 'ERR_ZEROSEND_INVALID_ARGUMENT');
    expect(socket.nextId).toBe(0);
  });
});

describe('rewriting', async () => {
  const { Rewriter } = await import('../../../lib/generator/replay/rewrite.js');
  const rewriter = new Rewriter({
    addresses: { '0.0.0.0/1': '198.18.0.0/1', '128.0.0.0/3': '0.0.0.0/3', '::/4': 'f000::/4' },
    ports: { 0: 65_535, 1: 0, 65535: 1 },
  });

  it('keeps checksums right, whatever the frame', () => {
    fc.assert(
      fc.property(description, (packet) => {
        const { bytes } = template({ ...packet, ethernet: ETHERNET, virtioNetHeader: false });
        const frame = Buffer.from(bytes);
        rewriter.apply(frame, 1);
        expect(parse(frame).problems).toEqual([]);
      }),
      { numRuns: 500 },
    );
  });

  it('keeps wrong checksums as wrong, unless they are to be made anew', () => {
    const { bytes } = template({ ethernet: ETHERNET, ipv4: IPV4, udp: PORTS, payload: 'abc' });
    const frame = Buffer.from(bytes);
    frame[24]! ^= 0x55;
    frame[40]! ^= 0x55;
    const wrong = ['IPv4 header checksum', 'UDP checksum'];
    expect(parse(frame).problems).toEqual(wrong);
    rewriter.apply(frame, 1);
    expect(parse(frame).problems).toEqual(wrong);
    new Rewriter({ checksums: true }).apply(frame, 1);
    expect(parse(frame).problems).toEqual([]);
  });

  it('leaves a datagram without a checksum without one', () => {
    const udp = { ...PORTS, checksum: 'none' as const };
    const frame = Buffer.from(template({ ethernet: ETHERNET, ipv4: IPV4, udp }).bytes);
    for (const each of [rewriter, new Rewriter({ checksums: true })]) {
      each.apply(frame, 1);
      expect(frame.readUInt16BE(40)).toBe(0);
    }
  });

  it('leaves the bytes of later fragments alone, and of what is cut off', () => {
    const whole = template({ ethernet: ETHERNET, ipv4: IPV4, udp: PORTS, length: 80 }).bytes;
    const later = Buffer.from(whole);
    later.writeUInt16BE(0x0010, 20); // fragment offset
    const before = later.toString('hex', 34);
    rewriter.apply(later, 1);
    expect(later.toString('hex', 34)).toBe(before);
    for (let length = 0; length < whole.length; length++) {
      const cut = Buffer.from(whole.subarray(0, length));
      rewriter.apply(cut, 1);
      expect(cut).toHaveLength(length);
    }
  });
});
