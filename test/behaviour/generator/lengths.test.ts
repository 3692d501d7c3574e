import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  type AnyField,
  compile,
  type NamedLayer,
  own,
  type PacketDescription,
  type PacketSequence,
  type Protocol,
  template,
} from 'zerosend/generator';
import { stack } from './support/layer-stacks.js';

const ethernet = { source: '02:00:00:00:00:01', destination: '02:00:00:00:00:02' };
const ipv4 = { source: '198.18.0.1', destination: '198.18.0.2' };
const udp = { source: 1024, destination: 9 };
const frame = { ethernet, ipv4, udp };

/** The packets from 0 to count - 1, each made in a buffer that an earlier one was in. */
function make(sequence: PacketSequence, count: number): Buffer[] {
  const bytes = Buffer.alloc(sequence.length);
  sequence.init(bytes);
  return Array.from({ length: count }, () => Buffer.from(bytes.subarray(0, sequence.stamp(bytes))));
}

const lengthsOf = (packet: PacketDescription, fields: readonly AnyField[], count: number) =>
  make(compile(template(packet), fields), count).map(({ length }) => length);

/** The packet of this length that a template makes anew, whose payload is cut or followed by zeros. */
function anew(layers: readonly NamedLayer[], payload: Uint8Array, length: number): Buffer {
  const headers = template({ layers: [...layers], length: 2 ** 15 }).offsets.payload;
  const cut = payload.subarray(0, length - headers);
  return template({ layers: [...layers], payload: cut, length }).bytes;
}

describe('packets of changing length', () => {
  it('are those that templates of their lengths have, in any layers, whatever else changes', () => {
    const shapes = stack.chain(({ layers, payload }) =>
      fc.record({
        layers: fc.constant(layers),
        payload: fc.oneof(fc.constant(payload), fc.constant(Buffer.alloc(41, 'every byte counts'))),
        more: fc.array(fc.nat({ max: 200 }), { minLength: 1, maxLength: 6 }),
        order: fc.constantFrom('turn' as const, 'random' as const),
        tag: fc.boolean(),
      }),
    );
    fc.assert(
      fc.property(shapes, ({ layers, payload, more, order, tag }) => {
        const from = template({ layers, payload });
        const headers = from.offsets.payload;
        // A counter in the payload is in each of them.
        const lengths = more.map(
          (bytes) => headers + (tag ? 4 : 0) + bytes + (headers === 0 ? 1 : 0),
        );
        const fields: AnyField[] = [
          { target: 'length', list: lengths, order, seed: 7 } as AnyField,
        ];
        if (order === 'turn') delete (fields[0] as { seed?: number }).seed;
        if (tag) {
          const target = { layer: 'payload', offset: 1, width: 3 };
          fields.push({ target, counter: { start: 0xfffffe } });
        }
        const seen = make(compile(from, fields), 8);
        for (const [k, bytes] of seen.entries()) {
          if (order === 'turn') expect(bytes.length).toBe(lengths[k % lengths.length]);
          else expect(lengths).toContain(bytes.length);
          const own = Buffer.alloc(Math.max(payload.length, bytes.length));
          own.set(payload);
          if (tag) own.writeUIntBE((0xfffffe + k) % 2 ** 24, 1, 3);
          expect(bytes.toString('hex')).toBe(anew(layers, own, bytes.length).toString('hex'));
        }
      }),
      { numRuns: 250 },
    );
  });

  it('count by steps, up and down, and begin again', () => {
    const counter = (counter: object) => [{ target: 'length', counter } as AnyField];
    const packet = { ...frame, length: 64 };
    expect(lengthsOf(packet, counter({ count: 3 }), 4)).toEqual([64, 65, 66, 64]);
    expect(lengthsOf(packet, counter({ start: 100, last: 60, step: -19, every: 2 }), 8)).toEqual([
      100, 100, 81, 81, 62, 62, 100, 100,
    ]);
    const payload = [{ target: 'payload.length', counter: { start: 0, count: 3 } } as AnyField];
    expect(lengthsOf(packet, payload, 3)).toEqual([42, 43, 44]);
  });

  it('are drawn from a range, the same for the same seed, each as often', () => {
    const drawn = (seed: number) =>
      lengthsOf(
        frame,
        [{ target: 'length', random: { min: 60, max: 1510, step: 290, seed } }],
        6000,
      );
    const lengths = drawn(3);
    const counts = new Map<number, number>();
    for (const length of lengths) counts.set(length, (counts.get(length) ?? 0) + 1);
    expect([...counts.keys()].sort((a, b) => a - b)).toEqual([60, 350, 640, 930, 1220, 1510]);
    for (const count of counts.values()) expect(Math.abs(count - 1000)).toBeLessThan(150);
    expect(drawn(3)).toEqual(lengths);
    expect(drawn(4)).not.toEqual(lengths);
  });

  it.each<[string, PacketDescription, number[]]>([
    ['frames', frame, [60, 590, 1514]],
    ['packets without a link header', { ipv4, udp }, [46, 576, 1500]],
    ['datagrams', { payload: 'x' }, [18, 548, 1472]],
    [
      'frames whose headers need more',
      { ethernet, ipv6: { source: '2001:2::1', destination: '2001:2::2' }, tcp: udp },
      [74, 590, 1514],
    ],
  ])('of the Internet mix, %s: 7, 4 and 1 of each 12', (_, packet, sizes) => {
    const lengths = lengthsOf(packet, [{ target: 'length', list: 'imix' }], 24);
    for (const period of [lengths.slice(0, 12), lengths.slice(12)]) {
      expect(sizes.map((size) => period.filter((one) => one === size).length)).toEqual([7, 4, 1]);
    }
    const sequence = compile(template(packet), [{ target: 'length', list: 'imix' }]);
    const mean = (sizes as [number, number, number]).reduce((a, b, i) => a + b * [7, 4, 1][i]!, 0);
    expect(sequence.meanLength).toBeCloseTo(mean / 12, 9);
    expect(sequence.length).toBe(sizes[2]);
  });

  it('of the Internet mix hold the fields that are behind the shortest', () => {
    const target = { layer: 'payload', offset: 16, width: 8 };
    const fields: AnyField[] = [
      { target: 'length', list: 'imix' },
      { target, counter: {} },
    ];
    expect(Math.min(...lengthsOf(frame, fields, 12))).toBe(42 + 24);
  });

  it('follow a protocol that is not ours, whatever it makes of its content', () => {
    const words: Protocol = {
      name: 'words',
      size: 4,
      numbers: { ip: 200 },
      fields: {
        padding: { at: 0, width: 1, bits: 2, shift: 6, default: ({ content }) => -content & 3 },
        kind: { at: 0, width: 1, bits: 6, default: 33 },
        words: { at: 1, width: 3, default: ({ content }) => Math.ceil(content / 4) },
      },
    };
    const layers = [{ ipv4 }, own(words)];
    const sequence = compile(template({ layers }), [
      { target: 'length', counter: { start: 24, count: 9 } },
      { target: 'words.kind', counter: { start: 60 } },
    ]);
    for (const [k, bytes] of make(sequence, 18).entries()) {
      const kind = (60 + k) % 64;
      const changed = [{ ipv4 }, own(words, { kind })];
      const { bytes: expected } = template({ layers: changed, length: 24 + (k % 9) });
      expect(bytes.toString('hex')).toBe(expected.toString('hex'));
    }
  });

  it('follow a protocol whose numbers are little-endian', () => {
    const little: Protocol = {
      name: 'little',
      size: 8,
      numbers: { ip: 201 },
      fields: {
        length: { at: 0, width: 3, littleEndian: true, default: ({ content }) => content },
        flags: { at: 3, width: 2, bits: 12, littleEndian: true, default: 0xabc },
        high: { at: 3, width: 2, bits: 4, shift: 12, littleEndian: true, default: 5 },
        sum: { at: 6, width: 2, checksum: { kind: 'internet', covers: 'all' } },
      },
    };
    const packet = (values: object, length: number) =>
      template({ layers: [{ ipv4 }, own(little, { ...values })], length });
    const { bytes } = packet({}, 300);
    expect(bytes.toString('hex', 20, 26)).toBe('100100' + 'bc5a' + '00');
    const sequence = compile(packet({}, 40), [
      { target: 'length', list: [28, 300, 1000] },
      { target: 'little.flags', counter: { start: 0xffe } },
    ]);
    for (const [k, made] of make(sequence, 6).entries()) {
      const expected = packet({ flags: (0xffe + k) % 0x1000 }, [28, 300, 1000][k % 3] as number);
      expect(made.toString('hex')).toBe(expected.bytes.toString('hex'));
    }
  });

  it('leave lengths and checksums that were given, right or wrong', () => {
    const given = {
      ipv4: { ...ipv4, totalLength: 77 },
      udp: { ...udp, length: 5, checksum: 0x1234 },
    };
    const made = make(compile(template(given), [{ target: 'length', list: [28, 90] }]), 2);
    for (const [i, bytes] of made.entries()) {
      const { bytes: expected } = template({ ...given, length: i === 0 ? 28 : 90 });
      expect(bytes.toString('hex')).toBe(expected.toString('hex'));
    }
  });

  it('are behind an offload header, whose pseudo header sum follows', () => {
    const packet = { ...frame, virtioNetHeader: { segmentSize: 1000 } };
    const fields: AnyField[] = [{ target: 'length', list: [60, 4000, 61_000] }];
    for (const bytes of make(compile(template(packet), fields), 6)) {
      const { bytes: expected } = template({ ...packet, length: bytes.length - 10 });
      expect(bytes.toString('hex')).toBe(expected.toString('hex'));
    }
  });

  it('give workers the packets that one alone would make, and tell the lengths of runs', () => {
    const fields = (order: 'turn' | 'random'): AnyField[] => [
      { target: 'length', list: [60, 100, 1514], weights: [3, 2, 1], order, every: 2 },
      { target: 'ipv4.id', counter: {} },
      { target: 'udp.source', random: { seed: 5, min: 1000, max: 2000, step: 10, every: 3 } },
    ];
    for (const order of ['turn', 'random'] as const) {
      const first = 2 ** 32 - 100;
      const share = (at: number, stride: number, count: number) =>
        make(compile(template(frame), fields(order), { first: at, stride }), count);
      const alone = share(first, 1, 240).map((bytes) => bytes.toString('hex'));
      for (const workers of [2, 3, 5]) {
        const shares = Array.from({ length: workers }, (_, i) =>
          share(first + i, workers, 240 / workers),
        );
        const merged = alone.map((_, k) => shares[k % workers]?.[Math.floor(k / workers)]);
        expect(merged.map((bytes) => bytes?.toString('hex'))).toEqual(alone);
      }
      const sequence = compile(template(frame), fields(order), { first });
      const memory = Buffer.alloc(240 * 2048);
      const view = new DataView(memory.buffer, memory.byteOffset, memory.length);
      for (let i = 0; i < 240; i++) sequence.init(memory.subarray(i * 2048));
      const lengths = sequence.stampRun({ memory, view, offset: 0, stride: 2048, count: 240 });
      expect(Array.from(lengths as Uint32Array)).toEqual(alone.map((text) => text.length / 2));
      const many = compile(template(frame), fields(order), { first });
      const buffers = alone.map(() => ({ bytes: Buffer.alloc(1514) }));
      for (const { bytes } of buffers) many.init(bytes);
      const each = many.stampMany(buffers, 240) as Uint32Array;
      for (const [i, text] of alone.entries()) {
        const inRun = memory.subarray(i * 2048, i * 2048 + (lengths as Uint32Array)[i]!);
        expect(inRun.toString('hex')).toBe(text);
        expect(buffers[i]?.bytes.subarray(0, each[i]).toString('hex')).toBe(text);
      }
    }
  });

  it('tells one number where all are alike', () => {
    const sequence = compile(template({ ...frame, length: 64 }), []);
    const bytes = Buffer.alloc(128);
    sequence.init(bytes);
    expect(sequence.stamp(bytes)).toBe(64);
    expect(sequence.stampMany([{ bytes }], 1, 2)).toBe(128);
    const longer = compile(template(frame), [{ target: 'length', list: [80] }]);
    expect([longer.length, longer.meanLength, longer.stamp(bytes)]).toEqual([80, 80, 80]);
  });

  const ARGUMENT = 'ERR_ZEROSEND_INVALID_ARGUMENT';
  const RANGE = 'ERR_ZEROSEND_OUT_OF_RANGE';
  const FIELD = 'ERR_ZEROSEND_FIELD';
  const length = (way: object) => [{ target: 'length', ...way }];
  it.each<[string, object[], string, RegExp]>([
    ['less than the headers', length({ list: [64, 41] }), RANGE, /list\[1\].* 42 .*number 41/],
    ['more than a packet', length({ list: [2 ** 20 + 1] }), RANGE, /1048577/],
    ['a fraction', length({ list: [64.5] }), RANGE, /64\.5/],
    ['a text', length({ list: ['64'] }), ARGUMENT, /'64'/],
    ['an unknown mix', length({ list: 'amix' }), ARGUMENT, /'amix'/],
    ['an empty list', length({ list: [] }), ARGUMENT, /list/],
    ['a counter without an end', length({ counter: { start: 64 } }), ARGUMENT, /count or last/],
    ['two ends', length({ counter: { count: 2, last: 80 } }), ARGUMENT, /either/],
    ['an end that is not reached', length({ counter: { start: 80, last: 64 } }), RANGE, /64/],
    ['a step of 0', length({ counter: { start: 64, last: 80, step: 0 } }), RANGE, /80/],
    ['a range without an end', length({ random: { min: 64 } }), ARGUMENT, /max/],
    ['an empty range', length({ random: { min: 80, max: 64 } }), RANGE, /64/],
    ['weights of another number', length({ list: [64, 65], weights: [1] }), ARGUMENT, /weights/],
    ['weights of the mix', length({ list: 'imix', weights: [1, 1, 1] }), ARGUMENT, /weights/],
    ['a weight of 0', length({ list: [64], weights: [0] }), RANGE, /weights\[0\].*0/],
    ['weights that are too many', length({ list: [64, 65], weights: [65_536, 1] }), RANGE, /65537/],
    ['an unknown order', length({ list: [64], order: 'any' }), ARGUMENT, /'any'/],
    ['a seed in turn', length({ list: [64], seed: 1 }), ARGUMENT, /seed/],
    ['every 0', length({ list: [64], every: 0 }), RANGE, /every/],
    ['two ways', length({ list: [64], counter: { count: 2 } }), ARGUMENT, /fields\[0\]/],
    ['no way', length({}), ARGUMENT, /fields\[0\]/],
    ['the time', length({ timestamp: {} }), ARGUMENT, /timestamp/],
    [
      'two lengths',
      [...length({ list: [64] }), ...length({ list: [65] })],
      FIELD,
      /fields\[1\].*fields\[0\]/,
    ],
    [
      'a field behind the shortest',
      [
        ...length({ list: [44, 1000] }),
        { target: { layer: 'payload', offset: 0, width: 4 }, counter: {} },
      ],
      FIELD,
      /2 bytes behind/,
    ],
    [
      'a field that is a length',
      [...length({ list: [64] }), { target: 'udp.length', list: [1] }],
      FIELD,
      /length/,
    ],
  ])('are refused with %s', (_, fields, code, message) => {
    const made = () => compile(template({ ...frame, length: 60 }), fields as AnyField[]);
    expect(made).toThrow(
      expect.objectContaining({ code, message: expect.stringMatching(message) }),
    );
  });

  it('are refused where a layer cannot say it, and in trains', () => {
    const large = () => compile(template(frame), [{ target: 'length', list: [64, 65_550] }]);
    expect(large).toThrow(
      expect.objectContaining({
        code: RANGE,
        message: expect.stringMatching(/totalLength.*65536/),
      }),
    );
    const sequence = compile(template({ payload: 'x' }), [{ target: 'length', list: [1, 2] }]);
    const train = expect.objectContaining({
      code: FIELD,
      message: expect.stringMatching(/received 2/),
    });
    expect(() => sequence.layTrain(Buffer.alloc(9), 2)).toThrow(train);
    expect(() => sequence.stampMany([{ bytes: Buffer.alloc(9) }], 1, 2)).toThrow(train);
  });
});
