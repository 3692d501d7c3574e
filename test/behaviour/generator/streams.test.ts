import { describe, expect, expectTypeOf, it, onTestFinished } from 'vitest';
import { BufferPool, UdpDestination, type UdpOptions, UdpSocket } from 'zerosend';
import {
  type Field,
  type GeneratorError,
  generateStreams,
  type MixPart,
  type Rate,
  type StreamOptions,
  type Streams,
  type StreamsOptions,
} from 'zerosend/generator';
import { until } from '../../support/deadline.js';
import { Listener } from './support/listener.js';

/** The stream's number, and behind it that of the packet. */
const NUMBER: Field = { target: { layer: 'payload', offset: 4, width: 4 }, counter: {} };

function numbered(stream: number, more: Partial<StreamOptions> = {}): StreamOptions {
  const payload = Buffer.alloc(4);
  payload.writeUInt32BE(stream);
  return { template: { payload, length: 16 + stream }, fields: [NUMBER], rate: 200, ...more };
}

interface SetUp extends Partial<StreamsOptions> {
  /** without a remote */
  anywhere?: boolean;
  listener?: Listener;
  /** of the socket */
  options?: UdpOptions;
}

async function setUp({ anywhere = false, listener: given, options, ...more }: SetUp = {}) {
  const listener = given ?? (await Listener.open());
  const socket = await UdpSocket.open({ ...options, ...(!anywhere && { remote: listener.to }) });
  const streams: Streams = generateStreams({ socket, ...more });
  streams.catch(() => {});
  onTestFinished(async () => {
    streams.stop();
    await streams.catch(() => {});
    await socket.close();
  });
  return { listener, socket, streams };
}

/** The numbers of packets by stream, in the order in which they came. */
function byStream(datagrams: readonly Buffer[]): Map<number, number[]> {
  const all = new Map<number, number[]>();
  for (const one of datagrams) {
    const stream = one.readUInt32BE(0);
    expect(one.length).toBe(16 + stream);
    expect(one.subarray(8).every((byte) => byte === 0)).toBe(true);
    const numbers = all.get(stream) ?? [];
    numbers.push(one.readUInt32BE(4));
    all.set(stream, numbers);
  }
  return all;
}

const upTo = (count: number) => Array.from({ length: count }, (_, i) => i);

describe('streams on one socket', () => {
  it('have sequences, lengths and counts of their own, and each packet comes once', async () => {
    const { streams, listener } = await setUp();
    const joined = upTo(40).map((i) => streams.join(numbered(i, { count: 5 + i, rate: 500 })));
    streams.finish();
    expect(() => streams.join(numbered(0))).toThrow(
      expect.objectContaining({ code: 'ERR_ZEROSEND_SOCKET_CLOSED' }),
    );
    const report = await streams;
    const sum = joined.reduce((all, _, i) => all + 5 + i, 0);
    expect(report).toMatchObject({ ended: 'count', packets: sum, joined: 40, streamsLeftOut: 0 });
    const received = byStream(await listener.datagrams(sum));
    for (const [i, stream] of joined.entries()) {
      expect(received.get(i)).toEqual(upTo(5 + i));
      expect(stream.report()).toMatchObject({
        name: `${i}`,
        ended: 'count',
        packets: 5 + i,
        bytes: (5 + i) * (16 + i),
        refused: 0,
        failed: 0,
        pacing: { asked: 500, burst: 1 },
      });
    }
    expect(report.streams.map(({ name }) => Number(name)).sort((a, b) => a - b)).toEqual(upTo(40));
  });

  it('go each to a destination of its own, from a socket without one', async () => {
    const { streams, listener } = await setUp({ anywhere: true });
    const other = await Listener.open();
    streams.join(numbered(1, { to: listener.to, count: 20 }));
    streams.join(numbered(2, { to: other.to, count: 30 }));
    streams.finish();
    expect((await streams).packets).toBe(50);
    expect(byStream(await listener.datagrams(20))).toEqual(new Map([[1, upTo(20)]]));
    expect(byStream(await other.datagrams(30))).toEqual(new Map([[2, upTo(30)]]));
  });

  it('join, pause, change and leave while the others go on', async () => {
    const { streams, listener } = await setUp();
    const steady = streams.join(numbered(1));
    const paused = streams.join(numbered(2));
    await until(() => paused.report().packets > 3, 'packets');
    paused.pause();
    const { packets } = paused.report();
    const late = streams.join(numbered(3));
    const before = steady.report().packets;
    await until(() => late.report().packets > 5, 'packets of the late one');
    expect(paused.report().packets).toBe(packets);
    expect(steady.report().packets).toBeGreaterThan(before);
    paused.resume();
    await until(() => paused.report().packets > packets + 2, 'packets after the pause');
    late.leave();
    expect(late.ended).toBe('left');
    const left = (await late.done).packets;
    late.leave();
    expect(streams.size).toBe(2);
    expect([...streams]).toEqual([steady, paused]);
    steady.setRate(5000);
    const now = steady.report().packets;
    await until(() => steady.report().packets > now + 200, 'the faster one');
    streams.stop();
    const report = await streams;
    expect(report.ended).toBe('stop');
    expect(steady.ended).toBe('all');
    const received = byStream(await listener.datagrams(report.packets));
    expect(received.get(3)?.length).toBeGreaterThanOrEqual(left);
    for (const numbers of received.values()) expect(numbers).toEqual(upTo(numbers.length));
  });

  it('replace what they send without a gap', async () => {
    const { streams, listener } = await setUp();
    const stream = streams.join({
      template: { payload: Buffer.alloc(200, 0xcc) },
      rate: 1000,
      count: 300,
    });
    await until(() => stream.report().packets > 50, 'packets');
    stream.replace({ payload: 'new' });
    expect(() => stream.replace({ length: 9000, payload: '' })).toThrow(
      expect.objectContaining({ code: 'ERR_ZEROSEND_FRAME_TOO_LONG' }),
    );
    streams.finish();
    await streams;
    const all = await listener.datagrams(300);
    const first = all.findIndex(({ length }) => length === 3);
    expect(first).toBeGreaterThan(50);
    for (const one of all.slice(0, first)) expect(one.equals(Buffer.alloc(200, 0xcc))).toBe(true);
    for (const one of all.slice(first)) expect(one.toString()).toBe('new');
  });

  it('may each be a mix, with exact shares', async () => {
    // So few buffers that each holds packets of all kinds.
    const pool = new BufferPool({ count: 4, bufferSize: 400 });
    onTestFinished(() => pool.close());
    const { streams, listener } = await setUp({ pool });
    const many = { count: 120, rate: 4000 };
    const part = (stream: number, kind: number, length: number, weight: number): MixPart => {
      const payload = Buffer.alloc(4);
      payload.writeUInt16BE(stream);
      payload.writeUInt16BE(kind, 2);
      return { template: { payload, length }, fields: [NUMBER], weight };
    };
    const three = [part(1, 0, 20, 3), part(1, 1, 300, 2), part(1, 2, 60, 1)];
    const mixed = streams.join({ mix: three, ...many });
    const two = [part(2, 0, 390, 1), part(2, 1, 12, 1)];
    streams.join({ mix: two, mixOrder: 'sequence', share: { first: 1, stride: 2 }, ...many });
    streams.join({ ...numbered(3), ...many });
    streams.finish();
    expect((await streams).packets).toBe(360);
    const kinds: Record<string, number[]> = {};
    const all = await listener.datagrams(360);
    for (const one of all) {
      const [stream, kind] = [one.readUInt16BE(0), one.readUInt16BE(2)];
      if (stream === 0) continue;
      const { template: packet } = (stream === 1 ? three : two)[kind] as MixPart;
      expect(one.length).toBe((packet as { length: number }).length);
      expect(one.subarray(8).every((byte) => byte === 0)).toBe(true);
      kinds[`${stream}`] ??= [];
      kinds[`${stream}`]?.push(kind);
      // Each kind counts by itself.
      const before = kinds[`${stream}`]?.filter((other) => other === kind).length ?? 0;
      expect(one.readUInt32BE(4)).toBe(stream === 1 ? before - 1 : 2 * before - 1);
    }
    for (let at = 0; at < 120; at += 6) {
      expect(kinds[1]?.slice(at, at + 6).sort()).toEqual([0, 0, 0, 1, 1, 2]);
    }
    expect(kinds[2]).toEqual(upTo(120).map((i) => i % 2));
    byStream(all.filter((one) => one.readUInt16BE(0) === 0));
    expect(mixed.report()).toMatchObject({
      packets: 120,
      bytes: 60 * 20 + 40 * 300 + 20 * 60,
      templates: [
        { packets: 60, bytes: 60 * 20 },
        { packets: 40, bytes: 40 * 300 },
        { packets: 20, bytes: 20 * 60 },
      ],
    });
  });

  it('become a mix, and a template again, and count each', async () => {
    const { streams, listener } = await setUp();
    const stream = streams.join({ template: { payload: 'one' }, rate: 3000 });
    await until(() => stream.report().packets > 10, 'packets');
    const mix = [{ template: { payload: 'mix' }, weight: 3 }, { template: { payload: 'rest' } }];
    stream.replace(mix);
    await until(() => (stream.report().templates[2]?.packets ?? 0) > 5, 'packets of the mix');
    expect(() => stream.replace(mix, [])).toThrow(
      expect.objectContaining({ code: 'ERR_ZEROSEND_INVALID_ARGUMENT' }),
    );
    stream.replace({ payload: 'last' });
    await until(() => (stream.report().templates[3]?.packets ?? 0) > 5, 'packets of the last one');
    stream.leave();
    streams.finish();
    await streams;
    const { templates, packets } = stream.report();
    const texts = (await listener.datagrams(packets)).map(String);
    expect(templates.map((one) => one.packets)).toEqual(
      ['one', 'mix', 'rest', 'last'].map((text) => texts.filter((other) => other === text).length),
    );
    const [, three = 0, rest = 0] = templates.map((one) => one.packets);
    expect(Math.abs(three - 3 * rest)).toBeLessThanOrEqual(3);
  });

  it('write packets of their own', async () => {
    // So few buffers that each holds packets of both.
    const pool = new BufferPool({ count: 2, bufferSize: 64 });
    onTestFinished(() => pool.close());
    const { streams, listener } = await setUp({ pool });
    const write = (bytes: Buffer, number: number) =>
      bytes.write(`packet ${number}`.padEnd(60, '.'));
    const own = streams.join({ write, rate: 1000, count: 30 });
    streams.join(numbered(7, { count: 30, rate: 1000 }));
    streams.finish();
    await streams;
    const all = (await listener.datagrams(60)).map((one) => one.toString('latin1'));
    const written = all.filter((text) => text.startsWith('packet'));
    expect(written).toEqual(upTo(30).map((i) => `packet ${i}`.padEnd(60, '.')));
    expect(own.report().bytes).toBe(written.join('').length);
    // What was written over leaves nothing in packets of templates.
    byStream(listener.received.filter((one) => !one.toString('latin1').startsWith('packet')));
  });

  it('have a context of their users', async () => {
    const { streams } = await setUp();
    const call = { caller: 'a' };
    const stream = streams.join({
      template: { payload: 'x' },
      rate: 100,
      context: call,
      name: 'n',
    });
    expect(stream.context).toBe(call);
    expectTypeOf(stream.context).toEqualTypeOf<{ caller: string }>();
    expect(stream.report()).toMatchObject({ context: call, name: 'n', ended: null });
  });

  it('end after their seconds by chance as well, however late', async () => {
    const { streams } = await setUp();
    const startAt = performance.now();
    const rate: Rate = { packets: 10_000, arrivals: 'poisson', catchUp: 1e6 };
    const stream = streams.join(numbered(1, { seconds: 0.02, rate, startAt }));
    while (performance.now() - startAt < 300);
    // 200 in the mean, of 3000 until now.
    expect((await stream.done).packets).toBeLessThan(400);
  });

  it('end after their seconds, late or paused or not', async () => {
    const { streams } = await setUp();
    const startAt = performance.now();
    const some = [
      streams.join(numbered(1, { seconds: 0.05, rate: 1000, startAt })),
      streams.join(numbered(2, { seconds: 0.05, rate: 0.001, startAt })),
      streams.join(numbered(3, { seconds: 0.05, startAt })),
    ];
    some[2]?.pause();
    const reports = await Promise.all(some.map(({ done }) => done));
    expect(reports.map(({ ended }) => ended)).toEqual(['seconds', 'seconds', 'seconds']);
    // At 0, 1, … 49 ms, but for what a busy machine leaves out.
    expect(reports[0]?.packets).toBeLessThanOrEqual(50);
    expect(reports[0]?.packets).toBeGreaterThan(0);
    expect(reports[1]?.packets).toBe(1);
  });

  it('that join together do not send together', async () => {
    const { streams } = await setUp();
    const began = performance.now();
    const some = upTo(100).map((i) => streams.join(numbered(i, { rate: 1, count: 1 })));
    const times: number[] = [];
    await Promise.all(
      some.map(({ done }) => done.then(() => times.push(performance.now() - began))),
    );
    // They are spread over the second that lies between two packets.
    const inTenths = upTo(10).map(
      (tenth) => times.filter((t) => Math.floor(t / 100) === tenth).length,
    );
    expect(inTenths.filter((count) => count > 0).length).toBeGreaterThan(5);
    expect(Math.max(...times)).toBeGreaterThan(800);
  });

  it('end with all: after seconds, and by the signal', async () => {
    const timed = await setUp({ seconds: 0.03 });
    const stream = timed.streams.join(numbered(1));
    expect((await timed.streams).ended).toBe('seconds');
    expect(stream.ended).toBe('all');
    const stop = new AbortController();
    const { streams } = await setUp({ signal: stop.signal });
    streams.join(numbered(1));
    stop.abort();
    expect((await streams).ended).toBe('signal');
    expect(() => streams.join(numbered(2))).toThrow(
      expect.objectContaining({ code: 'ERR_ZEROSEND_SOCKET_CLOSED' }),
    );
  });

  it('tell how they are doing', async () => {
    const told: number[] = [];
    const { streams } = await setUp({
      onProgress: (progress) => told.push(progress.streams),
      progressInterval: 10,
    });
    streams.join(numbered(1));
    streams.join(numbered(2));
    await until(() => told.includes(2), 'progress');
    expect(streams.progress()).toMatchObject({ streams: 2, refused: 0 });
    expect(streams.report().streams).toHaveLength(2);
  });

  it('fail together with what a function of one throws, and have their report', async () => {
    const { streams, socket } = await setUp();
    const other = streams.join(numbered(1));
    streams.join({
      rate: 1000,
      write(bytes, number) {
        if (number === 5) throw new Error('of the user');
        return bytes.write('x');
      },
    });
    const error: GeneratorError = await streams.then(
      () => expect.unreachable(),
      (reason) => reason,
    );
    expect(error.message).toBe('of the user');
    expect(error.report).toMatchObject({ ended: 'error', joined: 2 });
    expect(other.ended).toBe('all');
    // Socket and pool are free again.
    const next = generateStreams({ socket });
    next.stop();
    await next;
  });

  it.each([
    ['to one peer', { anywhere: false }],
    ['each to its own', { anywhere: true }],
    ['from a socket that lets two sends wait', { anywhere: true, maxQueuedSends: 2 }],
  ])(
    'leave out what is refused, counted by stream, and nothing besides: %s',
    async (_, { anywhere, ...options }) => {
      const refused: unknown[] = [];
      const onError = (error: unknown, packets: number) => {
        refused.push([(error as { code?: string }).code, packets]);
        return 'skip' as const;
      };
      const listener = await Listener.open();
      const { streams } = await setUp({ onError, anywhere, listener, options });
      const to = anywhere ? { to: listener.to } : {};
      // All are due at once, so that those that are refused have others before and behind them.
      const many = { rate: 10, count: 3, startAt: performance.now(), ...to };
      const all = upTo(9).map((i) => {
        const bad = i % 4 === 1 || i === 5 || i === 8;
        const sent = bad ? { write: () => 5000 } : { ...numbered(i), fields: [NUMBER] };
        return { bad, stream: streams.join({ ...sent, ...many } as StreamOptions) };
      });
      streams.finish();
      const bad = all.filter((one) => one.bad).length;
      expect(await streams).toMatchObject({ packets: 3 * (9 - bad), refused: 3 * bad });
      for (const { bad, stream } of all) {
        expect(stream.report()).toMatchObject({
          ...(bad ? { packets: 0, refused: 3 } : { packets: 3, refused: 0 }),
          failed: 0,
          ended: 'count',
        });
      }
      expect(refused).toEqual(
        Array.from({ length: 3 * bad }, () => ['ERR_ZEROSEND_OUT_OF_RANGE', 1]),
      );
      const received = byStream(await listener.datagrams(3 * (9 - bad)));
      for (const [i, one] of all.entries()) {
        expect(received.get(i)).toEqual(one.bad ? undefined : upTo(3));
      }
    },
  );

  it('count what was refused by stream as all together do, also where that ends them', async () => {
    const left = ['skip', 'stop'] as const;
    let asked = 0;
    const { streams } = await setUp({ onError: () => left[asked++] ?? 'stop' });
    const startAt = performance.now();
    for (const _ of upTo(3)) streams.join({ write: () => 5000, rate: 1, startAt });
    const error: GeneratorError = await streams.then(
      () => expect.unreachable(),
      (reason) => reason,
    );
    const { refused, streams: each } = error.report as Awaited<Streams>;
    expect(refused).toBe(1);
    expect(each.reduce((sum, one) => sum + one.refused, 0)).toBe(1);
  });

  it('do not count one that could not join', async () => {
    const { streams } = await setUp();
    const packets = (seconds: number) => (seconds === 0 ? 1 : Number.NaN);
    expect(() => streams.join(numbered(0, { rate: { packets } }))).toThrow(
      expect.objectContaining({ code: 'ERR_ZEROSEND_OUT_OF_RANGE' }),
    );
    expect(streams.join(numbered(0)).name).toBe('0');
    streams.stop();
    expect(await streams).toMatchObject({ joined: 1, streams: [{ name: '0' }] });
  });

  it('count a packet with those that it was made with, where its making replaces them', async () => {
    const { streams } = await setUp();
    const stream = streams.join({
      rate: 1000,
      count: 3,
      write(bytes) {
        stream.replace({ payload: Buffer.alloc(9) });
        return bytes.fill(0, 0, 5).length && 5;
      },
    });
    expect((await stream.done).templates).toEqual([
      { packets: 1, bytes: 5 },
      { packets: 2, bytes: 18 },
    ]);
  });

  describe('for which there is no buffer', () => {
    /** The streams have no buffer until `room` is called. */
    const withoutRoom = async () => {
      const pool = new BufferPool({ count: 4, bufferSize: 64 });
      const run = pool.tryAcquireRun(4);
      const set = await setUp({ pool });
      const blocked = () => until(() => set.streams.progress().dry > 0, 'no buffer');
      return { ...set, blocked, room: () => run?.release() };
    };

    it('send nothing of what was let go once they are paused, or have left', async () => {
      const { streams, listener, blocked, room } = await withoutRoom();
      const startAt = performance.now();
      const burst = { rate: { packets: 10, burst: 10 }, startAt };
      const [paused, leaves, other] = upTo(3).map((i) =>
        streams.join(numbered(i, { ...burst, count: 20 - 10 * Math.sign(i) })),
      );
      await blocked();
      paused?.pause();
      leaves?.leave();
      const left = await leaves?.done;
      room();
      await other?.done;
      expect([paused, leaves].map((one) => one?.report().packets)).toEqual([0, 0]);
      expect(left?.packets).toBe(0);
      paused?.setRate(10_000);
      paused?.resume();
      await paused?.done;
      const received = byStream(await listener.datagrams(30));
      expect([...received.keys()]).toEqual([2, 0]);
      expect(received.get(0)).toEqual(upTo(20));
    });

    it('end with the last packet that was due before the end', async () => {
      const { streams, blocked, room } = await withoutRoom();
      const rate = { packets: 10, burst: 5 };
      const startAt = performance.now() - 100;
      const stream = streams.join(numbered(1, { rate, startAt, seconds: 0.05 }));
      await blocked();
      expect(stream.ended).toBe(null);
      room();
      expect(await stream.done).toMatchObject({ ended: 'seconds', packets: 5 });
    });
  });

  it('whose peer the kernel refuses fail by themselves, and the others are sent', async () => {
    const listener = await Listener.open();
    const { streams } = await setUp({ onError: 'skip', anywhere: true });
    const startAt = performance.now();
    const many = { rate: 10, count: 3, startAt };
    // EACCES, without SO_BROADCAST.
    const broadcast = new UdpDestination({ address: '255.255.255.255', port: 9 });
    const all = upTo(6).map((i) => {
      const to = i % 2 === 0 ? broadcast : listener.to;
      return streams.join(numbered(i, { ...many, to }));
    });
    streams.finish();
    expect((await streams).packets).toBeGreaterThanOrEqual(9);
    const received = byStream(await listener.datagrams(9));
    for (const [i, stream] of all.entries()) {
      const { packets, refused, failed } = stream.report();
      // The first of those that are handed over together is refused; of others the kernel says it later.
      expect(packets - failed).toBe(i % 2 === 0 ? 0 : 3);
      expect(refused + failed).toBe(i % 2 === 0 ? 3 : 0);
      expect(received.get(i)).toEqual(i % 2 === 0 ? undefined : upTo(3));
    }
  });

  it('fail with the error of a peer that the kernel refuses, where that is not to be left out', async () => {
    const { streams } = await setUp({ anywhere: true });
    streams.join(numbered(1, { to: { address: '255.255.255.255', port: 9 } }));
    await expect(streams).rejects.toMatchObject({
      code: 'EACCES',
      address: '255.255.255.255',
      port: 9,
      index: 0,
      report: { packets: 0 },
    });
  });

  it('have their addresses read when they join', async () => {
    const { streams } = await setUp({ anywhere: true });
    const joining = (to: unknown) => () => streams.join(numbered(1, { to } as never));
    const refused = (to: unknown, code: string) =>
      expect(joining(to), JSON.stringify(to)).toThrow(
        expect.objectContaining({ code: `ERR_ZEROSEND_${code}` }),
      );
    refused({ address: 'name.test', port: 9 }, 'INVALID_ADDRESS');
    refused({ address: '::1', port: 9 }, 'INVALID_ADDRESS');
    refused(new UdpDestination({ address: '::1', port: 9 }), 'INVALID_ADDRESS');
    refused({ address: '127.0.0.1', port: 0 }, 'OUT_OF_RANGE');
    refused({ address: 1, port: 9 }, 'INVALID_ARGUMENT');
    refused(null, 'INVALID_ARGUMENT');
    refused(undefined, 'INVALID_ARGUMENT');
    expect(streams.size).toBe(0);
    const six = await UdpSocket.open({ family: 6 });
    const others = generateStreams({ socket: six });
    onTestFinished(async () => {
      others.stop();
      await others;
      await six.close();
    });
    expect(() => others.join(numbered(1, { to: { address: '127.0.0.1', port: 9 } }))).toThrow(
      expect.objectContaining({ code: 'ERR_ZEROSEND_INVALID_ADDRESS' }),
    );
    expect(others.join(numbered(1, { to: { address: '::1', port: 9 } })).ended).toBe(null);
  });

  it('do not share a socket with another run', async () => {
    const { socket } = await setUp();
    expect(() => generateStreams({ socket })).toThrow(
      expect.objectContaining({ code: 'ERR_ZEROSEND_BUSY' }),
    );
  });

  it.each<[string, object]>([
    ['without a rate', { rate: undefined }],
    ['with a destination that the socket has already', { to: { address: '127.0.0.1', port: 9 } }],
    ['with a template and a function', { write: () => 1 }],
    ['with a template and a mix', { mix: [{ template: { payload: 'x' } }] }],
    ['with an order of no mix', { mixOrder: 'sequence' }],
    ['with an empty mix', { mix: [], template: undefined, fields: undefined }],
    [
      'with a mix of which one is too long',
      { mix: [{ template: { length: 60_000 } }], template: undefined, fields: undefined },
    ],
    ['with a count of 0', { count: 0 }],
    ['with a packet that is too long', { template: { length: 60_000, payload: '' }, fields: [] }],
    ['with a misspelt key', { packets: 5 }],
  ])('are refused %s', async (_, more) => {
    const { streams } = await setUp();
    expect(() => streams.join({ ...numbered(1), ...more } as never)).toThrow(
      expect.objectContaining({ code: expect.stringMatching(/^ERR_ZEROSEND_/) }),
    );
    expect(streams.size).toBe(0);
  });
});
