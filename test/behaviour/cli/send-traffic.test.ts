// `zerosend send` with rates that change, mixes and streams, as files and options describe them.
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { readCapture } from 'zerosend/generator';
import { until } from '../../support/deadline.js';
import { folderOfFile } from '../../support/folders.js';
import { pipe, zerosend } from './shell.js';

const SEND = [process.execPath, zerosend, 'send'];
const folder = folderOfFile();

// biome-ignore lint/suspicious/noExplicitAny: what is in the document is what is tested
type Json = any;

async function json(args: readonly string[]): Promise<Json> {
  const { code, stdout, stderr } = await pipe([...SEND, ...args, '--json']);
  expect(code, stderr).toBe(0);
  return JSON.parse(stdout);
}

let files = 0;
function file(content: object | string): string {
  const path = join(folder, `${files++}.json`);
  writeFileSync(path, typeof content === 'string' ? content : JSON.stringify(content));
  return path;
}

/** What is written into a capture: frames, and their times in ms after the first. */
async function written(args: readonly string[]) {
  const path = join(folder, `${files++}.pcap`);
  const report = await json(['-o', path, ...args]);
  const { frames } = readCapture(path);
  const begin = frames[0]?.time ?? 0n;
  const times = frames.map(({ time }) => Number((time ?? 0n) - begin) / 1e6);
  return { report, frames, times };
}

async function listener() {
  const socket = createSocket({ type: 'udp4', recvBufferSize: 4 << 20 });
  const heard: Buffer[] = [];
  socket.on('message', (message) => heard.push(message));
  socket.bind(0, '127.0.0.1');
  await once(socket, 'listening');
  onTestFinished(() => void socket.close());
  return {
    to: `127.0.0.1:${socket.address().port}`,
    heard,
    until: (count: number) => until(() => heard.length >= count, `${count} datagrams`, 20_000),
  };
}

const FRAMES = ['198.18.0.2:9'];
const NUMBER = 'payload@0:4=0..';

describe('zerosend send at a rate that changes', () => {
  it('has packets where the area below it says', async () => {
    const { times, report } = await written([...FRAMES, '--rate', '1k..3k/1s', '--seconds', '1s']);
    expect(times).toHaveLength(2000);
    for (const k of [1, 100, 1000, 1999]) {
      // k = 1000 t + 1000 t²
      const wanted = (-1 + Math.sqrt(1 + (4 * k) / 1000)) / 2;
      expect(times[k]).toBeCloseTo(wanted * 1000, 2);
    }
    expect(report.target.rate).toEqual({ changes: '1000 to 3000 packets/s' });
  });

  it('goes in steps and rests, again and again', async () => {
    const rate = '1k/10ms,0/5ms,2k/10ms,repeat';
    const { times } = await written([...FRAMES, '--rate', rate, '--count', '90']);
    for (const [k, time] of times.entries()) {
      const of = k % 30;
      const round = Math.floor(k / 30) * 25;
      // At a border the packet is due both ways: at the end of a piece, or of the rest behind it.
      const wanted = of <= 10 ? [of] : [15 + (of - 10) / 2];
      if (of === 10) wanted.push(15);
      if (of === 0 && k > 0) wanted.push(0);
      expect(
        wanted.some((one) => Math.abs(time - round - one) < 1e-3),
        `${k} at ${time}`,
      ).toBe(true);
    }
  });

  it('counts the bits of packets of several lengths', async () => {
    const args = ['--rate', '1Mbit..3Mbit/1s', '--seconds', '1s', '-f', 'length=100,200'];
    const { times, frames } = await written([...FRAMES, ...args]);
    // 2 Mbit in all, of packets with 24 bytes more on the wire.
    const bits = frames.reduce((sum, { bytes }) => sum + (bytes.length + 24) * 8, 0);
    expect(bits).toBeGreaterThanOrEqual(2e6);
    expect(bits).toBeLessThan(2e6 + 224 * 8);
    const half = (-1 + Math.sqrt(1 + 4 * 0.5)) / 2; // when half a megabit is due
    const before = frames.filter((_, i) => (times[i] ?? 0) < half * 1000);
    const passed = before.reduce((sum, { bytes }) => sum + (bytes.length + 24) * 8, 0);
    expect(Math.abs(passed - 5e5)).toBeLessThan(2 * 224 * 8);
  });

  it('sends bursts', async () => {
    const { times } = await written([...FRAMES, '--bursts', '50/20ms', '--count', '150']);
    expect(new Set(times)).toEqual(new Set([0, 20, 40]));
  });

  it('sends as by chance, the same with the same seed', async () => {
    const args = [...FRAMES, '--rate', '1k', '--poisson', '--count', '2000'];
    const { times } = await written([...args, '--seed', '5']);
    const gaps = times.slice(1).map((time, i) => time - (times[i] ?? 0));
    const mean = gaps.reduce((sum, gap) => sum + gap, 0) / gaps.length;
    const spread = Math.sqrt(gaps.reduce((sum, gap) => sum + (gap - mean) ** 2, 0) / gaps.length);
    expect(mean).toBeGreaterThan(0.93);
    expect(mean).toBeLessThan(1.07);
    expect(spread / mean).toBeGreaterThan(0.9); // 1 of an exponential distribution, 0 of an even one
    expect(spread / mean).toBeLessThan(1.1);
    expect((await written([...args, '--seed', '5'])).times).toEqual(times);
    expect((await written([...args, '--seed', '6'])).times).not.toEqual(times);
  });

  it('does so when it sends, with a precision, and from a number on', async () => {
    const { to, heard, until: all } = await listener();
    const report = await json([
      ...[
        to,
        '--size',
        '40',
        '--rate',
        '200..1800/200ms,1k',
        '--count',
        '260',
        '--precision',
        'spin',
      ],
      ...['-f', NUMBER, '--first', '1000', '--batch', '8', '--on-error', 'skip'],
    ]);
    await all(260);
    expect(heard.map((one) => one.readUInt32BE(0))).toEqual(
      Array.from({ length: 260 }, (_, i) => 1000 + i),
    );
    // 200 in the first 0.2 s, and 60 more.
    expect(report.seconds).toBeGreaterThan(0.25);
    expect(report).toMatchObject({ packets: 260, refused: 0, target: { parts: null } });
    expect(report.pacing.asked).toBeGreaterThan(900);
    expect(report.pacing.asked).toBeLessThan(1100);
  });
});

describe('zerosend send --mix', () => {
  const MIX = [
    { name: 'short', weight: 2, template: { payload: '....short' }, fields: [NUMBER] },
    { weight: 1, template: { payload: '....long', length: 300 }, fields: [NUMBER] },
  ];

  it.each([1, 2])('sends all kinds in their shares, from %i threads', async (workers) => {
    const { to, heard, until: all } = await listener();
    const args = ['--mix', file(MIX), '--count', '300', '--rate', '6k', '--workers', `${workers}`];
    const report = await json([to, ...args]);
    await all(300);
    const lengths = heard.map(({ length }) => length);
    expect(lengths.filter((length) => length === 9)).toHaveLength(200);
    expect(lengths.filter((length) => length === 300)).toHaveLength(100);
    for (const kind of [9, 300]) {
      const numbers = heard
        .filter(({ length }) => length === kind)
        .map((one) => one.readUInt32BE(0));
      expect(numbers.sort((a, b) => a - b)).toEqual([...numbers.keys()]);
    }
    const counts = [
      { packets: 200, bytes: 1800 },
      { packets: 100, bytes: 30_000 },
    ];
    expect(report).toMatchObject({
      packets: 300,
      target: { parts: { of: 'templates', names: ['short', 'template 2'] } },
      templates: counts,
      parts: counts,
    });
  });

  it('tells of each in the table and in the report', async () => {
    const { to } = await listener();
    const args = ['--mix', file(MIX), '--count', '300', '--rate', '6k'];
    const { stdout, code } = await pipe([...SEND, to, ...args]);
    expect(code).toBe(0);
    expect(stdout).toMatch(/^ {2}short: 200 packets, 1\.80 kB \(66\.7% of all packets\)$/m);
    expect(stdout).toMatch(/^ {2}template 2: 100 packets, 30\.0 kB \(33\.3% of all packets\)$/m);
  });

  it('goes over TCP as well, one kind after the other where that is asked for', async () => {
    const chunks: Buffer[] = [];
    const server = createServer((peer) => peer.on('data', (chunk: Buffer) => chunks.push(chunk)));
    onTestFinished(() => void server.close());
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as { port: number };
    const path = file({ order: 'sequence', parts: MIX });
    await json([`127.0.0.1:${port}`, '--protocol', 'tcp', '--mix', path, '--count', '6']);
    const length = 4 * 9 + 2 * 300;
    await until(() => Buffer.concat(chunks).length >= length, 'the stream', 20_000);
    const stream = Buffer.concat(chunks);
    expect(stream.length).toBe(length);
    expect(
      [0, 9, 18, 318, 327, 336].map((at) => stream.toString('latin1', at + 4, at + 8)),
    ).toEqual([...['shor', 'shor', 'long', 'shor', 'shor', 'long']]);
  });

  it('gives parts of frames without headers those of the command line', async () => {
    const other = file({
      ipv4: { source: '198.18.0.7', destination: '198.18.0.8' },
      udp: { source: 1, destination: 2 },
    });
    const mix = file([
      { weight: 3, template: { length: 64 } },
      { template: { payload: 'text' } },
      {
        template: {
          ...JSON.parse(readFileSync(other, 'utf8')),
          ethernet: { source: '02:00:00:00:00:03', destination: '02:00:00:00:00:04' },
        },
      },
    ]);
    const { frames } = await written([
      ...FRAMES,
      '--mix',
      mix,
      '--count',
      '10',
      '-f',
      'ipv4.ttl=9',
    ]);
    const lengths = frames.map(({ bytes }) => bytes.length).sort((a, b) => a - b);
    expect(lengths).toEqual([42, 42, 46, 46, 64, 64, 64, 64, 64, 64]);
    for (const { bytes } of frames) {
      expect(bytes[22]).toBe(9);
      const own = bytes.length === 42;
      expect(Buffer.from(bytes).toString('hex', 30, 34)).toBe(own ? 'c6120008' : 'c6120002');
    }
  });

  it('takes templates from files of their own, with their fields', async () => {
    const packet = file({ payload: '........', fields: [NUMBER] });
    const mix = file([{ template: packet.slice(folder.length + 1), fields: ['payload@4:4=7'] }]);
    const { to, heard, until: all } = await listener();
    await json([to, '--mix', mix, '--count', '3']);
    await all(3);
    expect(heard.map((one) => one.toString('hex'))).toEqual(
      [0, 1, 2].map((k) => `0000000${k}00000007`),
    );
  });
});

describe('zerosend send --streams', () => {
  it('sends each at its pace, from when it joins until it leaves', async () => {
    const [first, second] = [await listener(), await listener()];
    const streams = file([
      {
        name: 'even',
        to: first.to,
        template: { payload: '....even' },
        fields: [NUMBER],
        rate: '500',
        count: 100,
      },
      {
        name: 'late',
        to: second.to,
        template: { payload: 'late' },
        rate: 1000,
        join: '100ms',
        leave: '200ms',
      },
      {
        name: 'many',
        to: second.to,
        copies: 10,
        template: { length: 20, payload: '' },
        fields: [NUMBER],
        rate: { packets: 100 },
        count: 5,
      },
    ]);
    const report = await json(['--streams', streams]);
    await first.until(100);
    expect(first.heard.map((one) => one.readUInt32BE(0))).toEqual([...Array(100).keys()]);
    await second.until(report.packets - 100);
    const late = second.heard.filter(({ length }) => length === 4);
    const many = second.heard.filter(({ length }) => length === 20);
    expect(late.length).toBeGreaterThan(0);
    expect(late.length).toBeLessThanOrEqual(100);
    // Together the copies send what one of them would have sent.
    const numbers = many.map((one) => one.readUInt32BE(0)).sort((a, b) => a - b);
    expect(numbers).toEqual([...Array(50).keys()]);
    const names = report.streams.map(({ name }: Json) => name).sort();
    expect(names).toEqual(
      ['even', 'late', ...Array.from({ length: 10 }, (_, i) => `many ${i + 1}`)].sort(),
    );
    expect(report).toMatchObject({
      command: 'send',
      ok: true,
      joined: 12,
      target: { parts: { of: 'streams', names: ['even', 'late', 'many'] } },
      parts: [
        { packets: 100, bytes: 800, streams: 1 },
        { packets: late.length, streams: 1 },
        { packets: 50, bytes: 1000, streams: 10, asked: 1000 },
      ],
    });
    const ended = Object.fromEntries(report.streams.map((one: Json) => [one.name, one.ended]));
    expect(ended).toMatchObject({ even: 'count', late: 'seconds', 'many 3': 'count' });
    // It joined a tenth of a second after the others, and the run is over when it has left.
    expect(report.seconds).toBeGreaterThan(0.18);
  });

  it('pauses, resumes and changes them, and ends in time', async () => {
    const { to, heard, until: some } = await listener();
    const streams = file({
      slice: 50,
      streams: [
        {
          rate: '1k',
          template: { payload: 'before' },
          changes: [
            { at: '200ms', resume: true },
            { at: '100ms', pause: true },
            { at: '250ms', template: { payload: 'behind!' } },
            { at: '300ms', rate: '4k' },
          ],
        },
      ],
    });
    // All to the DESTINATION, which the file does not say.
    const report = await json([to, '--streams', streams, '--seconds', '600ms']);
    await some(report.packets);
    expect(report.ended).toBe('seconds');
    const [stream] = report.streams;
    const changed = heard.filter(({ length }) => length === 7).length;
    const before = heard.length - changed;
    expect(before).toBeGreaterThan(0);
    expect(changed).toBeGreaterThan(0);
    // None of the former template comes behind the change.
    expect(heard.slice(0, before).every(({ length }) => length === 6)).toBe(true);
    // 150 by the file; without the pause 250. On a busy machine a change may come a little late.
    expect(before).toBeLessThan(240);
    // (100 + 100 + 1200) packets in 0.5 s that were not paused.
    expect(stream.pacing.asked).toBeGreaterThan(2000);
    expect(stream.pacing.asked).toBeLessThan(3500);
  });

  it('may be of several kinds of packets each', async () => {
    const { to, heard, until: all } = await listener();
    const mix = [
      { weight: 2, template: { payload: '....a' }, fields: [NUMBER] },
      { template: { payload: '....bb' } },
    ];
    const streams = file([
      { name: 'mixed', rate: '2k', count: 30, mix, order: 'sequence' },
      { name: 'plain', rate: '2k', count: 10, template: { payload: '.' } },
    ]);
    const report = await json([to, '--streams', streams]);
    await all(40);
    const mixed = heard.filter(({ length }) => length > 1).map(({ length }) => length);
    expect(mixed).toEqual(Array.from({ length: 30 }, (_, k) => (k % 3 === 2 ? 6 : 5)));
    expect(report.parts).toMatchObject([
      { packets: 30, bytes: 160 },
      { packets: 10, bytes: 10 },
    ]);
    expect(report.streams[0].name === 'mixed' || report.streams[1].name === 'mixed').toBe(true);
  });

  it('tells of each kind in the report', async () => {
    const { to } = await listener();
    const streams = file([
      { name: 'calls', copies: 3, rate: '100', count: 4, template: { payload: 'x' } },
      { name: 'one', rate: '100', count: 4, template: { payload: 'x' } },
    ]);
    const { code, stdout } = await pipe([...SEND, to, '--streams', streams]);
    expect(code).toBe(0);
    expect(stdout).toMatch(/^4 streams of .*: UDP datagrams to 127\.0\.0\.1:\d+, up to 1 bytes$/m);
    expect(stdout).toMatch(/^ {2}calls: 3 streams, 12 packets, .*of 300 packets\/s, jitter .*s$/m);
    expect(stdout).toMatch(/^ {2}one: 4 packets, .*of 100 packets\/s/m);
  });

  it('fails by a change that cannot be made, with what was sent until then', async () => {
    const { to } = await listener();
    const changes = [{ at: '50ms', template: { payload: 'x', virtioNetHeader: true } }];
    const streams = file([{ rate: '100', template: { payload: 'x' }, changes }]);
    const { code, stdout, stderr } = await pipe([...SEND, to, '--streams', streams, '--json']);
    expect(code, stderr).toBe(1);
    expect(JSON.parse(stdout)).toMatchObject({
      ok: false,
      error: { code: 'ERR_ZEROSEND_INVALID_ARGUMENT' },
      joined: 1,
    });
  });
});

describe('zerosend send, files that are wrong', () => {
  it.each<[() => string[], RegExp]>([
    [() => ['127.0.0.1:9', '--mix', file('{')], /--mix: .*JSON/],
    [() => ['127.0.0.1:9', '--rate', '0/1s'], /above 0 at some time/],
    [
      () => [
        '127.0.0.1:9',
        '--streams',
        file([{ rate: 1, template: { payload: 'x' }, changes: [{ at: 1, rate: -1 }] }]),
      ],
      /options\.rate/,
    ],
  ])('%#', async (args, message) => {
    const { code, stdout, stderr } = await pipe([...SEND, ...args()]);
    expect({ code, stdout }, stderr).toEqual({ code: 2, stdout: '' });
    expect(stderr).toMatch(message);
    expect(stderr).not.toMatch(/^\s+at /m);
  });
});
