import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { compile, type Field, type PacketSequence, template } from 'zerosend/generator';
import { CounterSource } from '../../../lib/generator/fields/sources.js';
import { description, fieldsOf } from './support/arbitrary.js';

/** Frames in a row, as those of a ring: what lies between them is the kernel's. */
function makeRun(count: number, length: number, offset: number, gap: number) {
  const stride = length + gap;
  const memory = Buffer.alloc(offset + count * stride, 0xee);
  const view = new DataView(memory.buffer, memory.byteOffset, memory.length);
  const bytes = (i: number) =>
    memory.subarray(offset + i * stride, offset + i * stride + length) as Buffer;
  return { memory, view, offset, stride, count, bytes };
}

/** What mixes and streams use of a sequence. */
type Internal = PacketSequence & {
  _stampPlaces(memory: Buffer, view: DataView, places: Float64Array, count: number): unknown;
  _stampAt(memory: Buffer, view: DataView, place: number): unknown;
};
const internal = (sequence: PacketSequence) => sequence as Internal;

describe('a run of packets', () => {
  it('may lie more than 2 GiB behind the beginning of its memory', () => {
    const packet = {
      ethernet: { source: '02:00:00:00:00:01', destination: '02:00:00:00:00:02' },
      ipv4: { source: '198.18.0.1', destination: '198.18.0.2' },
      udp: { source: 1024, destination: 9 },
    };
    const from = template({ ...packet, length: 100, payload: '' });
    const number: Field = { target: { layer: 'payload', offset: 0, width: 4 }, counter: {} };
    // Of which the kernel gives only the pages that are written to.
    const memory = Buffer.allocUnsafeSlow(2 ** 31 + 2 ** 20);
    const view = new DataView(memory.buffer, memory.byteOffset, memory.length);
    const fields: Field[][] = [[number], [number, { target: 'ipv4.id', random: {} }]];
    const ways: [string, number, number, number][] = [
      ['across 1 GiB', 2 ** 30 - 300, 128, 5],
      ['across 2 GiB', 2 ** 31 - 300, 128, 100],
      ['far from each other', 77, 2 ** 29, 4],
    ];
    for (const some of fields) {
      for (const [way, offset, stride, count] of ways) {
        const [run, alone, single] = [0, 1, 2].map(() => compile(from, some));
        const at = (i: number) => offset + i * stride;
        const bytes = (i: number) => memory.subarray(at(i), at(i) + 100);
        const packets = Array.from({ length: count }, () => {
          const one = Buffer.alloc(100);
          alone?.init(one);
          alone?.stamp(one);
          return one.toString('hex');
        });
        const read = () => packets.map((_, i) => bytes(i).toString('hex'));
        for (let i = 0; i < count; i++) run?.init(bytes(i));
        run?.stampRun({ memory, view, offset, stride, count });
        expect(read(), way).toEqual(packets);
        for (let i = 0; i < count; i++) {
          single?.init(bytes(i));
          single?.stamp(memory, at(i));
        }
        expect(read(), way).toEqual(packets);
        const mixed = internal(compile(from, some));
        const places = Float64Array.from({ length: 64 }, (_, i) => at(i));
        for (let i = 0; i < Math.min(64, count); i++) mixed.init(bytes(i));
        mixed._stampPlaces(memory, view, places, Math.min(64, count));
        expect(read(), way).toEqual(packets);
        const streamed = internal(compile(from, some));
        for (let i = 0; i < count; i++) {
          streamed.init(bytes(i));
          streamed._stampAt(memory, view, at(i));
        }
        expect(read(), way).toEqual(packets);
      }
    }
  });

  it('has the very bytes that packets have that are made one by one', () => {
    const arbitrary = description.chain((packet) =>
      fc.record({
        packet: fc.constant(packet),
        fields: fieldsOf(packet),
        counts: fc.array(fc.constantFrom(1, 2, 63, 64, 65, 130), { minLength: 1, maxLength: 4 }),
        offset: fc.constantFrom(0, 1, 33, 4096),
        gap: fc.constantFrom(0, 1, 34),
        first: fc.constantFrom(0, 7, 2 ** 32 - 40),
        stride: fc.constantFrom(1, 3),
      }),
    );
    const property = fc.property(arbitrary, (given) => {
      const { packet, fields, counts, offset, gap, first, stride } = given;
      const from = template(packet);
      const [inRuns, atOnce, alone] = [0, 1, 2].map(() => compile(from, fields, { first, stride }));
      const most = Math.max(...counts);
      const run = makeRun(most, from.length, offset, gap);
      const before = Buffer.from(run.memory);
      const buffers = Array.from({ length: most }, () => ({ bytes: Buffer.alloc(from.length) }));
      const each = buffers.map(() => Buffer.alloc(from.length));
      for (let i = 0; i < most; i++) {
        inRuns?.init(run.bytes(i));
        atOnce?.init((buffers[i] as { bytes: Buffer }).bytes);
        alone?.init(each[i] as Buffer);
      }
      for (const count of counts) {
        inRuns?.stampRun({ ...run, count });
        atOnce?.stampMany(buffers, count);
        for (let i = 0; i < count; i++) alone?.stamp(each[i] as Buffer);
        for (let i = 0; i < most; i++) {
          const expected = (each[i] as Buffer).toString('hex');
          expect(run.bytes(i).toString('hex')).toBe(expected);
          expect(buffers[i]?.bytes.toString('hex')).toBe(expected);
        }
      }
      expect(inRuns?.next).toBe(alone?.next);
      // And nothing else.
      for (let i = 0; i < most; i++) run.bytes(i).fill(0xee);
      expect(run.memory.equals(before)).toBe(true);
    });
    fc.assert(property, { numRuns: 150 });
  }, 30_000);

  it('may be farther than 2 GiB from the beginning of its ring', () => {
    const from = template({ payload: new Uint8Array(16) });
    const fields: Field[] = [
      { target: { layer: 'payload', offset: 0, width: 4 }, counter: { start: 5 } },
      { target: { layer: 'payload', offset: 6, width: 2 }, counter: { start: 9 } },
    ];
    const offset = 2 ** 31 + 64;
    const memory = Buffer.from(new ArrayBuffer(offset + 64)); // pages that nobody touches
    const view = new DataView(memory.buffer);
    compile(from, fields).stampRun({ memory, view, offset, stride: 16, count: 2 });
    expect(memory.toString('hex', offset, offset + 8)).toBe('0000000500000009');
    expect(memory.toString('hex', offset + 16, offset + 24)).toBe('000000060000000a');
  });
});

describe('CounterSource', () => {
  it('wraps as its formula does, whatever it counts by', () => {
    const value = fc.oneof(
      fc.constantFrom(0, 1, 2 ** 31 - 1, 2 ** 31, 2 ** 32 - 1),
      fc.integer({ min: 0, max: 2 ** 32 - 1 }),
    );
    const steps = fc.oneof(
      fc.constantFrom(0, 1, -1, 2 ** 31, -(2 ** 31), 2 ** 32 - 1, -(2 ** 32 - 1)),
      fc.integer({ min: -(2 ** 40), max: 2 ** 40 }),
    );
    const strides = fc.constantFrom(1, 2, 7, 2 ** 31, 2 ** 32 - 1, 2 ** 32);
    const firsts = fc.oneof(fc.nat(100), fc.constantFrom(2 ** 32 - 3, 2 ** 53 - 1 - 2 ** 40));
    const counts = fc.array(fc.integer({ min: 1, max: 64 }), { minLength: 1, maxLength: 5 });
    const modulus = fc.constantFrom(2 ** 8, 2 ** 31, 2 ** 32, 2 ** 48);
    const property = fc.property(
      value,
      steps,
      strides,
      firsts,
      counts,
      modulus,
      (start, step, stride, first, counts, modulus) => {
        const source = new CounterSource(start % modulus, step, 0, modulus);
        source.seek(first, stride);
        let k = BigInt(first);
        const high = new Uint32Array(64);
        const low = new Uint32Array(64);
        for (const count of counts) {
          high.fill(77);
          source.fill(high, low, count);
          for (let i = 0; i < count; i++, k += BigInt(stride)) {
            const raw = BigInt(start % modulus) + BigInt(step) * k;
            const expected = ((raw % BigInt(modulus)) + BigInt(modulus)) % BigInt(modulus);
            const made = (BigInt(high[i] as number) << 32n) | BigInt(low[i] as number);
            if (made !== expected) expect({ i, made }).toEqual({ i, made: expected });
          }
          if (count < 64) expect(high[count]).toBe(77);
        }
      },
    );
    fc.assert(property, { numRuns: 1000 });
  });

  it('goes over the end of 32 bits, up and down', () => {
    const values = (start: number, step: number) => {
      const source = new CounterSource(start, step, 0, 2 ** 32);
      source.seek(0, 1);
      const low = new Uint32Array(4);
      source.fill(new Uint32Array(4), low, 2);
      source.fill(new Uint32Array(4), low.subarray(2), 2);
      return [...low];
    };
    expect(values(2 ** 32 - 2, 1)).toEqual([2 ** 32 - 2, 2 ** 32 - 1, 0, 1]);
    expect(values(1, -1)).toEqual([1, 0, 2 ** 32 - 1, 2 ** 32 - 2]);
  });
});
