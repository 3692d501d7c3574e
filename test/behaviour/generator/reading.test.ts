// Captures that are read as they come: the same as those that are read as a whole, in little memory.
import { execFile } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import * as zlib from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type CaptureSource, openCapture, readCapture } from 'zerosend/generator';
import { folderOfFile } from '../../support/folders.js';
import { findTool, hasTool, needs } from '../../support/requirements.js';
import { output } from '../../support/run.js';
import { FRAMES, hex } from './support/frames.js';
import {
  block,
  interfaceBlock,
  packetBlock,
  pcap,
  sectionHeader,
  simplePacketBlock,
} from './support/pcap-writer.js';

const folder = folderOfFile();
const at = (name: string) => join(folder, name);

const T = 1_700_000_000_123_456_789n;

/** pcapng with everything that may stand between frames. */
function everything(little: boolean): Buffer {
  const zone = Buffer.alloc(8);
  if (little) zone.writeBigInt64LE(3600n);
  else zone.writeBigInt64BE(3600n);
  const [first, second] = FRAMES as [(typeof FRAMES)[0], (typeof FRAMES)[0]];
  const section = [
    sectionHeader(little),
    interfaceBlock(little, 1, [
      [1, Buffer.from('a comment')],
      [2, Buffer.from('eth0')],
    ]),
    block(little, 4, Buffer.alloc(64)), // names
    packetBlock(little, 0, T / 1000n, first.bytes),
    interfaceBlock(little, 1, [
      [9, Uint8Array.of(9)],
      [14, zone],
    ]),
    packetBlock(little, 1, T, second.bytes),
    block(little, 0xbad, Buffer.alloc(400_000)), // custom
    interfaceBlock(little, 1, [[9, Uint8Array.of(0x80 | 20)]]),
    packetBlock(little, 2, 5n << 20n, second.bytes.subarray(0, 50), 99),
    block(little, 5, Buffer.alloc(24)), // statistics
    block(little, 10, Buffer.alloc(12)), // secrets
    interfaceBlock(little, 1, [[9, Uint8Array.of(3)]]),
    packetBlock(little, 3, 1_234_567n, first.bytes),
    simplePacketBlock(little, first.bytes, first.bytes.length),
  ];
  return Buffer.concat(section);
}
const FILES: Record<string, Buffer> = {
  pcap: pcap(FRAMES),
  'pcap, big-endian, nanoseconds': pcap(FRAMES, { little: false, nanoseconds: true }),
  pcapng: everything(true),
  'pcapng of sections in both byte orders': Buffer.concat([everything(false), everything(true)]),
};

const told = (frames: ReturnType<typeof readCapture>['frames']) =>
  frames.map(({ bytes, ...rest }) => ({ ...rest, bytes: hex(bytes) }));

/** What is read of a source as it comes, in the shape of what is read as a whole. */
async function asItComes(source: CaptureSource) {
  const capture = openCapture(source);
  const frames = [];
  for await (const frame of capture) frames.push(frame);
  const { format, snapped, skippedBlocks, problem } = capture;
  expect(capture.frames).toBe(frames.length);
  return { format, snapped, skippedBlocks, problem, frames: told(frames) };
}
const asAWhole = (file: Uint8Array) => {
  const { frames, ...rest } = readCapture(file);
  return { ...rest, frames: told(frames) };
};

describe('openCapture', () => {
  it.each(Object.keys(FILES))('reads %s in any pieces, whole, cut off or damaged', async (name) => {
    const file = FILES[name] as Buffer;
    expect(await asItComes(file)).toEqual(asAWhole(file));
    const pieces = fc.record({
      sizes: fc.array(fc.integer({ min: 1, max: 3000 }), { minLength: 1, maxLength: 9 }),
      length: fc.integer({ min: 40, max: file.length }),
      damage: fc.option(fc.record({ at: fc.nat(file.length - 1), to: fc.nat(255) })),
    });
    await fc.assert(
      fc.asyncProperty(pieces, async ({ sizes, length, damage }) => {
        const bytes = Buffer.from(file.subarray(0, length));
        if (damage !== null && damage.at < length && damage.at > 28) bytes[damage.at] = damage.to;
        const chunks: Buffer[] = [];
        for (let from = 0, i = 0; from < length; i++) {
          const size = (sizes[i % sizes.length] as number) * (length > 20_000 ? 50 : 1);
          chunks.push(bytes.subarray(from, from + size));
          from += size;
        }
        const [came, whole] = [await asItComes(Readable.from(chunks)), asAWhole(bytes)];
        expect(came).toEqual(whole);
      }),
      { numRuns: 150 },
    );
  });

  it('reads a file as often as it is asked to, and a stream once', async () => {
    writeFileSync(at('twice.pcap'), FILES.pcap as Buffer);
    const capture = openCapture(at('twice.pcap'));
    for (let i = 0; i < 2; i++) {
      let frames = 0;
      for await (const _ of capture) if (++frames === 30 && i === 0) break;
      expect(frames).toBe(i === 0 ? 30 : 40);
    }
    const stream = openCapture(Readable.from([FILES.pcap as Buffer]));
    for await (const _ of stream);
    const again = stream[Symbol.asyncIterator]().next();
    await expect(again).rejects.toMatchObject({ code: 'ERR_ZEROSEND_CAPTURE' });
  });

  it('gives a frame of a stream when it has come, not when the next one has', async () => {
    const file = FILES.pcap as Buffer;
    const stream = new Readable({ read() {} });
    const frames = openCapture(stream)[Symbol.asyncIterator]();
    stream.push(file.subarray(0, 24 + 16 + FRAMES[0]!.bytes.length));
    expect((await frames.next()).value?.bytes).toHaveLength(FRAMES[0]!.bytes.length);
    stream.push(null);
    expect((await frames.next()).done).toBe(true);
  });

  it('lets the event loop turn while it reads what is in memory', async () => {
    let turns = 0;
    let next = setImmediate(function again() {
      turns++;
      next = setImmediate(again);
    });
    const bytes = new Uint8Array(60_000);
    const frames = Array.from({ length: 300 }, () => ({ bytes, time: T }));
    for await (const _ of openCapture(pcap(frames)));
    clearImmediate(next);
    expect(turns).toBeGreaterThan(3);
  });

  it('reads 1 GB in little memory', async () => {
    const path = fileURLToPath(new URL('./programs/long-capture.mjs', import.meta.url));
    const { stdout } = await promisify(execFile)(process.execPath, [path, '1024']);
    const { frames, bytes, more } = JSON.parse(stdout);
    expect([frames, bytes]).toEqual([2 ** 20, 2 ** 20 * 1008]);
    expect(more).toBeLessThan(64 * 2 ** 20);
  });

  it.each<[string, unknown, string]>([
    ['nothing that can be read', 3, 'ERR_ZEROSEND_INVALID_ARGUMENT'],
    ['a stream of text', Readable.from(['text, and more text']), 'ERR_ZEROSEND_INVALID_ARGUMENT'],
    ['text', Buffer.from('hello, world'), 'ERR_ZEROSEND_CAPTURE'],
    ['nothing', Buffer.alloc(0), 'ERR_ZEROSEND_CAPTURE'],
    ['no file', at('none'), 'ENOENT'],
    ['half a header', (FILES.pcap as Buffer).subarray(0, 20), 'ERR_ZEROSEND_CAPTURE'],
  ])('refuses %s', async (_, source, code) => {
    const reading = (async () => asItComes(source as CaptureSource))();
    await expect(reading).rejects.toMatchObject({ code });
  });
});

describe('a compressed capture', () => {
  const whole = asAWhole(FILES.pcapng as Buffer);

  it('of gzip is read as it comes, or as a whole, also of several members', async () => {
    const file = FILES.pcapng as Buffer;
    const half = Math.floor(file.length / 2);
    const members = [file.subarray(0, half), file.subarray(half)].map((part) =>
      zlib.gzipSync(part),
    );
    for (const packed of [zlib.gzipSync(file), Buffer.concat(members)]) {
      expect(await asItComes(packed)).toEqual(whole);
      expect(asAWhole(packed)).toEqual(whole);
    }
  });

  it('is left before its end, also where nothing more comes', async () => {
    const packed = zlib.gzipSync(FILES.pcapng as Buffer);
    const stream = new Readable({ read() {} });
    stream.push(packed);
    async function* idle() {
      yield packed;
      await new Promise(() => {});
    }
    for (const source of [stream, idle()]) for await (const _ of openCapture(source)) break;
    expect(stream.destroyed).toBe(true);
  });

  it('that is cut off or damaged gives what is before that', async () => {
    const noise = FRAMES.map(({ bytes, time }, i) => {
      return {
        time,
        bytes: bytes.map((byte, j) => (byte ^ (i * 7 + j * 31 + ((i * j) >> 3))) & 0xff),
      };
    });
    const packed = zlib.gzipSync(pcap(noise));
    const cut = packed.subarray(0, packed.length - 500);
    const { frames, problem } = await asItComes(cut);
    expect(frames.length).toBeGreaterThan(5);
    expect(problem?.message).toContain('cut off');
    expect(asAWhole(cut)).toMatchObject({ problem, frames });
    const damaged = Buffer.from(packed);
    damaged.fill(0xff, packed.length - 2000, packed.length - 1000);
    const came = await asItComes(
      Readable.from([damaged.subarray(0, 3000), damaged.subarray(3000)]),
    );
    expect(came.problem?.message).toContain('decompressing');
    expect(() => readCapture(damaged)).toThrow(/gzip/);
  });

  it('of zstd is read where Node.js can, else the error says what can', async () => {
    const { zstdCompressSync } = zlib as { zstdCompressSync?: (bytes: Uint8Array) => Buffer };
    if (zstdCompressSync !== undefined) {
      const packed = zstdCompressSync(FILES.pcapng as Buffer);
      expect(await asItComes(packed)).toEqual(whole);
      expect(asAWhole(packed)).toEqual(whole);
      return;
    }
    const packed = Buffer.from('28b52ffd0000000000', 'hex');
    const refused = { code: 'ERR_ZEROSEND_CAPTURE', message: expect.stringContaining('zstd -dc') };
    await expect(asItComes(packed)).rejects.toMatchObject(refused);
    expect(() => readCapture(packed)).toThrow(/Node.js reads from 22.15/);
  });
});

/** What libpcap has read, which writes it again as it writes everything: pcap with nanoseconds. */
describe('libpcap finds the same', needs(hasTool('tcpdump'), 'tcpdump'), () => {
  const modified = (little: boolean) => {
    const plain = pcap(FRAMES, { little });
    const parts: Buffer[] = [Buffer.from(plain.subarray(0, 24))];
    if (little) parts[0]?.writeUInt32LE(0xa1b2cd34, 0);
    else parts[0]?.writeUInt32BE(0xa1b2cd34, 0);
    for (let from = 24, i = 0; from < plain.length; i++) {
      const end = from + 16 + FRAMES[i]!.bytes.length;
      parts.push(plain.subarray(from, from + 16), Buffer.alloc(8), plain.subarray(from + 16, end));
      from = end;
    }
    return Buffer.concat(parts);
  };
  const version = (minor: number) => {
    const file = Buffer.from(FILES.pcap as Buffer);
    file.writeUInt16LE(minor, 6);
    return file;
  };
  // Not 12, which libpcap calls 101 when it writes.
  const linkTypes = [0, 1, 9, 50, 51, 101, 104, 105, 108, 113, 127, 192, 228, 229, 276];
  const files: [string, Buffer][] = [
    ...Object.entries(FILES).filter(([name]) => !/sections/.test(name)),
    ['pcap of Kuznetzov', modified(true)],
    ['pcap of Kuznetzov, big-endian', modified(false)],
    ['pcap 2.3', version(3)],
    ...linkTypes.map((linkType): [string, Buffer] => [
      `link type ${linkType}`,
      pcap(FRAMES.slice(0, 3), { linkType }),
    ]),
  ];
  it.each(files)('in %s', async (_, file) => {
    const [from, to] = [at('from'), at('to.pcap')];
    writeFileSync(from, file);
    const precise = ['--time-stamp-precision=nano', '-Z', 'root'];
    await output([findTool('tcpdump') ?? '', '-r', from, '-w', to, ...precise]);
    const ours = (await asItComes(from)).frames;
    const theirs = readCapture(to).frames;
    // A simple packet has no time: libpcap says 0.
    const all = ours.map(({ offset: _, time, ...frame }) => ({ ...frame, time: time ?? 0n }));
    expect(told(theirs).map(({ offset: _, ...frame }) => frame)).toEqual(all);
  });
});

describe('a capture that is cut off in its first block', () => {
  it('is refused in the same words, however it is read', async () => {
    const whole = sectionHeader(true);
    for (let length = 4; length < whole.length; length++) {
      const cut = whole.subarray(0, length);
      let said = '';
      expect(() => {
        try {
          readCapture(cut);
        } catch (error) {
          said = (error as Error).message;
          throw error;
        }
      }).toThrow('cut off');
      await expect(openCapture(cut)[Symbol.asyncIterator]().next()).rejects.toMatchObject({
        code: 'ERR_ZEROSEND_CAPTURE',
        message: said,
        offset: 0,
      });
    }
  });
});
