import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { compile, type Field, type FieldName, template } from 'zerosend/generator';
import { bitsOf, description, fieldsOf } from './support/arbitrary.js';
import { finishOffload, parse } from './support/oracle.js';

const ethernet = { source: '02:00:00:00:00:01', destination: '02:00:00:00:00:02' };
const ipv4 = { source: '198.18.0.1', destination: '198.18.0.2' };
const udp = { source: 1024, destination: 9 };
const packet = { ethernet, ipv4, udp, payload: new Uint8Array(32) };
const base = template(packet);

/** The packets 0 to count - 1, each in a buffer that an earlier one was in. */
function make(fields: readonly Field[], count: number, from = base): Buffer[] {
  const sequence = compile(from, fields);
  const buffer = Buffer.alloc(from.length);
  sequence.init(buffer);
  return Array.from({ length: count }, () => {
    sequence.stamp(buffer);
    return Buffer.from(buffer);
  });
}

/** What a field reads as in a packet. */
function read(bytes: Buffer, at: number, width: number): number[] {
  return [...bytes.subarray(at, at + width)];
}

const payloadAt = base.offsets.payload;
const values = (field: Field, count: number, at: number, width: number) =>
  make([field], count).map((bytes) => bytes.readUIntBE(at, width));

describe('a sequence of packets', () => {
  it('has right checksums in each packet, whatever changes', () => {
    const arbitrary = description.chain((packet) =>
      fc.record({ packet: fc.constant(packet), fields: fieldsOf(packet) }),
    );
    fc.assert(
      fc.property(arbitrary, fc.integer({ min: 1, max: 3 }), ({ packet, fields }, slots) => {
        const from = template(packet);
        const sequence = compile(from, fields);
        const buffers = Array.from({ length: slots }, () => ({ bytes: Buffer.alloc(from.length) }));
        for (const { bytes } of buffers) sequence.init(bytes);
        for (let round = 0; round < 6; round++) {
          sequence.stampMany(buffers, slots);
          for (const { bytes } of buffers) {
            const frame = packet.virtioNetHeader ? finishOffload(bytes) : bytes;
            expect(parse(frame, { bare: !packet.ethernet }).problems).toEqual([]);
          }
        }
      }),
      { numRuns: 1500 },
    );
  });

  it('changes what its fields name and nothing else', () => {
    fc.assert(
      fc.property(
        description.chain((packet) =>
          fc.record({ packet: fc.constant(packet), fields: fieldsOf(packet) }),
        ),
        ({ packet, fields }) => {
          const plain = { ...packet, virtioNetHeader: false };
          const from = template(plain);
          const touched = new Set<number>();
          const add = (at: number, width: number) => {
            for (let i = at; i < at + width; i++) touched.add(i);
          };
          const { offsets } = from;
          if (offsets.ipv4 >= 0) add(offsets.ipv4 + 10, 2);
          add(offsets.udp >= 0 ? offsets.udp + 6 : offsets.tcp + 16, 2);
          for (const { target, ...way } of fields) {
            if (target === 'ipv6.source' && 'list' in way) add(offsets.ipv6 + 8, 16);
            else if (target === 'ipv6.destination' && 'list' in way) add(offsets.ipv6 + 24, 16);
            else if (typeof target === 'string') add(...whereIs(target as FieldName, offsets));
            else add(offsets.payload + target.offset, target.width);
          }
          for (const bytes of make(fields, 3, from)) {
            const changed = [...bytes.keys()].filter((i) => bytes[i] !== from.bytes[i]);
            expect(changed.filter((i) => !touched.has(i))).toEqual([]);
          }
        },
      ),
      { numRuns: 300 },
    );
  });

  it('counts from start by step, and starts again after count', () => {
    const target = { layer: 'payload', offset: 1, width: 2 } as const;
    const at = payloadAt + 1;
    expect(values({ target, counter: {} }, 3, at, 2)).toEqual([0, 1, 2]);
    expect(values({ target, counter: { start: 10, step: -3, count: 4 } }, 6, at, 2)).toEqual([
      10, 7, 4, 1, 10, 7,
    ]);
  });

  it('wraps a counter without count where the field is full', () => {
    const ttl: Field = { target: 'ipv4.ttl', counter: { start: 250, step: 3 } };
    expect(values(ttl, 4, base.offsets.ipv4 + 8, 1)).toEqual([250, 253, 0, 3]);
    const down: Field = { target: 'ipv4.id', counter: { start: 1, step: -1 } };
    expect(values(down, 3, base.offsets.ipv4 + 4, 2)).toEqual([1, 0, 0xffff]);
  });

  it('counts past 2^32, past 2^53, and up to 2^64', () => {
    const target = { layer: 'payload', offset: 0, width: 8 } as const;
    const wide = (field: object, from = base) =>
      make([{ target, ...field } as Field], 4, from).map((b) => b.readBigUInt64BE(payloadAt));
    const most = 2n ** 64n - 1n;
    const start = Number.MAX_SAFE_INTEGER;
    const past = BigInt(start);
    expect(wide({ counter: { start } })).toEqual([past, past + 1n, past + 2n, past + 3n]);
    expect(wide({ counter: { step: -1 } })).toEqual([0n, most, most - 1n, most - 2n]);
    expect(wide({ counter: { start: most - 1n } })).toEqual([most - 1n, most, 0n, 1n]);
    const counted = { start: most - 2n ** 33n, step: 2 ** 33, count: 2 };
    expect(wide({ counter: counted })).toEqual([most - 2n ** 33n, most, most - 2n ** 33n, most]);
    expect(wide({ list: [most, 2 ** 53 - 1] }).slice(0, 2)).toEqual([most, 2n ** 53n - 1n]);
    const held = template({ ...packet, payload: Buffer.from('ffff000000000001'.repeat(4), 'hex') });
    expect(wide({ counter: {} }, held)[1]).toBe(0xffff_0000_0000_0002n);
    const seven = { layer: 'payload', offset: 1, width: 7 } as const;
    expect(
      make([{ target: seven, counter: { step: -1 } }], 2).map((b) => b.readBigUInt64BE(payloadAt)),
    ).toEqual([0n, 2n ** 56n - 1n]);
    const beyond = make([{ target, counter: { start: 2 ** 32 - 1 } }], 2);
    expect(beyond[1]?.readBigUInt64BE(payloadAt)).toBe(2n ** 32n);
  });

  it('counts addresses, and takes what the template has for a start', () => {
    const source: Field = { target: 'ipv4.source', counter: { count: 3 } };
    const at = base.offsets.ipv4 + 12;
    expect(make([source], 4).map((bytes) => read(bytes, at, 4).join('.'))).toEqual([
      '198.18.0.1',
      '198.18.0.2',
      '198.18.0.3',
      '198.18.0.1',
    ]);
    const mac: Field = { target: 'ethernet.source', counter: { start: '02:00:00:00:00:ff' } };
    expect(make([mac], 2).map((bytes) => bytes.toString('hex', 6, 12))).toEqual([
      '0200000000ff',
      '020000000100',
    ]);
  });

  it('counts the low 48 bits of an IPv6 address, with the rest from start', () => {
    const ipv6 = { source: '2001:2::1', destination: '2001:2::2' };
    const from = template({ ipv6, udp, payload: 'x' });
    const field: Field = {
      target: 'ipv6.destination',
      counter: { start: '2001:2:0:7::ffff:ffff:fffe', count: 2 },
    };
    const made = make([field], 3, from);
    expect(made.map((bytes) => bytes.toString('hex', 24, 40))).toEqual([
      '20010002000000070000fffffffffffe',
      '20010002000000070000ffffffffffff',
      '20010002000000070000fffffffffffe',
    ]);
    for (const bytes of made) expect(parse(bytes, { bare: true }).problems).toEqual([]);
    const list: Field = { target: 'ipv6.source', list: ['::1', '2001:2:ffff::'] };
    expect(make([list], 2, from).map((bytes) => bytes.toString('hex', 8, 24))).toEqual([
      '00000000000000000000000000000001',
      '20010002ffff00000000000000000000',
    ]);
  });

  it('takes a list in turn', () => {
    const field: Field = { target: 'udp.destination', list: [53, 80, 443] };
    expect(values(field, 5, base.offsets.udp + 2, 2)).toEqual([53, 80, 443, 53, 80]);
    const [first, second] = make([{ target: 'ipv4.source', list: ['1.2.3.4', 5] }], 2);
    expect(read(first as Buffer, base.offsets.ipv4 + 12, 4)).toEqual([1, 2, 3, 4]);
    expect(read(second as Buffer, base.offsets.ipv4 + 12, 4)).toEqual([0, 0, 0, 5]);
  });

  it('draws all values of a range, equally often, the same for the same seed', () => {
    const draw = (seed: number) =>
      values(
        { target: 'udp.source', random: { seed, min: 100, max: 109 } },
        20_000,
        payloadAt - 8,
        2,
      );
    const drawn = draw(1);
    const counts = new Map<number, number>();
    for (const value of drawn) counts.set(value, (counts.get(value) ?? 0) + 1);
    expect([...counts.keys()].sort()).toEqual([100, 101, 102, 103, 104, 105, 106, 107, 108, 109]);
    // Chi-squared with 9 degrees of freedom: above 33.7 once in ten thousand seeds. This one is fixed.
    const chi = [...counts.values()].reduce((sum, n) => sum + (n - 2000) ** 2 / 2000, 0);
    expect(chi).toBeLessThan(33.7);
    expect(draw(1)).toEqual(drawn);
    expect(draw(2)).not.toEqual(drawn);
  });

  it('draws from all of a wide field', () => {
    const target = { layer: 'payload', offset: 0, width: 8 } as const;
    const drawn = make([{ target, random: {} }], 200).map((b) => b.readBigUInt64BE(payloadAt));
    expect(new Set(drawn).size).toBe(200);
    expect(drawn.reduce((all, value) => all | value)).toBe(2n ** 64n - 1n);
    expect(drawn.reduce((all, value) => all & value)).toBe(0n);
    // Uniform: of 200, the half below the middle is off by more than 50 once in 10^12 seeds.
    const low = drawn.filter((value) => value < 2n ** 63n).length;
    expect(Math.abs(low - 100)).toBeLessThan(50);
    const within = (min: bigint, max: bigint) => {
      const bytes = make([{ target, random: { min, max } }], 300);
      return bytes.map((b) => b.readBigUInt64BE(payloadAt));
    };
    const wide = within(2n ** 60n + 7n, 2n ** 62n + 1n);
    expect(wide.every((value) => value >= 2n ** 60n + 7n && value <= 2n ** 62n + 1n)).toBe(true);
    const three = within(2n ** 64n - 3n, 2n ** 64n - 1n);
    expect(new Set(three)).toEqual(new Set([1n, 2n, 3n].map((n) => 2n ** 64n - n)));
    const carried = within(2n ** 32n - 1n, 2n ** 32n);
    expect(new Set(carried)).toEqual(new Set([2n ** 32n - 1n, 2n ** 32n]));
  });

  it('updates the checksum for a field of 8 bytes that is counted, drawn or listed', () => {
    const target = { layer: 'payload', offset: 3, width: 8 } as const;
    const ways = [
      { counter: { step: -(2 ** 52) - 1 } },
      { random: {} },
      { list: [2n ** 64n - 1n, 0] },
    ];
    for (const way of ways) {
      for (const bytes of make([{ target, ...way }], 50)) expect(parse(bytes).problems).toEqual([]);
    }
  });

  it('refuses fields that have bits in common, and takes those that share bytes only', () => {
    const tagged = template({ ...packet, vlan: { id: 5 } });
    const fields = (...targets: Field['target'][]) =>
      targets.map((target) => ({ target, counter: {} }));
    const place = (layer: 'ipv4' | 'payload', offset: number, width: number) => ({
      layer,
      offset,
      width,
    });
    const clash = [
      fields('ipv4.source', 'ipv4.source'),
      fields('ipv4.source', place('ipv4', 14, 1)),
      fields(place('payload', 0, 4), place('payload', 3, 2)),
      fields(place('payload', 1, 1), place('payload', 0, 8)),
    ];
    for (const two of clash) {
      expect(() => compile(tagged, two)).toThrow(
        expect.objectContaining({ code: 'ERR_ZEROSEND_FIELD' }),
      );
    }
    compile(
      tagged,
      fields('vlan.id', 'vlan.priority', place('payload', 0, 4), place('payload', 4, 4)),
    );
  });

  it('refuses a place of which a checksum covers only a part', () => {
    const options = template({
      ipv4: { ...ipv4, options: Buffer.alloc(4, 1) },
      udp,
      payload: 'abcd',
    });
    const refused = (from: ReturnType<typeof template>, offset: number, width: number) =>
      expect(() =>
        compile(from, [{ target: { layer: 'ipv4', offset, width }, counter: {} }]),
      ).toThrow(expect.objectContaining({ code: 'ERR_ZEROSEND_FIELD' }));
    refused(options, 19, 2); // destination and option
    refused(options, 16, 8);
    refused(options, 23, 2); // option and port
    for (const [offset, width] of [
      [20, 4],
      [16, 4],
      [12, 8],
    ] as const) {
      const target = { layer: 'ipv4', offset, width } as const;
      for (const bytes of make([{ target, counter: { step: 77 } }], 300, options)) {
        expect(parse(bytes, { bare: true }).problems).toEqual([]);
      }
    }
  });

  it('keeps the bits beside a field', () => {
    const tagged = template({ ...packet, vlan: { id: 5, priority: 6, dropEligible: true } });
    const made = make([{ target: 'vlan.id', counter: { start: 4095 } }], 2, tagged);
    expect(made.map((bytes) => bytes.readUInt16BE(14))).toEqual([0xdfff, 0xd000]);
    const class_ = make(
      [{ target: 'ipv4.dscp', list: [63] }],
      1,
      template({
        ...packet,
        ipv4: { ...ipv4, ecn: 2 },
      }),
    );
    expect(class_[0]?.[15]).toBe(0xfe);
  });

  it('stamps the time', () => {
    const target = { layer: 'payload', offset: 3, width: 8 } as const;
    const stamp = (unit: 'ns' | 'us' | 'ms', clock: 'unix' | 'monotonic') => {
      const [bytes] = make([{ target, timestamp: { unit, clock } }], 1);
      return (bytes as Buffer).readBigUInt64BE(payloadAt + 3);
    };
    const before = process.hrtime.bigint();
    const stamped = stamp('ns', 'monotonic');
    expect(Number(stamped - before)).toBeGreaterThan(-1e5);
    expect(Number(process.hrtime.bigint() - stamped)).toBeGreaterThan(-1e5);
    expect(Number(stamped - before)).toBeLessThan(1e9);
    // The two clocks drift apart, by adjustments of the system's time.
    expect(Math.abs(Number(stamp('ms', 'unix')) - Date.now())).toBeLessThan(1000);
    expect(Math.abs(Number(stamp('us', 'unix')) / 1e3 - Date.now())).toBeLessThan(1000);
  });

  it('gives workers the packets that one alone would make, each to one of them', () => {
    const wide = { layer: 'payload', offset: 8, width: 8 } as const;
    const fields: Field[] = [
      { target: { layer: 'payload', offset: 0, width: 4 }, counter: {} },
      { target: 'udp.source', counter: { start: 1000, step: 7, count: 10 } },
      { target: 'ipv4.source', random: { seed: 3 } },
      { target: 'ipv4.ttl', list: [1, 2, 3] },
      { target: wide, counter: { start: Number.MAX_SAFE_INTEGER - 5, step: 2 ** 40 + 1 } },
    ];
    const first = 2 ** 32 - 20; // over the end of 32 bits
    const take = (share: { first: number; stride: number }, count: number) => {
      const sequence = compile(base, fields, share);
      const bytes = Buffer.alloc(base.length);
      sequence.init(bytes);
      return Array.from({ length: count }, (_, i) => {
        expect(sequence.next).toBe(share.first + i * share.stride);
        sequence.stamp(bytes);
        return bytes.toString('hex');
      });
    };
    const alone = take({ first, stride: 1 }, 40);
    for (const workers of [2, 4, 5]) {
      const shares = Array.from({ length: workers }, (_, i) =>
        take({ first: first + i, stride: workers }, 40 / workers),
      );
      const merged = Array.from(
        { length: 40 },
        (_, k) => shares[k % workers]?.[Math.floor(k / workers)],
      );
      expect(merged).toEqual(alone);
    }
  });

  it('makes trains: packets one behind the other in a buffer', () => {
    const fields: Field[] = [{ target: { layer: 'payload', offset: 0, width: 4 }, counter: {} }];
    const sequence = compile(base, fields);
    const buffers = Array.from({ length: 40 }, () => ({ bytes: Buffer.alloc(3 * base.length) }));
    for (const { bytes } of buffers) sequence.layTrain(bytes, 3);
    sequence.stampMany(buffers, 40, 3);
    const alone = make(fields, 120);
    const got = buffers.flatMap(({ bytes }) =>
      [0, 1, 2].map((i) => bytes.toString('hex', i * base.length, (i + 1) * base.length)),
    );
    expect(got).toEqual(alone.map((bytes) => bytes.toString('hex')));
  });

  const FIELD = 'ERR_ZEROSEND_FIELD';
  const ARGUMENT = 'ERR_ZEROSEND_INVALID_ARGUMENT';
  const RANGE = 'ERR_ZEROSEND_OUT_OF_RANGE';
  const at = (layer: string, offset: number, width: number) => ({ layer, offset, width });
  it.each<[string, unknown, string]>([
    ['a target that is not there', { target: 'tcp.source', counter: {} }, FIELD],
    ['an unknown target', { target: 'ipv4.tos', counter: {} }, ARGUMENT],
    ['an inherited name', { target: 'toString', counter: {} }, ARGUMENT],
    ['two ways', { target: 'ipv4.id', counter: {}, list: [1] }, ARGUMENT],
    ['no way', { target: 'ipv4.id' }, ARGUMENT],
    ['a checksum', { target: at('udp', 6, 2), counter: {} }, FIELD],
    ['the end of a checksum', { target: at('ipv4', 11, 1), counter: {} }, FIELD],
    ['a length', { target: at('ipv4', 2, 2), counter: {} }, FIELD],
    ['a protocol', { target: at('ipv4', 9, 1), counter: {} }, FIELD],
    ['a place across layers', { target: at('packet', 12, 4), counter: {} }, FIELD],
    ['a place behind the packet', { target: at('payload', 30, 4), counter: {} }, FIELD],
    ['a wide place', { target: at('payload', 0, 9), counter: {} }, RANGE],
    [
      'a counter that leaves its field',
      {
        target: 'udp.source',
        counter: { start: 65_000, count: 1000 },
      },
      RANGE,
    ],
    ['a fraction', { target: 'udp.source', counter: { step: 0.5 } }, RANGE],
    ['an empty list', { target: 'udp.source', list: [] }, ARGUMENT],
    ['a value too large', { target: 'udp.source', list: [65_536] }, RANGE],
    ['an empty range', { target: 'udp.source', random: { min: 2, max: 1 } }, RANGE],
    ['a narrow stamp', { target: at('payload', 0, 4), timestamp: {} }, FIELD],
    ['an unknown unit', { target: at('payload', 0, 8), timestamp: { unit: 's' } }, ARGUMENT],
    ['a misspelt option', { target: 'ipv4.id', counter: { wrap: 1 } }, ARGUMENT],
  ])('refuses %s', (_, field, code) => {
    expect(() => compile(base, [field as Field])).toThrow(expect.objectContaining({ code }));
  });
});

/** Offset and width of a field that has a name. */
function whereIs(
  name: FieldName,
  offsets: {
    ethernet: number;
    vlans: readonly number[];
    ipv4: number;
    ipv6: number;
    udp: number;
    tcp: number;
  },
): [number, number] {
  const [layer = '', part = ''] = name.split('.');
  const bytes = Math.ceil(bitsOf(name) / 8);
  if (layer === 'ethernet') return [offsets.ethernet + (part === 'source' ? 6 : 0), 6];
  if (layer === 'vlan') return [offsets.vlans[0] as number, 2];
  if (layer === 'innerVlan') return [offsets.vlans[1] as number, 2];
  if (layer === 'ipv4') {
    const at = { source: 12, destination: 16, id: 4, ttl: 8, dscp: 1 }[part] as number;
    return [offsets.ipv4 + at, bytes];
  }
  if (layer === 'ipv6') {
    if (part === 'source' || part === 'destination') {
      return [offsets.ipv6 + (part === 'source' ? 18 : 34), 6];
    }
    return part === 'hopLimit' ? [offsets.ipv6 + 7, 1] : [offsets.ipv6, 4];
  }
  const start = layer === 'udp' ? offsets.udp : offsets.tcp;
  const at = { source: 0, destination: 2, sequence: 4, acknowledgement: 8 }[part] as number;
  return [start + at, bytes];
}
