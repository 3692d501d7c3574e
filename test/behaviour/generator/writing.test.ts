// Packets into a capture in place of a socket, read again by our reader and by others.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { PassThrough, Writable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { runInNewContext } from 'node:vm';
import { describe, expect, it } from 'vitest';
import { type PacketToWrite, readCapture, template, writeCapture } from 'zerosend/generator';
import { folderOfFile } from '../../support/folders.js';
import { findTool, hasTool, needs } from '../../support/requirements.js';
import { output } from '../../support/run.js';
import { FRAMES, hex } from './support/frames.js';
import { parse } from './support/oracle.js';
import { ETHERNET } from './support/wire.js';

const folder = folderOfFile();
const at = (name: string) => join(folder, name);

const IPV4 = { source: '198.18.0.1', destination: '198.18.0.2' };
const IPV6 = { source: '2001:2::1', destination: '2001:2::2' };
const PORTS = { source: 1024, destination: 9 };
const T = 1_700_000_000_123_456_789n;

const framesOf = (file: string | Uint8Array) => {
  const { frames, problem, format } = readCapture(file);
  expect(problem).toBeNull();
  const told = frames.map(({ bytes, time, originalLength, linkType }) => {
    return { bytes: hex(bytes), time, originalLength, linkType };
  });
  return { format, frames: told };
};

describe.each(['pcap', 'pcapng'] as const)('writeCapture, as %s', (format) => {
  it('keeps bytes, times and lengths of any sequence, as our reader finds them', async () => {
    const packets = FRAMES.map(({ bytes, time }, i) => {
      const cut = i % 3 === 0 ? bytes.subarray(0, 40) : bytes;
      return { bytes: cut, time, originalLength: bytes.length };
    });
    async function* later() {
      for (const packet of packets) yield packet;
    }
    for (const sequence of [packets, later(), new Set(packets)]) {
      const file = at(`any.${format}`);
      const report = await writeCapture({ file, packets: sequence });
      const bytes = packets.reduce((sum, packet) => sum + packet.bytes.length, 0);
      expect(report).toMatchObject({ ended: 'end', packets: 40, frames: 40, bytes });
      expect(framesOf(file)).toEqual({
        format,
        frames: packets.map((packet) => ({ ...packet, bytes: hex(packet.bytes), linkType: 1 })),
      });
    }
  });

  it(
    'is read by capinfos and tshark as it was meant',
    needs(hasTool('tshark') && hasTool('capinfos'), 'tshark and capinfos'),
    async () => {
      const file = at(`foreign.${format}`);
      await writeCapture({ file, format, packets: FRAMES });
      const infos = await output([findTool('capinfos') ?? '', '-M', '-c', '-l', '-E', file]);
      expect(infos).toMatch(/Number of packets: *40\b/);
      expect(infos).toMatch(/File encapsulation: *ether/i);
      const tshark = [findTool('tshark') ?? '', '-n', '-r', file, '-T', 'fields'];
      const fields = ['frame.time_epoch', 'frame.len', 'udp.srcport', 'ip.id'];
      const rows = await output([...tshark, ...fields.flatMap((field) => ['-e', field])]);
      expect(rows.trimEnd().split('\n')).toEqual(
        FRAMES.map(({ bytes, time }, i) => {
          const fraction = String(time % 1_000_000_000n).padStart(9, '0');
          const id = `0x${i.toString(16).padStart(4, '0')}`;
          return [`${time / 1_000_000_000n}.${fraction}`, bytes.length, 1024 + i, id].join('\t');
        }),
      );
    },
  );
});

describe('writeCapture', () => {
  it('writes packets of a template at a rate, each with its fields', async () => {
    const file = at('rate.pcap');
    const packet = { ethernet: ETHERNET, ipv4: IPV4, udp: PORTS, length: 100 };
    const counter = { target: 'udp.source', counter: { start: 5, count: 7 } } as const;
    const of = { file, template: packet, fields: [counter], startTime: T };
    const report = await writeCapture({ ...of, first: 3, count: 1000, rate: 3000 });
    expect(report).toMatchObject({ ended: 'count', packets: 1000, seconds: 1 / 3 });
    for (const [k, { bytes, time }] of readCapture(file).frames.entries()) {
      expect(time).toBe(T + BigInt(Math.round((k * 1e9) / 3000)));
      expect(Buffer.from(bytes).readUInt16BE(34)).toBe(5 + ((k + 3) % 7));
      expect(parse(Buffer.from(bytes)).problems).toEqual([]);
    }
    // In bits of the wire, for so many seconds, in bursts.
    const bits = { bits: 124 * 8 * 500, overhead: 24, burst: 10 };
    expect(await writeCapture({ ...of, seconds: 2, rate: bits })).toMatchObject({
      ended: 'seconds',
      packets: 1000,
      seconds: 2,
    });
    const times = readCapture(file).frames.map(({ time }) => Number((time ?? 0n) - T) / 1e6);
    expect(times).toEqual(Array.from({ length: 1000 }, (_, k) => Math.floor(k / 10) * 20));
  });

  it('writes a mix in its shares and its order', async () => {
    const file = at('mix.pcapng');
    const part = (length: number, weight: number) => ({
      template: { ethernet: ETHERNET, ipv4: IPV4, udp: PORTS, length },
      fields: [{ target: { layer: 'payload', offset: 0, width: 4 }, counter: {} } as const],
      weight,
    });
    const mix = [part(64, 7), part(594, 4), part(1518, 1)];
    const report = await writeCapture({ file, mix, count: 24 });
    expect(report).toMatchObject({ frames: 24, bytes: 2 * (7 * 64 + 4 * 594 + 1518) });
    const lengths = readCapture(file).frames.map(({ bytes }) => bytes.length);
    expect(lengths.slice(0, 12)).toEqual(lengths.slice(12));
    await writeCapture({ file, mix, mixOrder: 'sequence', count: 12 });
    const { frames } = readCapture(file);
    expect(frames.map(({ bytes }) => bytes.length)).toEqual([
      ...[64, 64, 64, 64, 64, 64, 64],
      ...[594, 594, 594, 594, 1518],
    ]);
    const numbers = frames.map(({ bytes }) => Buffer.from(bytes).readUInt32BE(42));
    expect(numbers).toEqual([0, 1, 2, 3, 4, 5, 6, 0, 1, 2, 3, 0]);
  });

  const SEGMENTED = [
    ['TCP', { ipv4: IPV4, tcp: { ...PORTS, flags: ['psh', 'ack', 'fin'] as const } }, 54],
    ['UDP', { ipv4: IPV4, udp: PORTS }, 42],
    ['TCP over IPv6, tagged', { vlan: { id: 7 }, ipv6: IPV6, tcp: PORTS }, 78],
  ] as const;
  it.each(SEGMENTED)('cuts %s into segments, as kernel or device would', async (_, layers, at) => {
    const payload = Uint8Array.from({ length: 5000 }, (_, i) => i % 251);
    const made = template({
      ethernet: ETHERNET,
      ...(layers as object),
      payload,
      virtioNetHeader: { segmentSize: 1400 },
    });
    const stream = new PassThrough();
    const written = buffer(stream);
    const report = await writeCapture({ file: stream, template: made, count: 2 });
    stream.end();
    expect(report).toMatchObject({ packets: 2, frames: 8, bytes: 2 * (4 * at + 5000) });
    const { frames } = readCapture(await written);
    expect(frames.map(({ bytes }) => bytes.length - at)).toEqual([
      1400, 1400, 1400, 800, 1400, 1400, 1400, 800,
    ]);
    for (const { bytes } of frames) expect(parse(Buffer.from(bytes)).problems).toEqual([]);
    const sent = Buffer.concat(frames.slice(0, 4).map(({ bytes }) => bytes.subarray(at)));
    expect(sent.equals(payload)).toBe(true);
    if (!('tcp' in layers)) return;
    const tcp = frames.map(({ bytes }) => Buffer.from(bytes).subarray(at - 20));
    expect(tcp.slice(0, 4).map((header) => header.readUInt32BE(4))).toEqual([0, 1400, 2800, 4200]);
    const flags = tcp.slice(0, 4).map((header) => header[13]);
    const last = made.bytes[made.offsets.tcp + 13];
    expect(flags).toEqual([0x10, 0x10, 0x10, last]);
  });

  it('finishes a checksum that is left to kernel and device', async () => {
    const file = at('offloaded.pcap');
    const packet = { ethernet: ETHERNET, ipv4: IPV4, udp: PORTS, payload: 'abc' };
    await writeCapture({ file, template: { ...packet, virtioNetHeader: true }, count: 1 });
    expect(framesOf(file).frames[0]?.bytes).toBe(hex(template(packet).bytes));
  });

  it('takes packets of several link types in pcapng, and says why it cannot in pcap', async () => {
    const bare = template({ ipv4: IPV4, udp: PORTS }).bytes;
    const packets = [...FRAMES.slice(0, 2), { bytes: bare, time: T, linkType: 101 }];
    await writeCapture({ file: at('links.pcapng'), packets });
    expect(framesOf(at('links.pcapng')).frames.map(({ linkType }) => linkType)).toEqual([
      1, 1, 101,
    ]);
    await expect(writeCapture({ file: at('links.pcap'), packets })).rejects.toMatchObject({
      code: 'ERR_ZEROSEND_CAPTURE',
      report: { ended: 'error', packets: 2, frames: 2 },
    });
    await writeCapture({ file: at('ip.pcap'), template: { ipv4: IPV4, udp: PORTS }, count: 1 });
    expect(framesOf(at('ip.pcap')).frames[0]?.linkType).toBe(101);
  });

  it('ends with its signal, also while it waits for a packet, with a file that is whole', async () => {
    const stop = new AbortController();
    const never = new Promise<never>(() => {});
    async function* waiting() {
      yield { bytes: FRAMES[0]!.bytes, time: T };
      setImmediate(() => stop.abort());
      await never;
    }
    const file = at('aborted.pcap');
    const report = await writeCapture({ file, packets: waiting(), signal: stop.signal });
    expect(report).toMatchObject({ ended: 'signal', packets: 1 });
    expect(framesOf(file).frames).toHaveLength(1);
    // A template has no end: what is asked of progress ends it.
    const endless = new AbortController();
    const packet = { ethernet: ETHERNET, ipv4: IPV4, udp: PORTS, length: 1500 };
    const ended = await writeCapture({
      file,
      template: packet,
      signal: endless.signal,
      onProgress: ({ packets }) => packets > 1000 && endless.abort(),
      progressInterval: 10,
    });
    expect(ended.ended).toBe('signal');
    expect(framesOf(file).frames).toHaveLength(ended.frames);
  });

  it('writes a file without frames, and bytes alone at the time they come', async () => {
    expect(await writeCapture({ file: at('none.pcap'), packets: [] })).toMatchObject({ frames: 0 });
    expect(framesOf(at('none.pcap')).frames).toEqual([]);
    expect(readFileSync(at('none.pcap'))).toHaveLength(24);
    const before = BigInt(Date.now()) * 1_000_000n;
    await writeCapture({ file: at('now.pcap'), packets: [Uint8Array.of(1, 2, 3)] });
    const [frame] = readCapture(at('now.pcap')).frames;
    expect(frame?.time).toBeGreaterThanOrEqual(before);
    expect(frame?.time).toBeLessThanOrEqual(BigInt(Date.now()) * 1_000_000n);
  });

  it('passes on what the stream and the sequence fail with', async () => {
    const full = new Writable({ write: (_chunk, _, done) => done(new Error('no room')) });
    await expect(writeCapture({ file: full, packets: FRAMES })).rejects.toThrow('no room');
    const broken = (function* () {
      yield FRAMES[0] as PacketToWrite;
      throw new Error('no more');
    })();
    const failed = writeCapture({ file: at('broken.pcap'), packets: broken });
    await expect(failed).rejects.toMatchObject({ message: 'no more', report: { packets: 1 } });
    await expect(writeCapture({ file: at('no/such.pcap'), packets: [] })).rejects.toMatchObject({
      code: 'ENOENT',
    });
  });

  it('leaves a stream the bytes that it was given', async () => {
    for (const highWaterMark of [1, 2 ** 24]) {
      const stream = new PassThrough({ highWaterMark });
      const read = buffer(stream);
      const packets = Array.from({ length: 1000 }, (_, i) => {
        return { bytes: new Uint8Array(1000).fill(i), time: BigInt(i) };
      });
      await writeCapture({ file: stream, packets });
      stream.end();
      const found = framesOf(await read).frames.map(({ bytes }) => bytes);
      expect(found).toEqual(packets.map(({ bytes }) => hex(bytes)));
    }
  });

  it('takes bytes of another context', async () => {
    const { bytes } = template({ payload: 'of here' });
    const foreign: Uint8Array = runInNewContext('Uint8Array.from(bytes)', { bytes: [...bytes] });
    const payload: Uint8Array = runInNewContext('Uint8Array.of(1, 2, 3)');
    const file = join(folder, 'foreign.pcap');
    const packets = [foreign, template({ payload }).bytes];
    expect(await writeCapture({ file, packets })).toMatchObject({ packets: 2 });
    const content = runInNewContext('Uint8Array.from(bytes)', { bytes: [...readFileSync(file)] });
    expect([...readCapture(content).frames].map((frame) => hex(frame.bytes))).toEqual(
      packets.map(hex),
    );
  });

  it('has written what its report counts, where a packet or the stream fails', async () => {
    const packets = [FRAMES[0], FRAMES[1], { bytes: FRAMES[2]!.bytes, time: -1n }] as never[];
    async function* broken() {
      yield* packets.slice(0, 2);
      throw new Error('no more');
    }
    for (const sequence of [packets, broken()]) {
      const failed = writeCapture({ file: at('short.pcap'), packets: sequence });
      const report = { ended: 'error', packets: 2, frames: 2 };
      await expect(failed).rejects.toMatchObject({ report });
      expect(framesOf(at('short.pcap')).frames).toHaveLength(2);
    }
    const taken: Buffer[] = [];
    const small = new Writable({
      write: (chunk, _, done) => done(taken.push(chunk) > 2 ? new Error('no room') : null),
    });
    const packet = { ethernet: ETHERNET, ipv4: IPV4, udp: PORTS, length: 1500 };
    const error = await writeCapture({ file: small, template: packet }).catch((one) => one);
    expect(error.message).toBe('no room');
    const { frames } = framesOf(Buffer.concat(taken.slice(0, 2)));
    expect(error.report).toMatchObject({ packets: frames.length, bytes: 1500 * frames.length });
  });

  it('ends with a stream that is destroyed while it is full', async () => {
    const stream = new PassThrough();
    const packet = { ethernet: ETHERNET, ipv4: IPV4, udp: PORTS, length: 1500 };
    const failed = writeCapture({ file: stream, template: packet });
    stream.once('readable', () => stream.destroy()); // which holds back what it was given last
    await expect(failed).rejects.toMatchObject({
      code: 'ERR_STREAM_PREMATURE_CLOSE',
      report: { ended: 'error' },
    });
  });

  it('takes what an iterator gives without a promise, as for await does', async () => {
    const step = { value: FRAMES[0] as PacketToWrite, done: false };
    const iterator = { next: () => step, return: () => step } as never;
    const packets = { [Symbol.asyncIterator]: () => iterator };
    const report = await writeCapture({ file: at('plain.pcap'), packets, count: 2 });
    expect(report).toMatchObject({ ended: 'count', packets: 2 });
  });

  it('leaves no error of a stream to end the process, also where it closes later', async () => {
    const full = new Writable({
      write: (_chunk, _, done) => done(new Error('no room')),
      destroy: (error, done) => setImmediate(done, error), // as that of a file
    });
    const closed = new Promise((resolve) => full.once('close', resolve));
    await expect(writeCapture({ file: full, packets: FRAMES })).rejects.toThrow('no room');
    expect(full.listenerCount('error')).toBe(1);
    await closed;
  });

  const file = at('refused.pcap');
  const packet = { ethernet: ETHERNET, ipv4: IPV4, udp: PORTS };
  it.each<[object, string]>([
    [{ file: 3, packets: [] }, 'ERR_ZEROSEND_INVALID_ARGUMENT'],
    [{ file }, 'ERR_ZEROSEND_INVALID_ARGUMENT'],
    [{ file, packets: [], template: packet }, 'ERR_ZEROSEND_INVALID_ARGUMENT'],
    [{ file, packets: [], fields: [] }, 'ERR_ZEROSEND_INVALID_ARGUMENT'],
    [{ file, packets: [], first: 1 }, 'ERR_ZEROSEND_INVALID_ARGUMENT'],
    [{ file, template: packet, mixOrder: 'sequence' }, 'ERR_ZEROSEND_INVALID_ARGUMENT'],
    [{ file, mix: [{ template: packet }], fields: [] }, 'ERR_ZEROSEND_INVALID_ARGUMENT'],
    [{ file, packets: 5 }, 'ERR_ZEROSEND_INVALID_ARGUMENT'],
    [{ file, packets: Uint8Array.of(1) }, 'ERR_ZEROSEND_INVALID_ARGUMENT'],
    [{ file, packets: [{}] }, 'ERR_ZEROSEND_INVALID_ARGUMENT'],
    [{ file, packets: [{ bytes: Uint8Array.of(1), time: 5 }] }, 'ERR_ZEROSEND_INVALID_ARGUMENT'],
    [{ file, packets: [{ bytes: Uint8Array.of(1), time: -1n }] }, 'ERR_ZEROSEND_OUT_OF_RANGE'],
    [
      { file, packets: [{ bytes: Uint8Array.of(1), originalLength: 0 }] },
      'ERR_ZEROSEND_OUT_OF_RANGE',
    ],
    [{ file, packets: [new Uint8Array(262_145)] }, 'ERR_ZEROSEND_FRAME_TOO_LONG'],
    [{ file, template: packet, count: -1 }, 'ERR_ZEROSEND_OUT_OF_RANGE'],
    [{ file, template: packet, seconds: 1 }, 'ERR_ZEROSEND_INVALID_ARGUMENT'],
    [{ file, template: packet, format: 'cap' }, 'ERR_ZEROSEND_INVALID_ARGUMENT'],
    [{ file, template: { payload: 'abc' }, count: 1 }, 'ERR_ZEROSEND_INVALID_ARGUMENT'],
    [{ file, packets: [], socket: 1 }, 'ERR_ZEROSEND_INVALID_ARGUMENT'],
  ])('refuses %o', async (options, code) => {
    await expect(writeCapture(options as never)).rejects.toMatchObject({ code });
  });
});
