// Replays that are read as they go, through two sockets, for a time, or with other addresses in each loop.
import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { PassThrough, Readable } from 'node:stream';
import { setTimeout } from 'node:timers/promises';
import { gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import {
  internetChecksum,
  openCapture,
  type PacketDescription,
  type Progress,
  type ReplayOptions,
  readCapture,
  replay,
  replayInWorkers,
  template,
} from 'zerosend/generator';
import { openTo, startPeer } from '../../support/endpoints.js';
import { folderOfFile } from '../../support/folders.js';
import { parse } from './support/oracle.js';
import { pcap, type Written } from './support/pcap-writer.js';
import { sendable } from './support/sendable.js';
import { ETHERNET } from './support/wire.js';

const { atOnce } = await import('../../../lib/generator/base/steps.js');
const { dissect } = await import('../../../lib/generator/packets/dissect.js');
const { fragmentsOf } = await import('../../../lib/generator/packets/fragments.js');
const { Rewriter } = await import('../../../lib/generator/replay/rewrite.js');
const { inShare } = await import('../../../lib/generator/replay/share.js');
const { FrameMaker } = await import('../../../lib/generator/replay/sendable-frames.js');
const { Splitter } = await import('../../../lib/generator/replay/split.js');

const folder = folderOfFile();

const CLIENT = '10.1.2.3';
const SERVER = '10.9.9.9';
const MS = 1_000_000n;
const payload = (length: number) => new Uint8Array(length);

/** A datagram of a client or of a server. */
function datagram(from: 'client' | 'server', length: number, port = 4000): Uint8Array {
  const ask = from === 'client';
  return template({
    ethernet: ETHERNET,
    ipv4: { source: ask ? CLIENT : SERVER, destination: ask ? SERVER : CLIENT },
    udp: { source: ask ? port : 53, destination: ask ? 53 : port },
    payload: payload(length),
  }).bytes;
}

const numbered = (count: number): Written[] =>
  Array.from({ length: count }, (_, i) => ({
    bytes: datagram('client', 20 + (i % 50)),
    time: BigInt(i) * MS,
  }));

async function sent(options: Omit<ReplayOptions, 'socket'>) {
  const receiver = await startPeer({ protocol: 'udp', discard: true });
  const socket = await openTo(receiver);
  const report = await replay({ socket, ...options });
  const heard = await receiver.until(({ datagrams }) => datagrams >= report.packets);
  return { report, heard };
}

describe('replay of a capture that is read as it goes', () => {
  const file = join(folder, 'capture.pcap.gz');
  writeFileSync(file, gzipSync(pcap(numbered(3000))));

  it('sends the same as of one that was loaded, loop after loop', async () => {
    const flat = { speed: Number.POSITIVE_INFINITY, loops: 3 };
    const loaded = await sent({ capture: file, ...flat });
    const passing = await sent({ capture: openCapture(file), ...flat });
    const facts = ({ report, heard }: Awaited<ReturnType<typeof sent>>) => {
      const { packets, bytes, frames, loops, skipped, notRewritten, unordered, problem } = report;
      const { datagrams, minLength, maxLength } = heard;
      const told = { packets, bytes, frames, loops, skipped, notRewritten, unordered, problem };
      return { ...told, ended: report.ended, datagrams, minLength, maxLength };
    };
    expect(facts(passing)).toEqual(facts(loaded));
    expect(passing.report).toMatchObject({ packets: 9000, loops: 3, frames: 3000 });
  });

  it('keeps its times, and those of its rate', async () => {
    const capture = () => openCapture(pcap(numbered(201)));
    const recorded = (await sent({ capture: capture() })).report;
    expect(recorded.seconds).toBeGreaterThanOrEqual(0.2);
    expect(recorded.lateness?.p50).toBeGreaterThan(0);
    const flat = { speed: Number.POSITIVE_INFINITY, loopGap: 400 };
    const twice = (await sent({ capture: capture(), ...flat, loops: 3 })).report;
    expect(twice.seconds).toBeGreaterThanOrEqual(0.8);
    const rated = (await sent({ capture: capture(), rate: 1000 })).report;
    expect(rated.seconds).toBeGreaterThanOrEqual(0.2);
  });

  it('sends what comes out of a pipe as it comes, and ends while it waits for more', async () => {
    const bytes = pcap(numbered(5));
    const pipe = new PassThrough();
    pipe.write(bytes);
    const stop = new AbortController();
    const receiver = await startPeer({ protocol: 'udp', discard: true });
    const socket = await openTo(receiver);
    const capture = openCapture(pipe);
    const running = replay({ socket, capture, speed: 1000, signal: stop.signal });
    await receiver.until(({ datagrams }) => datagrams === 5);
    stop.abort();
    expect(await running).toMatchObject({ ended: 'signal', packets: 5 });
    expect(pipe.destroyed).toBe(true);
  });

  it('says what is wrong as of any capture', async () => {
    const receiver = await startPeer({ protocol: 'udp', discard: true });
    const socket = await openTo(receiver);
    const refused = (capture: ReplayOptions['capture'], options: object = {}) =>
      expect(replay({ socket, capture, ...options })).rejects;
    const code = 'ERR_ZEROSEND_CAPTURE';
    await refused(openCapture(Buffer.from('no capture'))).toMatchObject({ code });
    await refused(openCapture(pcap([]))).toMatchObject({ code });
    await refused(openCapture(join(folder, 'none'))).toMatchObject({ code: 'ENOENT' });
    const stream = openCapture(Readable.from([pcap(numbered(1))]));
    await refused(stream, { loops: 2 }).toMatchObject({ code: 'ERR_ZEROSEND_INVALID_ARGUMENT' });
    const cut = pcap(numbered(9)).subarray(0, -1);
    const { report } = await sent({ capture: openCapture(cut), speed: 100 });
    expect(report).toMatchObject({ packets: 8, problem: { message: /cut off/ } });
  });

  it('sends what it has read of a stream that fails, and then fails with its error', async () => {
    const bytes = pcap(numbered(20));
    async function* failing() {
      yield bytes;
      throw new Error('the disk is broken');
    }
    const failed = sent({ capture: openCapture(failing()) });
    await expect(failed).rejects.toMatchObject({
      message: 'the disk is broken',
      report: { packets: 20, ended: 'error' },
    });
  });

  it('ends after so many seconds', async () => {
    for (const capture of [readCapture(pcap(numbered(50))), openCapture(pcap(numbered(50)))]) {
      const { report } = await sent({
        capture,
        loops: Number.POSITIVE_INFINITY,
        seconds: 0.25,
        speed: 20,
      });
      expect(report.ended).toBe('seconds');
      expect(report.seconds).toBeGreaterThanOrEqual(0.25);
      expect(report.loops).toBeGreaterThan(0);
    }
  });
});

describe('replay through two sockets', () => {
  const dialogue = pcap(
    Array.from({ length: 600 }, (_, i) => ({
      bytes:
        i % 3 === 0
          ? datagram('client', 100, 4000 + i)
          : datagram('server', 200, 4000 + i - (i % 3)),
      time: BigInt(i) * MS,
    })),
  );

  it.each([
    ['loaded', () => dialogue],
    ['as it goes', () => openCapture(dialogue)],
  ])('sends what clients sent through one, and servers through the other: %s', async (_, make) => {
    const peers = await Promise.all(
      [1, 2].map(() => startPeer({ protocol: 'udp', discard: true })),
    );
    const [client, server] = await Promise.all(peers.map((peer) => openTo(peer)));
    const reports: number[] = [];
    const report = await replay({
      socket: client!,
      server: { socket: server! },
      capture: make(),
      speed: 10,
      loops: 2,
      onProgress: ({ packets }) => reports.push(packets),
      progressInterval: 10,
    });
    expect(report).toMatchObject({
      packets: 1200,
      sends: 1200,
      loops: 2,
      failed: 0,
      unfinished: 0,
    });
    expect(report.bytes).toBe(400 * 100 + 800 * 200);
    expect(reports.at(-1)).toBeGreaterThan(300);
    const heard = await Promise.all(
      peers.map((peer, i) => peer.until(({ datagrams }) => datagrams >= (i === 0 ? 400 : 800))),
    );
    expect(heard[0]).toMatchObject({ datagrams: 400, minLength: 100, maxLength: 100 });
    expect(heard[1]).toMatchObject({ datagrams: 800, minLength: 200, maxLength: 200 });
  });

  it('ends as a whole when one of them is closed', async () => {
    const peers = await Promise.all(
      [1, 2].map(() => startPeer({ protocol: 'udp', discard: true })),
    );
    const [client, server] = await Promise.all(peers.map((peer) => openTo(peer)));
    const running = replay({
      socket: client!,
      server: { socket: server! },
      capture: dialogue,
      loops: Number.POSITIVE_INFINITY,
    });
    const failed = expect(running).rejects.toMatchObject({ code: 'ERR_ZEROSEND_SOCKET_CLOSED' });
    await peers[1]!.until(({ datagrams }) => datagrams > 10);
    await server!.abort();
    await failed;
  });

  it.each([0, 1])('leaves the other open when socket %i is closed', async (which) => {
    const peers = await Promise.all(
      [1, 2].map(() => startPeer({ protocol: 'udp', discard: true })),
    );
    const sockets = await Promise.all(peers.map((peer) => openTo(peer)));
    const running = replay({
      socket: sockets[0]!,
      server: { socket: sockets[1]! },
      capture: dialogue,
      loops: Number.POSITIVE_INFINITY,
    });
    const failed = expect(running).rejects.toMatchObject({ code: 'ERR_ZEROSEND_SOCKET_CLOSED' });
    await peers[which]!.until(({ datagrams }) => datagrams > 10);
    await sockets[which]!.close();
    await failed;
    const other = sockets[1 - which]!;
    expect(await replay({ socket: other, capture: dialogue, speed: 100 })).toMatchObject({
      ended: 'count',
      packets: 600,
    });
  });

  it.each([0, 1])('counts no time in which socket %i completes what was sent', async (slow) => {
    const peers = await Promise.all(
      [1, 2].map(() => startPeer({ protocol: 'udp', discard: true })),
    );
    const sockets = await Promise.all(peers.map((peer) => openTo(peer)));
    let flushed = 0;
    sockets[slow]!.flush = async () => {
      flushed = performance.now();
      await setTimeout(100);
    };
    const began = performance.now();
    const report = await replay({
      socket: sockets[0]!,
      server: { socket: sockets[1]! },
      capture: dialogue,
      speed: Number.POSITIVE_INFINITY,
    });
    expect(report).toMatchObject({ ended: 'count', packets: 600 });
    expect(report.seconds).toBeLessThanOrEqual((flushed - began) / 1000);
  });

  it.each([0, 1])('ends in a gap of the capture when socket %i is closed', async (which) => {
    const peers = await Promise.all(
      [1, 2].map(() => startPeer({ protocol: 'udp', discard: true })),
    );
    const sockets = await Promise.all(peers.map((peer) => openTo(peer)));
    const hour = 3_600_000n * MS;
    const [first, second] = [datagram('client', 9), datagram('server', 9)];
    const running = replay({
      socket: sockets[0]!,
      server: { socket: sockets[1]! },
      capture: pcap([
        { bytes: first, time: 0n },
        { bytes: second, time: 0n },
        { bytes: first, time: hour },
      ]),
    });
    const failed = expect(running).rejects.toMatchObject({
      code: 'ERR_ZEROSEND_SOCKET_CLOSED',
      report: { packets: 2, ended: 'error' },
    });
    await Promise.all(peers.map((peer) => peer.until(({ datagrams }) => datagrams === 1)));
    await sockets[which]!.abort();
    await failed;
  });

  it('refuses the same socket twice, and rules that are none', async () => {
    const socket = await openTo(await startPeer({ protocol: 'udp', discard: true }));
    const other = await openTo(await startPeer({ protocol: 'udp', discard: true }));
    const refused = (server: object, code: string) =>
      expect(replay({ socket, capture: dialogue, server: server as never })).rejects.toMatchObject({
        code,
      });
    await refused({ socket }, 'ERR_ZEROSEND_INVALID_ARGUMENT');
    await refused({ socket: other, split: 'never' }, 'ERR_ZEROSEND_INVALID_ARGUMENT');
    await refused({ socket: other, split: { ports: [70_000] } }, 'ERR_ZEROSEND_OUT_OF_RANGE');
    await refused({ socket: other, split: { addresses: ['x'] } }, 'ERR_ZEROSEND_INVALID_ADDRESS');
  });

  const sides = (splitter: InstanceType<typeof Splitter>, frames: Uint8Array[]) =>
    frames.map((bytes) =>
      splitter.sideOf({ bytes, originalLength: bytes.length, time: 0n, linkType: 1, offset: 0 }),
    );
  const made = (layers: Partial<PacketDescription>, turned = false) =>
    template({
      ethernet: turned ? { source: ETHERNET.destination, destination: ETHERNET.source } : ETHERNET,
      ...layers,
    } as PacketDescription).bytes;
  const ip = (turned: boolean) =>
    turned ? { source: SERVER, destination: CLIENT } : { source: CLIENT, destination: SERVER };

  it('tells them apart by the rule', () => {
    const frames = [datagram('server', 9), datagram('client', 9), datagram('server', 9)];
    expect(sides(new Splitter(), frames)).toEqual([0, 1, 0]); // who comes first is the client
    expect(sides(new Splitter('ports'), frames)).toEqual([1, 0, 1]);
    expect(sides(new Splitter({ ports: [4000] }), frames)).toEqual([0, 1, 0]);
    expect(sides(new Splitter({ addresses: ['10.9.0.0/16'] }), frames)).toEqual([1, 0, 1]);
    expect(sides(new Splitter({ addresses: ['10.1.2.1-10.1.2.9'] }), frames)).toEqual([0, 1, 0]);
  });

  it('knows who answers a SYN, and whose ARP and fragments are whose', () => {
    const ports = { source: 80, destination: 4000 };
    const answer = made({ ipv4: ip(true), tcp: { ...ports, flags: ['syn', 'ack'] } }, true);
    const data = made({ ipv4: ip(false), tcp: { source: 4000, destination: 80 } });
    const arp = { senderEthernet: ETHERNET.source, senderIpv4: CLIENT, targetIpv4: SERVER };
    const asks = template({ layers: [{ ethernet: ETHERNET }, { arp }] }).bytes;
    const back = { source: ETHERNET.destination, destination: ETHERNET.source };
    const tells = template({ layers: [{ ethernet: back }, { arp }] }).bytes;
    const splitter = new Splitter();
    expect(sides(splitter, [asks, tells, answer, data, tells, asks])).toEqual([0, 1, 1, 0, 1, 0]);
  });
});

describe('fragments of a flow', () => {
  const frame = (bytes: Uint8Array) => {
    return { bytes, originalLength: bytes.length, time: 0n, linkType: 1, offset: 0 };
  };
  const cut = (bytes: Uint8Array, id: number) =>
    (fragmentsOf(bytes, dissect(bytes, 1), 1514, id) as Uint8Array[]).map(frame);
  const v6 = (from: 'client' | 'server', length: number, port: number) => {
    const [ask, tell] = ['2001:2::1', '2001:2::2'];
    const [source, destination] = from === 'client' ? [ask, tell] : [tell, ask];
    const ports = from === 'client' ? [port, 53] : [53, port];
    return template({
      ethernet: ETHERNET,
      ipv6: { source: source!, destination: destination! },
      udp: { source: ports[0]!, destination: ports[1]! },
      payload: payload(length),
    }).bytes;
  };

  it.each([
    ['IPv4', datagram],
    ['IPv6', v6],
  ] as const)('are of the side and of the worker that its whole packets are of: %s', (_, make) => {
    for (const split of ['first-seen', 'ports', { ports: [53] }] as const) {
      const splitter = new Splitter(split);
      for (let port = 4000; port < 4020; port++) {
        const [first, ...more] = cut(make('server', 4000, port), port);
        const frames = [frame(make('client', 9, port)), first!, ...more];
        expect(frames.map((one) => splitter.sideOf(one))).toEqual([0, 1, 1, 1]);
      }
    }
    const ours = inShare({ index: 0, of: 2 });
    const isOurs: boolean[] = [];
    for (let port = 4000; port < 4020; port++) {
      const parts = cut(make('server', 4000, port), port);
      const all = [frame(make('client', 9, port)), ...parts].map(ours);
      expect(new Set(all).size).toBe(1);
      // In another order they are together at least.
      expect(new Set(parts.reverse().map(ours)).size).toBe(1);
      isOurs.push(all[0]!);
    }
    expect(new Set(isOurs).size).toBe(2);
  });
});

describe('frames of several workers', () => {
  const at = (bytes: Uint8Array, i: number, originalLength = bytes.length) => {
    return { bytes, originalLength, time: BigInt(i) * MS, linkType: 1, offset: 24 };
  };
  const back = { source: ETHERNET.destination, destination: ETHERNET.source };
  const arp = { senderEthernet: back.source, senderIpv4: SERVER, targetIpv4: CLIENT };
  const frames = Array.from({ length: 120 }, (_, i) => {
    const from = i % 2 === 0 ? 'client' : 'server';
    const bytes = datagram(from, i % 5 === 0 ? 4000 : i, 4000 + (i >> 1));
    if (from === 'server')
      bytes.set(template({ ethernet: { ...back, type: 9 } }).bytes.subarray(0, 12));
    return i % 7 === 0 ? at(bytes, i, bytes.length + 1) : at(bytes, i);
  });
  frames.push(at(template({ layers: [{ ethernet: back }, { arp }] }).bytes, 120));
  const capture = { format: 'pcap', snapped: 0, skippedBlocks: 0, problem: null, frames } as const;

  const made = (kind: 'frame' | 'datagram', share: { index: number; of: number } | null) => {
    const vlan = { add: { id: 5 } };
    const limits = { maxLength: 9000, mtu: 1500, virtioNetHeader: false } as const;
    const destination = { kind, ...limits, snapped: 'skip', oversize: 'fragment' } as const;
    const ways = [0, 1].map(() => ({ rewriter: new Rewriter({ vlan }), destination }));
    const maker = new FrameMaker(ways, new Splitter(), share && inShare(share));
    return { ready: atOnce(maker.makeAll({ ...capture, frames: [...frames] })), maker };
  };

  it.each(['frame', 'datagram'] as const)(
    'are in each of them what one would send of them all, at the same places: %s',
    (kind) => {
      const alone = made(kind, null);
      const workers = [0, 1, 2].map((index) => made(kind, { index, of: 3 }));
      const places = ({ ready }: typeof alone) => ready.map(({ time, length }) => [time, length]);
      for (const one of workers) expect(places(one)).toEqual(places(alone));
      for (const [i, frame] of alone.ready.entries()) {
        const ours = workers.flatMap(({ ready }) => (ready[i]!.way === 255 ? [] : [ready[i]!]));
        expect(ours).toEqual([frame]);
      }
      const skipped = workers.flatMap(({ maker }) => maker.skipped.map((one) => one.frames));
      const all = alone.maker.skipped.map((one) => one.frames);
      const sum = (numbers: number[]) => numbers.reduce((a, b) => a + b, 0);
      expect(sum(skipped)).toBe(sum(all));
    },
  );
});

describe('replay in workers', () => {
  const flows = pcap(
    Array.from({ length: 900 }, (_, i) => ({
      bytes: datagram(i % 2 === 0 ? 'client' : 'server', 50, 4000 + (i % 90) - (i % 2)),
      time: BigInt(i) * MS,
    })),
  );

  it.each([false, true])(
    'sends each flow from one of them, at its time; stream: %s',
    async (stream) => {
      const path = join(folder, 'flows.pcap');
      writeFileSync(path, flows);
      const receiver = await startPeer({ protocol: 'udp', discard: true });
      const remote = { address: '127.0.0.1', port: receiver.port };
      const heard: number[] = [];
      const report = await replayInWorkers({
        workers: 3,
        socket: { udp: { remote } },
        capture: path,
        stream,
        speed: 4,
        loops: 2,
        onProgress: ({ packets }) => heard.push(packets),
        progressInterval: 20,
      });
      expect(report).toMatchObject({
        ...{ packets: 1800, frames: 900, loops: 2, ended: 'count', failed: 0, unfinished: 0 },
        ...{ skipped: [], unordered: 0, problem: null },
      });
      expect(report.seconds).toBeGreaterThanOrEqual(0.44);
      expect(report.workers.map(({ packets }) => packets > 100)).toEqual([true, true, true]);
      await receiver.until(({ datagrams }) => datagrams === 1800);
      expect(heard.length).toBeGreaterThan(0);
    },
  );

  it.each([
    ['as it goes', { stream: true }],
    ['with other addresses in each loop', { rewrite: { eachLoop: { '10.0.0.0/8': 1 } } }],
  ])(
    'ends those without a flow of their own, and needs no end of loops for it: %s',
    async (_, way) => {
      const stop = new AbortController();
      const report = await replayInWorkers({
        workers: 2,
        socket: { udp: { remote: { address: '127.0.0.1', port: 9 } } },
        capture: pcap(numbered(3)),
        loops: Number.POSITIVE_INFINITY,
        signal: stop.signal,
        onProgress: ({ packets }) => packets > 0 && stop.abort(),
        progressInterval: 20,
        ...way,
      });
      expect(report.ended).toBe('signal');
      expect(report.workers.map(({ packets }) => packets > 0).sort()).toEqual([false, true]);
    },
  );

  it('tells of a worker that has ended what it has sent', async () => {
    const receiver = await startPeer({ protocol: 'udp', discard: true });
    const last = { bytes: datagram('client', 20), time: 1_000_000n * MS };
    const frames = Array.from({ length: 90 }, (_, i) => ({
      bytes: datagram('client', 20, 4000 + i),
      time: 0n,
    }));
    const end = new AbortController();
    const seen: Progress[] = [];
    await replayInWorkers({
      workers: 2,
      socket: { udp: { remote: { address: '127.0.0.1', port: receiver.port } } },
      capture: pcap([...frames, last]),
      signal: end.signal,
      progressInterval: 20,
      onProgress(progress) {
        seen.push(progress);
        if (progress.packets === 90 || seen.length === 50) end.abort();
      },
    });
    expect(seen.at(-1)).toMatchObject({ packets: 90, sends: 90, bytes: 90 * 20 });
  });

  it('tells how all are doing when each has told anew', async () => {
    const receiver = await startPeer({ protocol: 'udp', discard: true });
    const end = new AbortController();
    const seen: (readonly Progress[])[] = [];
    await replayInWorkers({
      workers: 3,
      socket: { udp: { remote: { address: '127.0.0.1', port: receiver.port } } },
      capture: flows,
      loops: Number.POSITIVE_INFINITY,
      signal: end.signal,
      progressInterval: 20,
      onProgress(_, workers) {
        seen.push(workers);
        if (seen.length === 6) end.abort();
      },
    });
    const repeated = seen.slice(1, 6).map((workers, i) => {
      return workers.filter((worker, k) => worker === seen[i]?.[k]).length;
    });
    expect(repeated).toEqual([0, 0, 0, 0, 0]);
  });

  it.each([false, true])('begins when its first frame is ready; stream: %s', async (stream) => {
    const fifo = join(folder, `fifo-${stream}`);
    execFileSync('mkfifo', [fifo]);
    const running = replayInWorkers({
      workers: 1,
      socket: { udp: { remote: { address: '127.0.0.1', port: 9 } } },
      capture: fifo,
      stream,
      seconds: 1,
    });
    const writing = await open(fifo, 'w'); // the worker has opened it as well
    await setTimeout(1100);
    await writing.writeFile(pcap(numbered(1)));
    await writing.close();
    expect(await running).toMatchObject({ ended: 'count', packets: 1 });
  });

  it('has all of them send what comes by a pipe, and refuses to have each read it', async () => {
    const fifo = join(folder, 'fifo-of-several');
    execFileSync('mkfifo', [fifo]);
    const receiver = await startPeer({ protocol: 'udp', discard: true });
    const job = {
      workers: 3,
      socket: { udp: { remote: { address: '127.0.0.1', port: receiver.port } } },
      capture: fifo,
      speed: 100,
    };
    const running = replayInWorkers(job);
    const writing = await open(fifo, 'w');
    await writing.writeFile(flows);
    await writing.close();
    expect(await running).toMatchObject({ ended: 'count', packets: 900, frames: 900 });
    await expect(replayInWorkers({ ...job, stream: true })).rejects.toMatchObject({
      code: 'ERR_ZEROSEND_INVALID_ARGUMENT',
      message: expect.stringContaining('options.capture must be a file or its content'),
    });
  });

  it('reads a pipe as it comes by one of them, once, and ends with its signal while nothing comes', async () => {
    const fifo = join(folder, 'fifo');
    execFileSync('mkfifo', [fifo]);
    const options = {
      socket: { udp: { remote: { address: '127.0.0.1', port: 9 } } },
      capture: fifo,
    };
    const looped = replayInWorkers({ ...options, workers: 1, stream: true, loops: 2 });
    await expect(looped).rejects.toThrow(/a stream can be read only once/);
    const stop = new AbortController();
    const silent = replayInWorkers({ ...options, workers: 2, signal: stop.signal });
    const writing = await open(fifo, 'w'); // it has been opened for reading
    stop.abort();
    expect(await silent).toMatchObject({ ended: 'signal', packets: 0 });
    await writing.close();
  });

  it('tells what goes wrong in one of them, and stops with its signal', async () => {
    const udp = { remote: { address: '127.0.0.1', port: 9 } };
    const code = (options: object) =>
      replayInWorkers({ workers: 2, socket: { udp }, capture: flows, ...options } as never).then(
        () => null,
        (error: { code?: string }) => error.code,
      );
    expect(await code({ capture: Buffer.from('no capture') })).toBe('ERR_ZEROSEND_CAPTURE');
    expect(await code({ capture: 5 })).toBe('ERR_ZEROSEND_INVALID_ARGUMENT');
    expect(await code({ workers: 0 })).toBe('ERR_ZEROSEND_OUT_OF_RANGE');
    expect(await code({ speed: 0 })).toBe('ERR_ZEROSEND_OUT_OF_RANGE');
    expect(await code({ socket: {} })).toBe('ERR_ZEROSEND_INVALID_ARGUMENT');
    const { ended } = await replayInWorkers({
      workers: 2,
      socket: { udp },
      capture: flows,
      loops: Number.POSITIVE_INFINITY,
      signal: AbortSignal.timeout(300),
    });
    expect(ended).toBe('signal');
  });
});

describe('replay with other addresses in each loop', () => {
  it('makes the frames anew, and counts what they are once', () => {
    const rewriter = new Rewriter({ eachLoop: { '10.1.0.0/16': 256 } });
    expect(rewriter.changesEachLoop).toBe(true);
    const frame = Buffer.from(datagram('client', 9));
    rewriter.loop = 2;
    rewriter.apply(frame, 1);
    expect([...frame.subarray(26, 30)].join('.')).toBe('10.1.4.3');
    expect(parse(frame).problems).toEqual([]);
  });

  it('sends all loops of it', async () => {
    const capture = pcap([...numbered(100), { bytes: new Uint8Array(60), time: 0n }]);
    const rewrite = { eachLoop: { '10.0.0.0/8': 1 } };
    const { report, heard } = await sent({ capture, rewrite, loops: 4, speed: 1000 });
    expect(report).toMatchObject({ packets: 400, frames: 100, loops: 4, ended: 'count' });
    expect(report.skipped).toMatchObject([{ reason: 'no UDP payload', frames: 1 }]);
    expect(heard.datagrams).toBe(400);
  });
});

describe('frames longer than the interface takes', () => {
  const EMPTY = { format: 'pcap', snapped: 0, skippedBlocks: 0, problem: null } as const;
  const IPV6 = { source: '2001:2::1', destination: '2001:2::2' };
  const long = (layers: Partial<PacketDescription>) =>
    template({ ethernet: ETHERNET, ...layers, payload: payload(4000) } as PacketDescription).bytes;
  const tcp = long({ ipv4: ip(), tcp: { source: 1, destination: 2, flags: ['fin', 'ack'] } });
  const udp6 = long({ ipv6: IPV6, vlan: { id: 5 }, udp: { source: 1, destination: 2 } });
  function ip() {
    return { source: CLIENT, destination: SERVER, id: 77 };
  }
  const framesOf = (bytes: Uint8Array, oversize: 'skip' | 'segment' | 'fragment' | 'truncate') => {
    const frames = [{ bytes, originalLength: bytes.length, time: 0n, linkType: 1, offset: 24 }];
    const capture = { ...EMPTY, frames };
    const to = { kind: 'frame', maxLength: 9000, mtu: 1500, snapped: 'skip' } as const;
    const rewriter = new Rewriter();
    return sendable(capture, rewriter, { ...to, virtioNetHeader: false, oversize });
  };

  it('are cut into segments here, whose checksums are right', () => {
    for (const [frame, headers] of [
      [tcp, 54],
      [udp6, 66],
    ] as const) {
      const { ready, skipped } = framesOf(frame, 'segment');
      expect(skipped).toEqual([]);
      expect(ready.map(({ length }) => length - headers).reduce((a, b) => a + b)).toBe(4000);
      for (const { bytes, length } of ready) {
        expect(length).toBeLessThanOrEqual(headers === 66 ? 1518 : 1514);
        expect(parse(Buffer.from(bytes)).problems).toEqual([]);
      }
    }
  });

  it('are rewritten and cut behind a tag of any type that is added', () => {
    const frames = [{ bytes: tcp, originalLength: tcp.length, time: 0n, linkType: 1, offset: 24 }];
    const to = { kind: 'frame', maxLength: 9000, mtu: 1500, snapped: 'skip' } as const;
    for (const virtioNetHeader of [false, true]) {
      const add = { id: 5, tpid: 0x9200 };
      const rewriter = new Rewriter({ vlan: { add }, addresses: { [CLIENT]: '198.18.9.9' } });
      const way = { ...to, virtioNetHeader, oversize: 'segment' } as const;
      const { ready, notRewritten } = sendable({ ...EMPTY, frames }, rewriter, way);
      expect([ready.length, notRewritten]).toEqual([3, {}]);
      for (const { bytes, length } of ready) {
        const frame = Buffer.from(bytes).subarray(bytes.length - length);
        expect(frame.toString('hex', 12, 18)).toBe('920000050800');
        const bare = Buffer.concat([frame.subarray(0, 12), frame.subarray(16)]);
        expect([...bare.subarray(26, 30)]).toEqual([198, 18, 9, 9]);
        expect(parse(bare).problems).toEqual([]);
      }
    }
  });

  it('are cut into segments without the length of the jumbogram that they were', () => {
    const headers = 14 + 40 + 8 + 20;
    const layers = [{ ethernet: ETHERNET }, { ipv6: IPV6 }, { hopByHop: {} }];
    const frame = new Uint8Array(headers + 70_000);
    frame.set(template({ layers: [...layers, { tcp: { source: 1, destination: 2 } }] }).bytes);
    frame.fill(0, 18, 20);
    const view = new DataView(frame.buffer);
    view.setUint16(56, 0xc204);
    view.setUint32(58, frame.length - 54);
    const { ready } = framesOf(frame, 'segment');
    expect(ready.length).toBe(Math.ceil(70_000 / (1514 - headers)));
    for (const { bytes } of ready) {
      const segment = Buffer.from(bytes);
      expect(segment.subarray(54, 62).toString('hex')).toBe('0600010400000000'); // PadN
      expect(segment.readUInt16BE(18)).toBe(segment.length - 54);
      expect(parse(segment).problems).toEqual([]);
    }
  });

  it.each([
    ['IPv4', tcp, 34],
    ['IPv6, behind a hop-by-hop header', null, 62],
  ] as const)('are cut into fragments that make up the packet: %s', (name, given, headers) => {
    const behind = [{ ethernet: ETHERNET }, { ipv6: IPV6 }, { hopByHop: {} }];
    const layers = [...behind, { udp: { source: 1, destination: 2 } }];
    const content = Uint8Array.from({ length: 4000 }, (_, i) => i % 250);
    const frame = given ?? template({ layers, payload: content }).bytes;
    const { ready } = framesOf(frame, 'fragment');
    expect(ready.length).toBe(3);
    const v6 = name.startsWith('IPv6');
    const extra = v6 ? 8 : 0;
    const whole = Buffer.concat(ready.map(({ bytes }) => bytes.subarray(headers + extra)));
    expect(whole.equals(Buffer.from(frame).subarray(headers))).toBe(true);
    let offset = 0;
    for (const [i, { bytes, length }] of ready.entries()) {
      const view = Buffer.from(bytes);
      const last = i === 2;
      expect(length).toBeLessThanOrEqual(1514);
      if (v6) {
        expect([view[54], view[62]]).toEqual([44, 17]);
        expect(view.readUInt16BE(64)).toBe(offset + Number(!last));
        expect(view.readUInt16BE(18)).toBe(length - 54);
      } else {
        expect(view.readUInt16BE(18)).toBe(77);
        expect(view.readUInt16BE(20)).toBe(offset / 8 + (last ? 0 : 0x2000));
        expect(view.readUInt16BE(16)).toBe(length - 14);
        expect(parse(view).problems.filter((problem) => /header/.test(problem))).toEqual([]);
      }
      offset += length - headers - extra;
    }
  });

  it('have options in all fragments only where these say so, as the kernel has it', () => {
    const recordRoute = '07070400000000';
    const routerAlert = '94040000';
    const options = Buffer.from(`${recordRoute}${routerAlert}00`, 'hex');
    const { ready } = framesOf(
      long({ ipv4: { ...ip(), options }, udp: { source: 1, destination: 2 } }),
      'fragment',
    );
    const found = ready.map(({ bytes }) => {
      expect(internetChecksum(bytes, 14, 46)).toBe(0);
      return Buffer.from(bytes).toString('hex', 34, 46);
    });
    const later = `01010101010101${routerAlert}00`;
    expect(found).toEqual([options.toString('hex'), later, later]);
  });

  it('are not cut into fragments where no fragment could say its place', () => {
    const v4 = (length: number, offset = 0) => {
      const frame = new Uint8Array(14 + length);
      frame.set(datagram('client', 0));
      const view = new DataView(frame.buffer);
      view.setUint16(16, length <= 0xffff ? length : 0); // 0 as captured before segmentation
      view.setUint16(20, offset / 8);
      return frame;
    };
    const v6 = (length: number) => {
      const frame = new Uint8Array(54 + length);
      frame.set(
        template({ ethernet: ETHERNET, ipv6: IPV6, udp: { source: 1, destination: 2 } }).bytes,
      );
      new DataView(frame.buffer).setUint16(18, length <= 0xffff ? length : 0);
      return frame;
    };
    const parts = (frame: Uint8Array) => framesOf(frame, 'fragment').ready.length;
    expect([v4(0xffff), v4(4000, 61_528), v6(0xffff)].map(parts)).toEqual([45, 3, 46]);
    expect([v4(0x1_0000), v4(4000, 61_536), v6(0x1_0000)].map(parts)).toEqual([0, 0, 0]);
  });

  it('are given to the kernel without what is behind the packet', () => {
    for (const frame of [tcp, udp6]) {
      const bytes = Buffer.concat([frame, Buffer.from('a trailer')]);
      const frames = [{ bytes, originalLength: bytes.length, time: 0n, linkType: 1, offset: 24 }];
      const to = { kind: 'frame', maxLength: 9000, mtu: 1500, snapped: 'skip' } as const;
      const way = { ...to, virtioNetHeader: true };
      const { ready } = sendable({ ...EMPTY, frames }, new Rewriter(), way);
      expect(ready.map(({ length }) => length)).toEqual([frame.length]);
      expect(ready.map((one) => one.bytes.length)).toEqual([10 + frame.length]);
    }
  });

  it('are cut off, or left out with the reason', () => {
    expect(framesOf(tcp, 'truncate').ready.map(({ length }) => length)).toEqual([1514]);
    expect(framesOf(tcp, 'skip').skipped).toEqual([
      { reason: 'too long', frames: 1, firstOffset: 24, longest: 4054 },
    ]);
    const arp = new Uint8Array(4000);
    for (const how of ['segment', 'fragment'] as const) {
      expect(framesOf(arp, how).skipped).toMatchObject([
        { detail: expect.stringContaining('whole') },
      ]);
    }
  });

  it('are not filled up to a length that no frame has, and cut off without their end in memory', () => {
    const to = { kind: 'frame', maxLength: 9000, mtu: 1500, virtioNetHeader: false } as const;
    const way = { ...to, snapped: 'pad', oversize: 'truncate' } as const;
    const made = (originalLength: number) => {
      const frames = [{ bytes: tcp, originalLength, time: 0n, linkType: 1, offset: 24 }];
      return sendable({ ...EMPTY, frames }, new Rewriter(), way);
    };
    expect(made(2 ** 32 - 1).skipped).toMatchObject([{ reason: 'too long', frames: 1 }]);
    expect(made(2 ** 20).ready.map(({ bytes }) => bytes.buffer.byteLength)).toEqual([1514]);
  });

  it('say which link type cannot be put into Ethernet, and what would let it', () => {
    const frames = [105, 101].map((linkType) => {
      return { bytes: tcp.subarray(14), originalLength: 4040, time: 0n, linkType, offset: 0 };
    });
    const capture = { ...EMPTY, frames };
    const to = { kind: 'frame', maxLength: 9000, mtu: 9000, snapped: 'skip' } as const;
    const { skipped } = sendable(capture, new Rewriter(), { ...to, virtioNetHeader: false });
    expect(skipped.map(({ detail }) => detail)).toEqual([
      expect.stringMatching(/link type 105/),
      expect.stringMatching(/link type 101: rewrite.ethernet has to say source and destination/),
    ]);
  });
});
