// Sequences share what they work with: one that takes its turn finds nothing of another.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { compile, type Field, type PacketSequence, template } from 'zerosend/generator';

const ethernet = { source: '02:00:00:00:00:01', destination: '02:00:00:00:00:02' };
const ipv4 = { source: '198.18.0.1', destination: '198.18.0.2' };
const packet = { ethernet, ipv4, udp: { source: 1024, destination: 9 } };
const base = template({ ...packet, payload: new Uint8Array(32) });
const sctp = template({
  layers: [{ ethernet }, { ipv4 }, { sctp: { source: 1, destination: 2 } }],
  payload: Buffer.alloc(24, 7),
});
const number: Field = { target: { layer: 'payload', offset: 0, width: 4 }, counter: {} };
const list = Array.from({ length: 40 }, (_, i) => 'entry'.repeat(1 + (i % 5)));

/** Of one length and of several, with sums and with a CRC, with payloads of their own. */
const KINDS: readonly (() => PacketSequence)[] = [
  () => compile(base, [number]),
  () => compile(base, [{ target: 'length', list: [74, 80, 400, 61], order: 'random' }]),
  () => compile(base, [number, { target: 'length', random: { min: 80, max: 500 } }]),
  () => compile(sctp, [{ target: 'sctp.source', counter: {} }]),
  () => compile(template({ ...packet, payload: '' }), [{ target: 'payload', list }]),
  () => compile(template({ payload: 'no headers' }), [number]),
];

const SIZE = 512;
const memory = Buffer.alloc(64 * SIZE);
const view = new DataView(memory.buffer, memory.byteOffset, memory.length);

/** The next packets of a sequence, made in one of three ways. */
function next(sequence: PacketSequence, way: number, count: number): Buffer[] {
  const buffers = Array.from({ length: count }, (_, i) =>
    memory.subarray(i * SIZE, (i + 1) * SIZE),
  );
  for (const bytes of buffers) sequence.init(bytes);
  const copy = (bytes: Buffer, length: number) => Buffer.from(bytes.subarray(0, length));
  if (way === 0) return buffers.map((bytes) => copy(bytes, sequence.stamp(bytes)));
  const lengths =
    way === 1
      ? sequence.stampMany(
          buffers.map((bytes) => ({ bytes })),
          count,
        )
      : sequence.stampRun({ memory, view, offset: 0, stride: SIZE, count });
  return buffers.map((bytes, i) =>
    copy(bytes, typeof lengths === 'number' ? lengths : (lengths[i] as number)),
  );
}

describe('several sequences that take turns', () => {
  it('make what each makes by itself', () => {
    const turn = fc.record({
      kind: fc.nat(KINDS.length - 1),
      way: fc.nat(2),
      count: fc.integer({ min: 1, max: 64 }),
    });
    fc.assert(
      fc.property(fc.array(turn, { minLength: 2, maxLength: 12 }), (turns) => {
        const together = KINDS.map((made) => made());
        const all = KINDS.map((): Buffer[] => []);
        for (const { kind, way, count } of turns) {
          all[kind]?.push(...next(together[kind] as PacketSequence, way, count));
        }
        for (const [kind, packets] of all.entries()) {
          const alone = KINDS[kind]?.() as PacketSequence;
          const wrong = packets.findIndex((one) => !next(alone, 0, 1)[0]?.equals(one));
          expect(wrong, `of kind ${kind}`).toBe(-1);
        }
      }),
      { numRuns: 40 },
    );
  });

  it('may make packets while the buffers of others are asked for', () => {
    const [counts, differs] = [KINDS[0]?.(), KINDS[1]?.()] as [PacketSequence, PacketSequence];
    const buffers = Array.from({ length: 5 }, () => Buffer.alloc(SIZE));
    for (const bytes of buffers) counts.init(bytes);
    const asking = buffers.map((bytes) => ({
      get bytes() {
        next(differs, 1, 3);
        return bytes;
      },
    }));
    counts.stampMany(asking, 5);
    const { payload } = base.offsets;
    expect(buffers.map((bytes) => bytes.readUInt32BE(payload))).toEqual([0, 1, 2, 3, 4]);
    expect(differs.next).toBe(15);
  });
});
