// Captures that are damaged, old, or out of the ordinary: test/behaviour/generator/capture.test.ts has what
// the formats say.
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { openCapture, readCapture, replay } from 'zerosend/generator';
import { Rewriter } from '../../../lib/generator/replay/rewrite.js';
import { openTo, startPeer } from '../../support/endpoints.js';
import { FRAMES, hex } from './support/frames.js';
import {
  block,
  interfaceBlock,
  packetBlock,
  pcap,
  sectionHeader,
  simplePacketBlock,
} from './support/pcap-writer.js';
import { sendable } from './support/sendable.js';
import { ETHERNET } from './support/wire.js';

const T = 1_700_000_000_123_456_789n;

describe('a capture that is large for what it holds', () => {
  const run = async (argument: object) => {
    const path = fileURLToPath(new URL('./programs/large-capture.mjs', import.meta.url));
    const args = ['--max-old-space-size=48', path, JSON.stringify(argument)];
    const { stdout } = await promisify(execFile)(process.execPath, args, { timeout: 28_000 });
    return JSON.parse(stdout);
  };

  it('and ends in zeros is read to there, whatever its length', async () => {
    const said = await run({ megabytes: 512, frame: 0 });
    const problem = { offset: 24, message: expect.stringContaining('without a byte') };
    expect(said).toMatchObject({ problem, frames: 0 });
    for (const error of [said.read, said.again]) {
      expect(error).toMatchObject({
        code: 'ERR_ZEROSEND_CAPTURE',
        offset: 24,
        message: expect.stringContaining('without a byte'),
      });
    }
  });

  it('costs no heap for its frames, and the event loop has its turn', async () => {
    const said = await run({ megabytes: 17, frame: 1 });
    expect(said.problem).toBeNull();
    expect(said.frames).toMatchObject({
      code: 'ERR_ZEROSEND_CAPTURE',
      message: expect.stringContaining('the heap does not hold the 1048576 frames'),
    });
    for (const error of [said.read, said.again]) {
      expect(error.message).toContain('1048576 no UDP payload');
    }
    expect(said.turns).toBeGreaterThan(20);
  });

  it('keeps the frames before zeros, and a few without a byte', () => {
    const bytes = FRAMES[3]!.bytes;
    const nothing = { bytes: new Uint8Array(0), time: 0n };
    const few = [{ bytes, time: T }, nothing, { bytes, time: T }, nothing];
    expect(readCapture(pcap(few))).toMatchObject({ problem: null, frames: { length: 4 } });
    const file = pcap(few);
    for (const zeros of [16 * 1025, 16 * 1025 + 7, 1e6]) {
      const { frames, problem, snapped } = readCapture(Buffer.concat([file, Buffer.alloc(zeros)]));
      expect(frames).toHaveLength(3);
      expect(snapped).toBe(0);
      // The last frame of the file, which has no byte either, is one of them.
      expect(problem).toMatchObject({ offset: file.length - 16 });
    }
    const cut = Buffer.alloc(16 * 1100);
    for (let at = 12; at < cut.length; at += 16) cut.writeUInt32LE(60, at);
    const snapped = readCapture(Buffer.concat([file.subarray(0, file.length - 16), cut]));
    expect(snapped).toMatchObject({ snapped: 0, problem: { offset: file.length - 16 } });
    expect(snapped.frames).toHaveLength(3);
  });

  it('bounds pcapng as well', () => {
    const packet = packetBlock(true, 0, 0n, new Uint8Array(0));
    const head = Buffer.concat([sectionHeader(true), interfaceBlock(true, 1)]);
    const file = Buffer.concat([head, ...Array<Buffer>(2000).fill(packet)]);
    expect(readCapture(file)).toMatchObject({
      frames: [],
      problem: { offset: head.length, message: expect.stringContaining('without a byte') },
    });
  });

  it('bounds the interfaces of pcapng, however it is read', async () => {
    const description = interfaceBlock(true, 1);
    const header = sectionHeader(true);
    const section = [header, ...Array<Buffer>(2 ** 16 + 1).fill(description)];
    const file = Buffer.concat([...section, packetBlock(true, 0, T, FRAMES[0]!.bytes)]);
    const problem = {
      offset: header.length + 2 ** 16 * description.length,
      message: 'more than 65536 interfaces: the file is damaged',
    };
    expect(readCapture(file)).toMatchObject({ problem, frames: [] });
    const reader = openCapture(file);
    for await (const _ of reader);
    expect(reader.problem).toEqual(problem);
    // Of each section so many.
    const both = Buffer.concat([...section.slice(0, -1), ...section.slice(0, -1)]);
    expect(readCapture(both).problem).toBeNull();
  });
});

describe('the frames of a capture', () => {
  it('are an array as any other, which may be changed', () => {
    const capture = readCapture(pcap(FRAMES));
    expect(Array.isArray(capture.frames)).toBe(true);
    expect(capture.frames).toBe(capture.frames);
    capture.frames.splice(1);
    expect(capture.frames).toHaveLength(1);
    const other = readCapture(pcap(FRAMES));
    other.frames = other.frames.filter((_, i) => i % 2 === 0);
    expect(other.frames).toHaveLength(20);
    expect(structuredClone(readCapture(pcap(FRAMES))).frames).toHaveLength(40);
    expect(Object.keys(other).sort()).toEqual(
      ['format', 'frames', 'problem', 'skippedBlocks', 'snapped'].sort(),
    );
  });

  it('are replayed as they were changed', async () => {
    const receiver = await startPeer({ protocol: 'udp', discard: true });
    const socket = await openTo(receiver);
    const all = { socket, speed: Number.POSITIVE_INFINITY };
    const capture = readCapture(pcap(FRAMES));
    expect(await replay({ ...all, capture })).toMatchObject({ packets: 39 }); // one has no payload
    capture.frames.length = 5;
    expect(await replay({ ...all, capture })).toMatchObject({ packets: 4 });
    const { frames } = capture;
    expect(
      await replay({ ...all, capture: { ...capture, frames: frames.slice(3) } }),
    ).toMatchObject({ packets: 2 });
  });
});

describe('a file that is damaged at its first record', () => {
  it.each<[string, Buffer, number, string]>([
    ['pcap, cut off', pcap(FRAMES).subarray(0, 50), 24, 'the file is cut off: 26 of'],
    ['pcapng of another version', Buffer.from(sectionHeader(true)).fill(2, 12, 13), 0, 'version 2'],
    [
      'pcapng, a packet of no interface',
      Buffer.concat([sectionHeader(true), packetBlock(true, 0, 0n, new Uint8Array(60))]),
      28,
      'interface 0, which is not described',
    ],
  ])('says so when it is replayed: %s', async (_, capture, offset, message) => {
    const receiver = await startPeer({ protocol: 'udp', discard: true });
    const socket = await openTo(receiver);
    await expect(replay({ socket, capture })).rejects.toMatchObject({
      code: 'ERR_ZEROSEND_CAPTURE',
      offset,
      message: expect.stringContaining(message),
    });
  });
});

describe('the checksum of frames', () => {
  const bytes = new Uint8Array(64).fill(7);
  const head = (...options: [number, Uint8Array][]) =>
    Buffer.concat([sectionHeader(true), interfaceBlock(true, 1, options)]);
  const flagged = (little: boolean, flags: number, type = 6, captured = 64) => {
    const plain = packetBlock(little, 0, 0n, bytes.subarray(0, captured), 64);
    const option = Buffer.alloc(12);
    option[little ? 'writeUInt16LE' : 'writeUInt16BE'](2, 0);
    option[little ? 'writeUInt16LE' : 'writeUInt16BE'](4, 2);
    option[little ? 'writeUInt32LE' : 'writeUInt32BE'](flags, 4);
    return block(little, type, Buffer.concat([plain.subarray(8, -4), option]));
  };
  const lengths = (file: Buffer) => {
    const capture = readCapture(file);
    return [
      capture.frames[0]?.bytes.length,
      capture.frames[0]?.originalLength,
      capture.snapped,
      capture.problem,
    ];
  };

  it.each([
    [0, 64],
    [2, 62],
    [4, 60],
    [16, 62],
    [32, 60],
  ])('is taken off by if_fcslen %i, in bytes or bits', (fcs, left) => {
    const packet = packetBlock(true, 0, 0n, bytes);
    const file = Buffer.concat([head([13, Uint8Array.of(fcs)]), packet]);
    expect(lengths(file)).toEqual([left, left, 0, null]);
    const simple = Buffer.concat([
      head([13, Uint8Array.of(fcs)]),
      simplePacketBlock(true, bytes, 64),
    ]);
    expect(lengths(simple)).toEqual([left, left, 0, null]);
  });

  it('is taken off by the flags of a packet, which go before those of its interface', () => {
    const inbound = 1;
    for (const type of [6, 2]) {
      const packet = flagged(true, (4 << 5) | inbound, type);
      expect(lengths(Buffer.concat([head(), packet]))).toEqual([60, 60, 0, null]);
      const other = Buffer.concat([head([13, Uint8Array.of(2)]), packet]);
      expect(lengths(other)).toEqual([60, 60, 0, null]);
      const silent = Buffer.concat([head([13, Uint8Array.of(4)]), flagged(true, inbound, type)]);
      expect(lengths(silent)).toEqual([60, 60, 0, null]);
    }
    const big = [sectionHeader(false), interfaceBlock(false, 1), flagged(false, 4 << 5)];
    expect(lengths(Buffer.concat(big))).toEqual([60, 60, 0, null]);
  });

  it('may be cut without the frame being so', () => {
    for (const [captured, left, snapped] of [
      [63, 60, 0],
      [60, 60, 0],
      [59, 59, 1],
    ] as const) {
      const packet = flagged(true, 4 << 5, 6, captured);
      expect(lengths(Buffer.concat([head(), packet]))).toEqual([left, 60, snapped, null]);
    }
  });
});

describe('pcap before version 2.4', () => {
  const old = (minor: number, captured: number, original: number, major = 2) => {
    const file = pcap([{ bytes: FRAMES[1]!.bytes, time: T }, FRAMES[2]!]);
    file.writeUInt16LE(major, 4);
    file.writeUInt16LE(minor, 6);
    file.writeUInt32LE(captured, 24 + 8);
    file.writeUInt32LE(original, 24 + 12);
    if (captured > original) {
      const second = 24 + 16 + FRAMES[1]!.bytes.length;
      file.writeUInt32LE(1000, second + 8);
      file.writeUInt32LE(FRAMES[2]!.bytes.length, second + 12);
    }
    return readCapture(file);
  };
  const { length } = FRAMES[1]!.bytes;

  it.each([
    ['2.0, lengths the other way round', 0, 1000, length, 2],
    ['2.2, lengths the other way round', 2, 1000, length, 2],
    ['2.3, lengths the other way round', 3, 1000, length, 2],
    ['2.3, lengths as later', 3, length, 1000, 2],
    ['543.0, of DG/UX', 0, 1000, length, 543],
  ])('is read: %s', (_, minor, first, second, major) => {
    const { frames, problem } = old(minor, first, second, major);
    expect(problem).toBeNull();
    expect(frames[0]).toMatchObject({ originalLength: 1000 });
    expect(frames.map(({ bytes }) => hex(bytes))).toEqual(
      FRAMES.slice(1, 3).map(({ bytes }) => hex(bytes)),
    );
  });

  it.each([1, 3, 542])('is not, of major version %i', (major) => {
    expect(() => old(4, length, length, major)).toThrow(
      expect.objectContaining({ code: 'ERR_ZEROSEND_CAPTURE', offset: 4 }),
    );
  });

  it.each([true, false])('is read as modified, little endian: %s', (little) => {
    const plain = pcap(FRAMES, { little });
    const parts = [plain.subarray(0, 24)];
    let at = 24;
    for (const { bytes } of FRAMES) {
      parts.push(plain.subarray(at, at + 16), Buffer.alloc(8, 0x55));
      parts.push(plain.subarray(at + 16, at + 16 + bytes.length));
      at += 16 + bytes.length;
    }
    const file = Buffer.concat(parts);
    if (little) file.writeUInt32LE(0xa1b2cd34, 0);
    else file.writeUInt32BE(0xa1b2cd34, 0);
    const capture = readCapture(file);
    expect(capture.problem).toBeNull();
    expect(capture.frames.map(({ bytes }) => hex(bytes))).toEqual(FRAMES.map((f) => hex(f.bytes)));
    expect(capture.frames[1]?.offset).toBe(24 + 24 + FRAMES[0]!.bytes.length);
    expect(readCapture(file.subarray(0, file.length - 1)).problem).toMatchObject({
      message: expect.stringContaining('cut off'),
    });
  });
});

describe('Linux cooked frames without an EtherType', () => {
  const llc = Buffer.from('4242030000000000800002000000000100000000', 'hex');
  const cooked = (version: 1 | 2, type: number, payload: Uint8Array) => {
    const header = Buffer.alloc(version === 1 ? 16 : 20);
    header.writeUInt16BE(type, version === 1 ? 14 : 0);
    return Buffer.concat([header, payload]);
  };
  const made = (file: Buffer, snapped: 'send' | 'pad' = 'send') => {
    const rewriter = new Rewriter({ ethernet: ETHERNET });
    const { ready, skipped } = sendable(readCapture(file), rewriter, {
      kind: 'frame',
      maxLength: 2048,
      mtu: 1500,
      virtioNetHeader: false,
      snapped,
    });
    return { frames: ready.map(({ bytes }) => hex(bytes)), skipped };
  };
  const addresses = '020000000002020000000001';

  it.each([
    [1, 113, 4],
    [1, 113, 1],
    [2, 276, 4],
    [2, 276, 1],
  ] as const)(
    'are 802.3 frames with their length (version %i, %i, protocol %i)',
    (version, linkType, type) => {
      const bytes = cooked(version, type, llc);
      const { frames } = made(pcap([{ bytes, time: 0n }], { linkType }));
      expect(frames).toEqual([`${addresses}0014${hex(llc)}`]);
      // A frame that was cut has the length that it had.
      const cut = pcap([{ bytes, time: 0n, originalLength: bytes.length + 18 }], { linkType });
      expect(made(cut).frames).toEqual([`${addresses}0026${hex(llc)}`]);
      expect(made(cut, 'pad').frames).toEqual([`${addresses}0026${hex(llc)}${'00'.repeat(18)}`]);
    },
  );

  it('are left out where they are no Ethernet frames', () => {
    const long = cooked(1, 4, new Uint8Array(1501));
    const can = cooked(1, 0x000c, llc);
    const file = pcap(
      [can, long].map((bytes) => ({ bytes, time: 0n })),
      { linkType: 113 },
    );
    expect(made(file)).toMatchObject({
      frames: [],
      skipped: [{ reason: 'no Ethernet frame', frames: 2 }],
    });
  });
});
