import { describe, expect, it, onTestFinished } from 'vitest';
import { BufferPool, type BufferRun, UdpSocket } from 'zerosend';
import {
  type Field,
  type GenerateOptions,
  type GenerateReport,
  type Generation,
  type GeneratorError,
  generate,
} from 'zerosend/generator';
import { until } from '../../support/deadline.js';
import { Listener } from './support/listener.js';

const NUMBER: Field = { target: { layer: 'payload', offset: 0, width: 4 }, counter: {} };

async function setUp(options: object = {}) {
  const listener = await Listener.open();
  const socket = await UdpSocket.open({ remote: listener.to, ...options });
  onTestFinished(async () => void (await socket.close()));
  /** A run of numbered packets of 32 bytes. */
  const begin = (more: Partial<GenerateOptions> = {}): Generation => {
    const packets = more.fill ? {} : { template: { length: 32, payload: '' }, fields: [NUMBER] };
    return generate({ socket, ...packets, ...more });
  };
  return { listener, socket, begin };
}

const numbers = (datagrams: readonly Buffer[]) => datagrams.map((one) => one.readUInt32BE(0));
const upTo = (count: number) => Array.from({ length: count }, (_, i) => i);

describe('the handle of generate', () => {
  it('is a promise of the report, and of nothing else', async () => {
    const { begin } = await setUp();
    const run = begin({ count: 10 });
    expect(run).toBeInstanceOf(Promise);
    expect(Object.keys(run)).toEqual([]);
    const packets = run.then((report) => report.packets);
    expect(packets.constructor).toBe(Promise);
    expect(await packets).toBe(10);
    const report: GenerateReport = await run;
    expect(report).toMatchObject({ ended: 'count', packets: 10, refused: 0 });
    // Once it has ended, it changes nothing any more.
    run.pause();
    run.setRate(5);
    run.replace({ payload: 'x' });
    run.stop();
    expect(run.progress()).toMatchObject({ packets: 10 });
  });

  it('is rejected, not thrown, for wrong options, and does nothing', async () => {
    const { begin } = await setUp();
    const run = begin({ count: -1 });
    expect(run.progress().packets).toBe(0);
    run.pause();
    run.stop();
    await expect(run).rejects.toMatchObject({ code: 'ERR_ZEROSEND_OUT_OF_RANGE' });
  });

  it.each(['sleep', 'block', 'spin'] as const)(
    'pauses and resumes, with each packet once, by %s',
    async (precision) => {
      const { begin, listener } = await setUp();
      const run = begin({ rate: 2000, count: 600, precision });
      await until(() => run.progress().packets >= 100, '100 packets');
      run.pause();
      expect(run.paused).toBe(true);
      const { packets } = run.progress();
      await new Promise((resolve) => setTimeout(resolve, 150));
      // What a pause would have let come due does not go at once after it.
      expect(run.progress().packets).toBe(packets);
      run.resume();
      const report = await run;
      expect(report.packets).toBe(600);
      expect(numbers(await listener.datagrams(600))).toEqual(upTo(600));
    },
  );

  it('is paused also where it sends as fast as it can', async () => {
    const { begin } = await setUp();
    const run = begin();
    await until(() => run.progress().packets >= 1000, '1000 packets');
    run.pause();
    await new Promise((resolve) => setImmediate(resolve));
    const { packets } = run.progress();
    await new Promise((resolve) => setTimeout(resolve, 30));
    expect(run.progress().packets).toBe(packets);
    run.resume();
    await until(() => run.progress().packets > packets, 'more packets');
    run.stop();
    expect((await run).ended).toBe('stop');
  });

  it('sets another rate, and none', async () => {
    const { begin } = await setUp();
    const run = begin({ rate: 0.01, count: 3000 });
    await until(() => run.progress().packets === 1, 'the first packet');
    run.setRate(20_000);
    await until(() => run.progress().packets >= 100, '100 packets');
    expect(() => run.setRate(-5)).toThrow(
      expect.objectContaining({ code: 'ERR_ZEROSEND_OUT_OF_RANGE' }),
    );
    run.setRate(null);
    const packets = (seconds: number) => (seconds < 0.1 ? 0 : -1); // is asked in advance
    expect(() => run.setRate({ packets })).toThrow(
      expect.objectContaining({ code: 'ERR_ZEROSEND_OUT_OF_RANGE' }),
    );
    expect(run.progress().rateError).toBe(null);
    const report = await run;
    expect(report).toMatchObject({ packets: 3000, pacing: null });
  });

  it('takes a rate where it had none', async () => {
    const { begin } = await setUp();
    const run = begin({ seconds: 10 });
    run.setRate(100);
    await until(() => run.progress().packets > 3, 'packets');
    run.stop();
    const { pacing } = await run;
    expect(pacing?.asked).toBe(100);
  });

  it('replaces what is sent without a gap, and counts by template', async () => {
    const { begin, listener } = await setUp();
    const run = begin({ rate: 4000, count: 900 });
    await until(() => run.progress().packets >= 200, '200 packets');
    run.replace({ payload: Buffer.alloc(600, 0xaa) }, [
      { target: { layer: 'payload', offset: 0, width: 4 }, counter: { start: 10_000 } },
    ]);
    await until(() => run.progress().packets >= 500, '500 packets');
    run.replace({ payload: 'short' });
    const { templates, packets, bytes } = await run;
    expect(templates).toHaveLength(3);
    const counts = templates.map((one) => one.packets);
    expect(counts.reduce((a, b) => a + b)).toBe(packets);
    expect(templates.reduce((sum, one) => sum + one.bytes, 0)).toBe(bytes);
    const [first = 0, second = 0] = counts;
    const all = await listener.datagrams(900);
    expect(numbers(all.slice(0, first))).toEqual(upTo(first));
    const middle = all.slice(first, first + second);
    expect(numbers(middle)).toEqual(upTo(second).map((i) => 10_000 + i));
    for (const one of middle) expect(one.subarray(4).every((byte) => byte === 0xaa)).toBe(true);
    for (const one of all.slice(first + second)) expect(one.toString()).toBe('short');
  });

  it('keeps a rate in bits by the packets that it sends now', async () => {
    const { begin } = await setUp();
    const startAt = performance.now() + 100;
    const run = begin({ rate: 1000, startAt, count: 2 });
    run.replace({ length: 320, payload: '' });
    run.setRate({ bits: 500 * 320 * 8 });
    expect((await run).pacing?.asked).toBe(500);
  });

  it('refuses a rate in bits where it does not know how long packets are', async () => {
    const { begin } = await setUp();
    const run = begin({ fill: () => 20, rate: 1000, count: 20 });
    expect(() => run.setRate({ bits: 8000 })).toThrow(
      expect.objectContaining({ code: 'ERR_ZEROSEND_INVALID_ARGUMENT' }),
    );
    expect(await run).toMatchObject({ ended: 'count', packets: 20, pacing: { asked: 1000 } });
  });

  it('refuses to replace by what does not fit, and goes on', async () => {
    const { begin } = await setUp();
    const run = begin({ rate: 1000 });
    expect(() => run.replace({ length: 5000, payload: '' })).toThrow(
      expect.objectContaining({ code: 'ERR_ZEROSEND_FRAME_TOO_LONG' }),
    );
    expect(() => run.replace({ layers: 7 } as never)).toThrow(
      expect.objectContaining({ code: expect.stringMatching(/^ERR_ZEROSEND_/) }),
    );
    await until(() => run.progress().packets > 3, 'packets');
    run.stop();
    expect((await run).templates).toHaveLength(1);
  });

  it('tells how it is doing beside onProgress, each with rates of its own', async () => {
    const { begin } = await setUp();
    let told = 0;
    const run = begin({ rate: 1000, onProgress: () => told++, progressInterval: 10 });
    await until(() => told >= 3, 'progress');
    const { packets, packetsPerSecond, seconds } = run.progress();
    // Those since it began, although others were told meanwhile.
    expect(packetsPerSecond).toBeCloseTo(packets / seconds, 3);
    run.stop();
    await run;
  });
});

describe('generate with a function that fills its runs', () => {
  it('sends what it writes, at the lengths that it says', async () => {
    const { begin, listener } = await setUp();
    const seen: number[] = [];
    const fill = (run: BufferRun, first: number) => {
      seen.push(first);
      return Array.from({ length: run.count }, (_, i) => {
        run.bytes(i).writeUInt32BE(first + i);
        return 4 + ((first + i) % 50);
      });
    };
    const { packets, bytes, templates } = await begin({ fill, count: 500, rate: 20_000 });
    expect(packets).toBe(500);
    const all = await listener.datagrams(500);
    expect(numbers(all)).toEqual(upTo(500));
    expect(all.map(({ length }) => length)).toEqual(upTo(500).map((i) => 4 + (i % 50)));
    expect(bytes).toBe(all.reduce((sum, { length }) => sum + length, 0));
    expect(templates).toEqual([{ packets, bytes }]);
    expect(seen[0]).toBe(0);
  });

  it('fails with what it throws, leaves no buffer behind, and has its report', async () => {
    const { socket } = await setUp();
    const pool = new BufferPool({ count: 64, bufferSize: 64 });
    let calls = 0;
    const fill = () => {
      if (++calls > 3) throw new Error('of the user');
      return 10;
    };
    const error: GeneratorError = await generate({
      socket,
      pool,
      fill,
      batch: 8,
      onError: 'skip',
    }).then(
      () => expect.unreachable(),
      (reason) => reason,
    );
    expect(error.message).toBe('of the user');
    expect(error.report).toMatchObject({ ended: 'error', packets: 24, refused: 0 });
    expect(pool.stats()).toMatchObject({ free: 64 });
    await pool.close();
  });

  it.each<[string, object]>([
    ['a template besides', { template: { payload: 'x' } }],
    ['a rate in bits without a length', { rate: { bits: 1000 } }],
    ['no function', { fill: 7 }],
    ['a policy that is none', { onError: 'ignore' }],
    ['a precision that is none', { precision: 'exact' }],
  ])('refuses %s', async (_, more) => {
    const { socket } = await setUp();
    await expect(generate({ socket, fill: () => 5, ...more } as never)).rejects.toMatchObject({
      code: expect.stringMatching(/^ERR_ZEROSEND_/),
    });
  });
});

describe('packets that are refused', () => {
  /** Each second length is none that can be sent. */
  const odd = (run: BufferRun, first: number) =>
    first % 2 === 0 ? 10 : Array.from({ length: run.count }, () => 5000);

  it('end the run, which has its report', async () => {
    const { begin } = await setUp();
    const error: GeneratorError = await begin({ fill: odd, batch: 1, count: 100 }).then(
      () => expect.unreachable(),
      (reason) => reason,
    );
    expect(error.code).toMatch(/^ERR_ZEROSEND_/);
    expect(error.report).toMatchObject({ ended: 'error', packets: 1, refused: 0 });
  });

  it('are left out and counted, where that is asked for', async () => {
    const { begin, listener } = await setUp();
    const run = begin({ fill: odd, batch: 1, count: 100, onError: 'skip' });
    expect(await run).toMatchObject({ ended: 'count', packets: 50, refused: 50, failed: 0 });
    expect(run.progress().refused).toBe(50);
    expect(await listener.datagrams(50)).toHaveLength(50);
  });

  it('are what a function of the user decides about', async () => {
    const { begin } = await setUp();
    const told: number[] = [];
    const onError = (error: Error, packets: number) => {
      expect(error).toMatchObject({ code: expect.stringMatching(/^ERR_ZEROSEND_/) });
      told.push(packets);
      return told.length < 3 ? ('skip' as const) : ('stop' as const);
    };
    const error: GeneratorError = await begin({ fill: odd, batch: 1, onError }).then(
      () => expect.unreachable(),
      (reason) => reason,
    );
    expect(told).toEqual([1, 1, 1]);
    expect(error.report).toMatchObject({ ended: 'error', packets: 3, refused: 2 });
  });

  it('end the run where its socket is closed, whatever was asked for', async () => {
    const { begin, socket } = await setUp();
    const run = begin({ onError: 'skip', rate: 1000 });
    await until(() => run.progress().packets > 2, 'packets');
    void socket.close();
    await expect(run).rejects.toMatchObject({ code: 'ERR_ZEROSEND_SOCKET_CLOSED' });
  });
});
