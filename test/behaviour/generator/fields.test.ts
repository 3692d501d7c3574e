import { crc32 } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  type AnyField,
  compile,
  internetChecksum,
  type NamedLayer,
  own,
  template,
} from 'zerosend/generator';
import { CounterSource, HeldSource } from '../../../lib/generator/fields/sources.js';
import { parse } from './support/oracle.js';

const frame = {
  ethernet: { source: '02:00:00:00:00:01', destination: '02:00:00:00:00:02' },
  ipv4: { source: '198.18.0.1', destination: '198.18.0.2' },
  udp: { source: 1024, destination: 9 },
  payload: Buffer.alloc(64, 'payload '),
};
const base = template(frame);
const payloadAt = base.offsets.payload;
const place = (offset: number, width: number, littleEndian = false) => {
  return { layer: 'payload', offset, width, littleEndian } as const;
};

function make(fields: readonly AnyField[], count: number, from = base): Buffer[] {
  const sequence = compile(from, fields);
  const bytes = Buffer.alloc(sequence.length);
  sequence.init(bytes);
  return Array.from({ length: count }, () => Buffer.from(bytes.subarray(0, sequence.stamp(bytes))));
}
const right = (packets: readonly Buffer[]) => {
  for (const bytes of packets) expect(parse(bytes).problems).toEqual([]);
  return packets;
};
const ipOf = (at: number) => (bytes: Buffer) => bytes.subarray(at, at + 4).join('.');
const source = ipOf(26);
const port = (bytes: Buffer) => bytes.readUInt16BE(34);

describe('numbers', () => {
  it('that are little-endian have their bytes the other way round, of any width, at any place', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 8 }),
        fc.integer({ min: 0, max: 40 }),
        fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
        (width, offset, any) => {
          const value = BigInt.asUintN(8 * width, any);
          const fields: AnyField[] = [{ target: place(offset, width, true), list: [value, 1] }];
          const [first, second] = right(make(fields, 2)) as [Buffer, Buffer];
          const at = payloadAt + offset;
          const read = (bytes: Buffer) =>
            BigInt(
              `0x${Buffer.from(bytes.subarray(at, at + width))
                .reverse()
                .toString('hex')}`,
            );
          expect([read(first), read(second)]).toEqual([value, 1n]);
        },
      ),
      { numRuns: 200 },
    );
    const counter = make([{ target: place(0, 4, true), counter: { start: 0x01fe } }], 3);
    expect(counter.map((bytes) => bytes.readUInt32LE(payloadAt))).toEqual([0x1fe, 0x1ff, 0x200]);
    const text = make([{ target: place(8, 4, true), counter: {} }], 1);
    expect(text[0]?.toString('latin1', payloadAt + 8, payloadAt + 12)).toBe('payl');
  });

  it('of 64 bits count by BigInts, and are drawn in steps', () => {
    const wide = (way: object, count: number) =>
      right(make([{ target: place(0, 8), ...way } as AnyField], count)).map((bytes) =>
        bytes.readBigUInt64BE(payloadAt),
      );
    const step = 2n ** 60n + 1n;
    expect(wide({ counter: { start: 5n, step, count: 3n } }, 4)).toEqual([
      5n,
      5n + step,
      5n + 2n * step,
      5n,
    ]);
    expect(wide({ counter: { start: 2n ** 64n - 1n, step: -(2n ** 63n) } }, 3)).toEqual([
      2n ** 64n - 1n,
      2n ** 63n - 1n,
      2n ** 64n - 1n,
    ]);
    expect(wide({ counter: { start: 10n, last: 4, step: -3n } }, 4)).toEqual([10n, 7n, 4n, 10n]);
    const drawn = wide({ random: { min: 7n, max: 2n ** 63n, step: 2n ** 61n } }, 200);
    expect(new Set(drawn)).toEqual(new Set([0n, 1n, 2n, 3n].map((n) => 7n + n * 2n ** 61n)));
    const odd = wide({ random: { min: 1, max: 10, step: 4 } }, 200);
    expect(new Set(odd)).toEqual(new Set([1n, 5n, 9n]));
  });

  it('are held for so many packets, in shares as in one', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 300 }),
        fc.integer({ min: 1, max: 300 }),
        fc.oneof(fc.nat(1000), fc.constant(2 ** 32 - 3)),
        fc.array(fc.integer({ min: 1, max: 64 }), { minLength: 1, maxLength: 4 }),
        (every, stride, first, counts) => {
          const held = new HeldSource(new CounterSource(3, 7, 1000, 2 ** 32), every);
          held.seek(first, stride);
          let k = first;
          const [high, low] = [new Uint32Array(64), new Uint32Array(64)];
          for (const count of counts) {
            held.fill(high, low, count);
            for (let i = 0; i < count; i++, k += stride) {
              expect([high[i], low[i]]).toEqual([0, 3 + 7 * (Math.floor(k / every) % 1000)]);
            }
          }
        },
      ),
      { numRuns: 300 },
    );
    const fields: AnyField[] = [{ target: 'udp.source', counter: { start: 1, every: 3 } }];
    expect(make(fields, 7).map(port)).toEqual([1, 1, 1, 2, 2, 2, 3]);
    const drawn = make([{ target: 'udp.source', random: { every: 4 } }], 400).map(port);
    for (const [k, value] of drawn.entries()) expect(value).toBe(drawn[k - (k % 4)]);
    expect(new Set(drawn).size).toBeGreaterThan(90);
  });

  it('of any bits of any bytes leave the others', () => {
    const bits = {
      name: 'bits',
      size: 8,
      numbers: { ip: 200 },
      fields: {
        a: { at: 0, width: 3, bits: 17, shift: 7, default: 0 },
        b: { at: 2, width: 1, bits: 7, default: 0x55 },
        c: { at: 3, width: 5, bits: 33, shift: 3, default: 0 },
        d: { at: 7, width: 1, bits: 3, default: 5 },
      },
    };
    const { ipv4 } = frame;
    const outer: NamedLayer = { gre: { checksum: true } };
    const packet = (values: object) =>
      template({ layers: [{ ipv4 }, outer, { ipv4 }, own(bits, { ...values })] });
    const made = make(
      [
        { target: 'bits.a', list: [0x1ffff, 0x0f0f0] },
        { target: 'bits.c', list: [2n ** 33n - 1n, 0x1_2345_6789] },
      ],
      2,
      packet({}),
    );
    expect(made[0]?.equals(packet({ a: 0x1ffff, c: 2 ** 33 - 1 }).bytes)).toBe(true);
    expect(made[1]?.equals(packet({ a: 0x0f0f0, c: 0x1_2345_6789 }).bytes)).toBe(true);
  });

  it('go over the networks of a prefix, in turn and at random', () => {
    const over = (way: object, count: number) =>
      right(make([{ target: 'ipv4.source', ...way } as unknown as AnyField], count)).map(source);
    expect(over({ counter: { prefix: '10.0.0.7/8', step: '/24' } }, 3)).toEqual([
      '10.0.0.7',
      '10.0.1.7',
      '10.0.2.7',
    ]);
    const all = over({ counter: { prefix: '10.0.0.0/8', step: '/12' } }, 17);
    expect(all.at(15)).toBe('10.240.0.0');
    expect(all.at(16)).toBe('10.0.0.0');
    expect(over({ counter: { prefix: '198.18.0.4/30' } }, 5).map((ip) => ip.slice(9))).toEqual([
      '4',
      '5',
      '6',
      '7',
      '4',
    ]);
    const drawn = over({ random: { prefix: '10.64.0.1/10', step: '/14', seed: 2 } }, 500);
    const nets = Array.from({ length: 16 }, (_, i) => `10.${64 + 4 * i}.0.1`);
    expect(new Set(drawn)).toEqual(new Set(nets));
    const six = { source: '2001:2::1', destination: '2001:2::2' };
    const from = template({ ethernet: frame.ethernet, ipv6: six, udp: frame.udp, payload: 'x' });
    const fields: AnyField[] = [
      { target: 'ipv6.source', counter: { prefix: '2001:db8::9/32', step: '/64' } },
      { target: 'ipv6.destination', random: { prefix: '2001:db8::/48', step: '/96' } },
    ];
    const made = right(make(fields, 70_000 / 1000, from));
    expect(made[66]?.toString('hex', 22, 38)).toBe('20010db8000000420000000000000009');
    expect(made[1]?.toString('hex', 38, 44)).toBe('20010db80000');
    expect(made[1]?.toString('hex', 50, 54)).toBe('00000000');
  });
});

describe('linked fields', () => {
  const targets = ['ipv4.source', 'udp.source', place(0, 2, true)] as const;

  it('take the entries of a list together: in turn, by weights, at random', () => {
    const flows = [
      ['198.18.0.7', 1000, 1],
      ['198.18.0.8', 2000, 2],
      ['198.18.0.9', 3000, 3],
    ] as const;
    const tuple = (bytes: Buffer) => [source(bytes), port(bytes), bytes.readUInt16LE(payloadAt)];
    const seen = (order: object, count: number) =>
      right(make([{ targets, list: flows, ...order } as AnyField], count)).map(tuple);
    expect(seen({}, 4)).toEqual([flows[0], flows[1], flows[2], flows[0]]);
    const weighed = seen({ weights: [2, 1, 1] }, 8);
    expect(flows.map((flow) => weighed.filter(([ip]) => ip === flow[0]).length)).toEqual([4, 2, 2]);
    for (const one of [
      ...weighed,
      ...seen({ order: 'random', seed: 4, weights: [1, 2, 3] }, 300),
    ]) {
      expect(flows).toContainEqual(one);
    }
    const six = { source: '2001:2::1', destination: '2001:2::2' };
    const from = template({ ethernet: frame.ethernet, ipv6: six, udp: frame.udp });
    const list = [
      ['2001:db8::1', 5],
      ['fe80::2', 6],
    ];
    const made = right(make([{ targets: ['ipv6.source', 'udp.source'], list }], 3, from));
    expect(made.map((bytes) => [bytes.toString('hex', 22, 38), bytes.readUInt16BE(54)])).toEqual([
      ['20010db8000000000000000000000001', 5],
      ['fe800000000000000000000000000002', 6],
      ['20010db8000000000000000000000001', 5],
    ]);
  });

  it('count on when the one before has gone round', () => {
    const counters = [
      { start: 1000, count: 3 },
      { prefix: '10.0.0.0/30', step: '/31' },
      { start: 7 },
    ];
    const order = ['udp.source', 'ipv4.source', place(0, 1)] as const;
    const made = right(make([{ targets: order, counters }], 14));
    const seen = made.map((bytes) => [port(bytes), source(bytes).slice(7), bytes[payloadAt]]);
    const wanted = Array.from({ length: 14 }, (_, k) => [
      1000 + (k % 3),
      ['0', '2'][Math.floor(k / 3) % 2],
      7 + Math.floor(k / 6),
    ]);
    expect(seen).toEqual(wanted);
  });
});

describe('checksums over a range that is named', () => {
  const crc32c = (bytes: Uint8Array) => {
    let crc = 0xffff_ffff;
    for (const byte of bytes) {
      crc ^= byte;
      for (let i = 0; i < 8; i++) crc = crc & 1 ? (crc >>> 1) ^ 0x82f6_3b78 : crc >>> 1;
    }
    return ~crc >>> 0;
  };
  const internet = (bytes: Uint8Array) => {
    let sum = 0;
    for (const [i, byte] of bytes.entries()) sum += i % 2 === 0 ? byte << 8 : byte;
    while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
    return ~sum & 0xffff;
  };
  const KINDS = { internet, crc32c, crc32: (bytes: Uint8Array) => crc32(bytes) } as const;

  it('are right in each packet, and so is what covers them', () => {
    const kinds = fc.constantFrom(...(Object.keys(KINDS) as (keyof typeof KINDS)[]));
    fc.assert(
      fc.property(
        kinds,
        fc.boolean(),
        fc.integer({ min: 0, max: 20 }),
        fc.integer({ min: 0, max: 20 }),
        fc.option(fc.integer({ min: 1, max: 30 }), { nil: undefined }),
        fc.boolean(),
        (kind, littleEndian, at, offset, length, varies) => {
          const width = kind === 'internet' ? 2 : 4;
          const fields: AnyField[] = [
            {
              target: place(at, width, littleEndian),
              checksum: { kind, layer: 'payload', offset, ...(length && { length }) },
            },
          ];
          if (varies) fields.push({ target: 'payload.length', list: [60, 64, 51] });
          // Where no number is in part within the range.
          const free = [24, 40, 52].find((start) => start + 8 <= offset || start >= offset);
          const end = length === undefined ? 99 : offset + length;
          const whole = free !== undefined && (free + 8 <= end || free >= end) && free + 8 <= 51;
          if (whole && (free >= at + width || free + 8 <= at)) {
            fields.push({ target: place(free, 8), random: { seed: 3 } });
          }
          const from = kind === 'internet' && straddles(at, offset, end) ? null : fields;
          if (from === null) return;
          for (const bytes of right(make(fields, 5))) {
            const own = bytes.subarray(payloadAt + at, payloadAt + at + width);
            const value = littleEndian ? own.readUIntLE(0, width) : own.readUIntBE(0, width);
            const blank = Buffer.from(bytes);
            blank.fill(0, payloadAt + at, payloadAt + at + width);
            const covered = blank.subarray(
              payloadAt + offset,
              length && payloadAt + offset + length,
            );
            expect(value).toBe(KINDS[kind](covered));
          }
        },
      ),
      { numRuns: 500 },
    );
  });
  /** Of an Internet checksum that is in part within its own range, only a part would count. */
  const straddles = (at: number, from: number, to: number) =>
    [from, to].some((border) => border > at && border < at + 2);

  it('cover each other from the inside out, and the headers', () => {
    const fields: AnyField[] = [
      { target: place(0, 4), checksum: { kind: 'crc32', layer: 'packet' } },
      { target: place(4, 2), checksum: { kind: 'internet', layer: 'payload', offset: 4 } },
      { target: 'ipv4.id', counter: {} },
    ];
    const from = template({ ...frame, udp: { ...frame.udp, checksum: 'none' } });
    for (const bytes of make(fields, 3, from)) {
      const inner = internet(Buffer.concat([Buffer.alloc(2), bytes.subarray(payloadAt + 6)]));
      expect(bytes.readUInt16BE(payloadAt + 4)).toBe(inner);
      const blank = Buffer.from(bytes).fill(0, payloadAt, payloadAt + 4);
      expect(bytes.readUInt32BE(payloadAt)).toBe(crc32(blank));
    }
  });

  it('of a protocol that is not ours are CRC-32 as well', () => {
    const ended = {
      name: 'ended',
      size: 6,
      fields: {
        type: { at: 0, width: 2, default: 1 },
        sum: { at: 2, width: 4, checksum: { kind: 'crc32', covers: 'all' } },
      },
    } as const;
    const from = template({ layers: [own(ended)], payload: 'content' });
    const [, second] = make([{ target: 'ended.type', counter: {} }], 2, from) as [Buffer, Buffer];
    const blank = Buffer.from(second).fill(0, 2, 6);
    expect(second.readUInt32LE(2)).toBe(crc32(blank));
    expect(second.readUInt16BE(0)).toBe(2);
  });

  it('sums up to 8192 linked numbers of 8 bytes, and refuses more', () => {
    const wide = (count: number) => {
      const targets = Array.from({ length: count }, (_, i) => place(2 + 8 * i, 8));
      const sum: AnyField = {
        target: place(0, 2),
        checksum: { kind: 'internet', layer: 'packet' },
      };
      const list = [targets.map(() => 0xffff_ffff_ffff_fffen)];
      const bytes = template({ layers: [], payload: Buffer.alloc(2 + 8 * count) });
      return compile(bytes, [sum, { targets, list }]);
    };
    const packets = wide(8192);
    const bytes = Buffer.alloc(packets.length);
    packets.init(bytes);
    packets.stamp(bytes);
    expect(internetChecksum(bytes)).toBe(0);
    expect(() => wide(8193)).toThrow(/at most 8192/);
  });

  const ARGUMENT = 'ERR_ZEROSEND_INVALID_ARGUMENT';
  const RANGE = 'ERR_ZEROSEND_OUT_OF_RANGE';
  const FIELD = 'ERR_ZEROSEND_FIELD';
  const sum = (change: object, target: object | string = place(0, 2)) => ({
    target,
    checksum: { kind: 'internet', layer: 'payload', ...change },
  });
  it.each<[string, object[], string, RegExp]>([
    ['an unknown kind', [sum({ kind: 'md5' })], ARGUMENT, /'md5'/],
    ['an unknown layer', [sum({ layer: 'tcpp' })], ARGUMENT, /'tcpp'/],
    ['a layer that is not there', [sum({ layer: 'tcp' })], FIELD, /tcp/],
    ['a narrow place', [sum({ kind: 'crc32' })], FIELD, /4 bytes/],
    ['a wide place', [sum({}, place(0, 4))], FIELD, /2 bytes/],
    ['a place that is a checksum', [sum({}, 'udp.checksum')], FIELD, /checksum of udp/],
    ['a range behind the packet', [sum({ length: 65 })], RANGE, /65/],
    ['a beginning behind the packet', [sum({ offset: 65 })], RANGE, /65/],
    ['two that cover each other', [sum({}), sum({}, place(4, 2))], FIELD, /cover each other/],
    ['one that covers what covers it', [sum({ layer: 'packet' })], FIELD, /cover each other/],
    [
      'a number in part within it',
      [sum({ offset: 5 }), { target: place(4, 2), counter: {} }],
      FIELD,
      /border/,
    ],
    ['itself in part within it', [sum({ offset: 1 })], FIELD, /border/],
    [
      'a number of two addresses, of which it covers one',
      [
        { target: { layer: 'ipv4', offset: 14, width: 4 }, counter: {} },
        sum({ layer: 'ipv4', offset: 16, length: 4 }),
      ],
      FIELD,
      /ipv4 14\+4.*border/,
    ],
    [
      'a part of a checksum',
      [{ target: 'ipv4.id', counter: {} }, sum({ layer: 'ipv4', length: 11 })],
      FIELD,
      /part of the one/,
    ],
    ['a field at its place', [sum({}), { target: place(1, 1), counter: {} }], FIELD, /in common/],
    ['another way', [{ ...sum({}), counter: {} }], ARGUMENT, /checksum/],
    ['no targets', [{ targets: [], list: [[1]] }], ARGUMENT, /targets/],
    [
      'tuples of another size',
      [{ targets: ['udp.source'], list: [[1, 2]] }],
      ARGUMENT,
      /list\[0\]/,
    ],
    ['no tuples', [{ targets: ['udp.source'], list: [1] }], ARGUMENT, /list\[0\].*number 1/],
    [
      'a value too large',
      [{ targets: ['udp.source'], list: [[1], [65_536]] }],
      RANGE,
      /list\[1\]\[0\].*65536/,
    ],
    [
      'the same target twice',
      [{ targets: ['udp.source', 'udp.source'], list: [[1, 2]] }],
      FIELD,
      /in common/,
    ],
    [
      'a counter without an end before another',
      [{ targets: ['udp.source', 'ipv4.id'], counters: [{}, {}] }],
      ARGUMENT,
      /counters\[0\]/,
    ],
    [
      'too few counters',
      [{ targets: ['udp.source', 'ipv4.id'], counters: [{ count: 1 }] }],
      ARGUMENT,
      /counters/,
    ],
    [
      'a prefix of a port',
      [{ target: 'udp.source', counter: { prefix: '1.0.0.0/8' } }],
      FIELD,
      /udp\.source/,
    ],
    [
      'a prefix without a length',
      [{ target: 'ipv4.source', counter: { prefix: '10.0.0.0' } }],
      ARGUMENT,
      /10\.0\.0\.0/,
    ],
    [
      'a prefix too long',
      [{ target: 'ipv4.source', counter: { prefix: '10.0.0.0/33' } }],
      RANGE,
      /\/33/,
    ],
    [
      'bits that vary',
      [{ target: 'ipv4.source', counter: { prefix: '10.1.0.0/8', step: '/24' } }],
      RANGE,
      /10\.1\.0\.0/,
    ],
    [
      'a step before the prefix',
      [{ target: 'ipv4.source', counter: { prefix: '10.0.0.0/8', step: '/7' } }],
      RANGE,
      /\/7/,
    ],
    [
      'a step that is a number',
      [{ target: 'ipv4.source', counter: { prefix: '10.0.0.0/8', step: 256 } }],
      ARGUMENT,
      /256/,
    ],
    [
      'a prefix of another kind',
      [{ target: 'ipv4.source', random: { prefix: '::/8' } }],
      'ERR_ZEROSEND_INVALID_ADDRESS',
      /::/,
    ],
    [
      'a step of random values of 0',
      [{ target: 'udp.source', random: { step: 0 } }],
      RANGE,
      /step/,
    ],
    [
      'a byte order of text',
      [{ target: { ...place(0, 2), littleEndian: 'yes' }, counter: {} }],
      ARGUMENT,
      /'yes'/,
    ],
    ['every half', [{ target: 'udp.source', counter: { every: 0.5 } }], RANGE, /0\.5/],
    [
      'weights of a counter',
      [{ target: 'udp.source', counter: {}, weights: [1] }],
      ARGUMENT,
      /weights/,
    ],
    ['nothing', [null as unknown as object], ARGUMENT, /null/],
  ])('refuses %s', (_, fields, code, message) => {
    expect(() => compile(base, fields as AnyField[])).toThrow(
      expect.objectContaining({ code, message: expect.stringMatching(message) }),
    );
  });
});
