import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { readCapture } from 'zerosend/generator';
import { folderOfFile } from '../../support/folders.js';
import { findTool, hasTool, needs } from '../../support/requirements.js';
import { output } from '../../support/run.js';
import {
  block,
  interfaceBlock,
  packetBlock,
  pcap,
  sectionHeader,
  simplePacketBlock,
} from './support/pcap-writer.js';

const T = 1_700_000_000_123_456_789n;
const FRAMES = Array.from({ length: 5 }, (_, i) => ({
  bytes: Uint8Array.from({ length: 60 + i }, (_, j) => (i * 17 + j) & 0xff),
  time: T + BigInt(i) * 1_500_001n,
}));
const ORDERS = [
  ['little endian', true],
  ['big endian', false],
] as const;

const folder = folderOfFile();

describe('readCapture', () => {
  describe.each(ORDERS)('%s', (_, little) => {
    it.each([true, false])('reads pcap, nanoseconds: %s', (nanoseconds) => {
      const capture = readCapture(pcap(FRAMES, { little, nanoseconds }));
      expect(capture).toMatchObject({ format: 'pcap', snapped: 0, problem: null });
      const unit = nanoseconds ? 1n : 1000n;
      expect(capture.frames).toEqual(
        FRAMES.map(({ bytes, time }, i) => ({
          bytes: Buffer.from(bytes),
          originalLength: bytes.length,
          time: (time / unit) * unit,
          linkType: 1,
          offset: 24 + 16 * i + FRAMES.slice(0, i).reduce((sum, f) => sum + f.bytes.length, 0),
        })),
      );
    });

    it('reads pcapng with interfaces of different clocks, and passes over what it does not know', () => {
      const resolution = (value: number): [number, Uint8Array] => [9, Uint8Array.of(value)];
      const offset = Buffer.alloc(8);
      if (little) offset.writeBigInt64LE(1000n);
      else offset.writeBigInt64BE(1000n);
      const bytes = Uint8Array.of(1, 2, 3, 4, 5);
      const file = Buffer.concat([
        sectionHeader(little),
        interfaceBlock(little, 1),
        interfaceBlock(little, 101, [[2, Buffer.from('eth0')], resolution(9)]),
        interfaceBlock(little, 1, [resolution(0x80 | 10), [14, offset]]),
        interfaceBlock(little, 1, [[13, Uint8Array.of(4)]], 6),
        packetBlock(little, 0, 5_000_001n, bytes),
        block(little, 0x0bad, Buffer.alloc(8)), // an unknown block
        packetBlock(little, 1, 5_000_000_001n, bytes),
        packetBlock(little, 2, 1536n, bytes),
        packetBlock(little, 3, 0n, bytes),
        packetBlock(little, 0, 2n ** 33n, bytes, 99),
      ]);
      const { frames, ...rest } = readCapture(file);
      expect(rest).toEqual({ format: 'pcapng', snapped: 1, skippedBlocks: 1, problem: null });
      expect(frames.map(({ time }) => time)).toEqual([
        5_000_001_000n,
        5_000_000_001n,
        1_001_500_000_000n,
        0n,
        2n ** 33n * 1000n,
      ]);
      expect(frames.map(({ linkType }) => linkType)).toEqual([1, 101, 1, 1, 1]);
      // The fourth interface captures the checksum of the frame, which is not sent.
      expect(frames.map((frame) => frame.bytes.length)).toEqual([5, 5, 5, 1, 5]);
      expect(frames.at(-1)).toMatchObject({ originalLength: 99 });
      expect([...(frames[0]?.bytes ?? [])]).toEqual([...bytes]);
    });

    it('reads simple packets, which have no time', () => {
      const file = Buffer.concat([
        sectionHeader(little),
        interfaceBlock(little, 1, [], 6),
        simplePacketBlock(little, Uint8Array.of(1, 2, 3), 3),
        simplePacketBlock(little, Uint8Array.of(1, 2, 3, 4, 5, 6), 100),
      ]);
      const { frames, snapped } = readCapture(file);
      expect(snapped).toBe(1);
      expect(frames.map(({ bytes, time }) => [bytes.length, time])).toEqual([
        [3, null],
        [6, null],
      ]);
    });

    it('reports where a file is cut off, and has the frames before that', () => {
      const whole = pcap(FRAMES, { little });
      for (const left of [1, 15, 16, 40, 61, 76]) {
        const at = 24 + 16 + 60; // of the second record
        const capture = readCapture(whole.subarray(0, at + left));
        expect(capture.frames).toHaveLength(1);
        expect(capture.problem).toEqual({
          offset: at,
          message: expect.stringMatching(`cut off: ${left} of \\d+ bytes`),
        });
      }
      const section = sectionHeader(little);
      const ng = Buffer.concat([
        section,
        interfaceBlock(little, 1),
        packetBlock(little, 0, 0n, Uint8Array.of(1)),
        packetBlock(little, 0, 0n, Uint8Array.of(2)),
      ]);
      for (const cut of [1, 30, 35]) {
        const capture = readCapture(ng.subarray(0, ng.length - cut));
        expect(capture.frames).toHaveLength(1);
        expect(capture.problem).toMatchObject({ offset: ng.length - 36 });
      }
    });
  });

  it('reads sections of both byte orders in one file', () => {
    const part = (little: boolean) => [
      sectionHeader(little),
      interfaceBlock(little, little ? 1 : 101),
      packetBlock(little, 0, 7n, Uint8Array.of(1, 2)),
    ];
    const { frames } = readCapture(Buffer.concat([...part(true), ...part(false), ...part(true)]));
    expect(frames.map(({ linkType, time }) => [linkType, time])).toEqual([
      [1, 7000n],
      [101, 7000n],
      [1, 7000n],
    ]);
  });

  it('takes the checksum of frames off, where pcap says that they have one', () => {
    const [frame] = readCapture(pcap(FRAMES.slice(0, 1), { fcs: 4 })).frames;
    expect(frame?.bytes).toHaveLength(56);
    expect(frame).toMatchObject({ originalLength: 56, linkType: 1 });
  });

  it('counts snapped frames', () => {
    const [first, second] = FRAMES;
    const file = pcap([{ ...(first as (typeof FRAMES)[0]), originalLength: 1500 }, second!]);
    expect(readCapture(file)).toMatchObject({ snapped: 1 });
  });

  it('stops at damage, and says where', () => {
    const damaged = pcap(FRAMES);
    damaged.writeUInt32LE(0xffff_fff0, 24 + 8);
    expect(readCapture(damaged)).toMatchObject({
      frames: [],
      problem: { offset: 24, message: expect.stringContaining('damaged') },
    });
    const head = Buffer.concat([sectionHeader(true), interfaceBlock(true, 1)]);
    const problemOf = (part: Buffer) => {
      const { problem } = readCapture(Buffer.concat([head, part]));
      expect(problem?.offset).toBe(head.length);
      return problem?.message;
    };
    const packet = packetBlock(true, 0, 0n, Uint8Array.of(1));
    const change = (at: number, value: number) => {
      const copy = Buffer.from(packet);
      copy.writeUInt32LE(value, at);
      return copy;
    };
    expect(problemOf(change(4, 8))).toBe('a block of 8 bytes cannot be');
    expect(problemOf(change(4, 37))).toBe('a block of 37 bytes cannot be');
    expect(problemOf(change(packet.length - 4, 40))).toBe('a block of 36 bytes says 40 at its end');
    expect(problemOf(change(8, 3))).toBe('a packet of interface 3, which is not described');
    expect(problemOf(change(20, 5))).toBe('5 bytes do not fit their block');
  });

  it.each<[string, Uint8Array, number]>([
    ['nothing', new Uint8Array(0), 0],
    ['text', Buffer.from('hello, world'), 0],
    ['half a header', pcap([]).subarray(0, 20), 20],
    ['another version', Buffer.from(pcap([])).fill(9, 4, 5), 4],
    ['a section without byte order', Buffer.concat([sectionHeader(true)]).fill(0, 8, 12), 0],
  ])('refuses %s', (_, file, offset) => {
    expect(() => readCapture(file)).toThrow(
      expect.objectContaining({ code: 'ERR_ZEROSEND_CAPTURE', offset }),
    );
  });

  it('refuses what is no file, and passes on the errors of the file system', () => {
    expect(() => readCapture(3 as never)).toThrow(
      expect.objectContaining({ code: 'ERR_ZEROSEND_INVALID_ARGUMENT' }),
    );
    expect(() => readCapture(join(folder, 'none'))).toThrow(
      expect.objectContaining({ code: 'ENOENT' }),
    );
  });

  describe('files of other programs', needs(hasTool('editcap'), 'editcap'), () => {
    it.each(['pcap', 'nsecpcap', 'pcapng'])('reads %s', async (format) => {
      const from = join(folder, 'from.pcap');
      const to = join(folder, `to.${format}`);
      writeFileSync(from, pcap(FRAMES, { nanoseconds: true }));
      await output([findTool('editcap') as string, '-F', format, from, to]);
      const capture = readCapture(to);
      expect(capture.problem).toBeNull();
      expect(capture.format).toBe(format === 'pcapng' ? 'pcapng' : 'pcap');
      const unit = format === 'pcap' ? 1000n : 1n;
      expect(capture.frames.map(({ time }) => time)).toEqual(
        FRAMES.map(({ time }) => (time / unit) * unit),
      );
      const bytes = capture.frames.map((frame) => Buffer.from(frame.bytes).toString('hex'));
      expect(bytes).toEqual(FRAMES.map((frame) => Buffer.from(frame.bytes).toString('hex')));
    });
  });
});
