import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { generate, Pacer, type ReplayOptions, replay } from 'zerosend/generator';
import { atOnce } from '../../../lib/generator/base/steps.js';
import { RecordedClock } from '../../../lib/generator/replay/recorded-clock.js';
import { checkReplayRate, RateTiming } from '../../../lib/generator/replay/schedule.js';
import type { SendableFrame } from '../../../lib/generator/replay/sendable-frames.js';
import { openTo, startPeer } from '../../support/endpoints.js';
import { pcap, type Written } from './support/pcap-writer.js';

const MS = 1_000_000n;
const DAY = 86_400_000;

/** When frames with these recorded times (ms) are due, and how many are out of order. */
function due(times: readonly (number | null)[], maxGap = Number.POSITIVE_INFINITY) {
  const frames = times.map((time) => ({ time: time === null ? null : BigInt(time) * MS }));
  const clock = new RecordedClock(maxGap);
  return { due: [...atOnce(clock.take(frames))], unordered: clock.unordered };
}

/** When, in ms, the last of 200 frames is due at 2000 a second, as by chance. */
function endOf(seed: number): number {
  const rate = checkReplayRate({ packets: 2000, arrivals: 'poisson', burst: 1, seed }, undefined);
  const frames = Array.from({ length: 200 }, () => ({ length: 50 }) as SendableFrame);
  return atOnce(new RateTiming(rate, undefined).take(frames)).at(-1) as number;
}

const every = (count: number, step: number, from = 0) =>
  Array.from({ length: count }, (_, i) => from + i * step);

describe('the clock of a capture', () => {
  it('is kept, gaps and all', () => {
    const times = [5, 6, 6, 100, 5000, 5000 + DAY, 5001 + 40 * DAY];
    expect(due(times)).toEqual({ due: times.map((t) => t - 5), unordered: 0 });
  });

  it.each([10_000, 1000, 150, 40 * DAY])('goes on from where it is set back by %i ms', (back) => {
    const times = [...every(50, 10, 1e9), ...every(50, 10, 1e9 + 500 - back)];
    const made = due(times);
    expect(made.unordered).toBe(1);
    // Nobody knows how long it took until the first frame after that.
    expect(made.due).toEqual([...every(50, 10), ...every(50, 10, 490)]);
  });

  it('may be set back time and again', () => {
    const times = every(10, 0).flatMap((_, i) => every(20, 10, 1e7 - i * 1e6));
    const made = due(times);
    expect(made.unordered).toBe(9);
    expect(made.due.at(-1)).toBe(10 * 190);
  });

  it('is not that of frames that are out of order by a little', () => {
    const times = [0, 10, 9, 20, 19, 18, 30, 40];
    expect(due(times)).toEqual({ due: [0, 10, 10, 20, 20, 20, 30, 40], unordered: 3 });
  });

  it.each([1, 3])('passes over %i frames that are far ahead, wherever they are', (count) => {
    for (let at = 0; at < 50; at++) {
      const times = every(50, 10, 1e9);
      times.splice(at, 0, ...every(count, 2, 1e9 + DAY + 10 * at));
      const made = due(times);
      const whole = made.due.at(-1) as number;
      // Frames ahead have their own distances, within which the others may be late.
      expect(whole).toBeGreaterThanOrEqual(480);
      expect(whole).toBeLessThanOrEqual(490 + 2 * count);
      expect(made.unordered).toBeGreaterThanOrEqual(1);
      expect(made.unordered).toBeLessThanOrEqual(2);
    }
  });

  it('passes over frames that are far behind', () => {
    const times = every(50, 10, 1e9);
    times.splice(25, 0, 5);
    const { due: made, unordered } = due(times);
    expect(made.at(-1)).toBeLessThan(DAY);
    expect(unordered).toBe(1);
  });

  it('goes on where it jumped ahead and was put right', () => {
    const ahead = every(20, 10, 1e9 + 200 + DAY);
    const times = [...every(20, 10, 1e9), ...ahead, ...every(20, 10, 1e9 + 400)];
    const made = due(times);
    expect(made.due.slice(0, 20)).toEqual(every(20, 10));
    expect(made.due.slice(40)).toEqual(every(20, 10, 400));
  });

  it('has no gap above the most', () => {
    expect(due([0, 10, 5000, 5010, DAY], 100).due).toEqual([0, 10, 110, 120, 220]);
    expect(due([0, 10, 10 * DAY], 0).due).toEqual([0, 0, 0]);
  });

  it('has frames without a time right behind the one before', () => {
    expect(due([null, 10, null, 30])).toEqual({ due: [0, 0, 0, 20], unordered: 2 });
  });

  it('is read in steps of a few thousand frames', () => {
    const frames = every(100_000, 1).map((time) => ({ time: BigInt(time) }));
    let steps = 0;
    for (const _ of new RecordedClock(1).take(frames)) steps++;
    expect(steps).toBeGreaterThan(10);
  });
});

describe('waiting', () => {
  const warnings: Error[] = [];
  const note = (warning: Error) => void warnings.push(warning);
  beforeAll(() => void process.on('warning', note));
  afterAll(() => void process.off('warning', note));

  const frame = Buffer.from(
    '020000000002020000000001080045000020000040004011000ac6120001c612000204000009' +
      '000c000061626364',
    'hex',
  );
  const setUp = async () => {
    const receiver = await startPeer({ protocol: 'udp', discard: true });
    return { receiver, socket: await openTo(receiver) };
  };
  /** Turns of the event loop, and warnings, while something waits for 300 ms. */
  const quietly = async <T>(run: (signal: AbortSignal) => Promise<T>) => {
    const before = process.cpuUsage();
    const done = await run(AbortSignal.timeout(300));
    const { user, system } = process.cpuUsage(before);
    await new Promise((resolve) => setImmediate(resolve)); // warnings come a tick later
    expect(warnings).toEqual([]);
    // A timer that fires after 1 ms takes all of it in waking up.
    expect((user + system) / 1000).toBeLessThan(250);
    return done;
  };

  it.each([20, 30, 365, 36_500])('for a gap of %i days does so', async (days) => {
    const { socket } = await setUp();
    const frames = [0, days * DAY].map((time) => ({ bytes: frame, time: BigInt(time) * MS }));
    const report = await quietly((signal) => replay({ socket, capture: pcap(frames), signal }));
    expect(report).toMatchObject({ ended: 'signal', packets: 1 });
  });

  it.each([1e-6, 1e-7, 1e-12, Number.MIN_VALUE])('for a rate of %d does so', async (rate) => {
    const { socket } = await setUp();
    const report = await quietly((signal) =>
      generate({ socket, template: { payload: 'x' }, rate, signal }),
    );
    expect(report).toMatchObject({ ended: 'signal', packets: 1 });
    const pacer = new Pacer(rate);
    pacer.take();
    await quietly((signal) => pacer.wait(signal));
    expect(pacer.take()).toBe(0);
  });

  it.each([2_147_484, 30 * 86_400, Number.MAX_VALUE])('for %d seconds does so', async (seconds) => {
    const { socket } = await setUp();
    const report = await quietly((signal) =>
      generate({ socket, template: { payload: 'x' }, rate: 100, seconds, signal }),
    );
    expect(report.ended).toBe('signal');
    expect(report.packets).toBeGreaterThan(1);
  });

  it('is by looking at the clock, or by sleeping where that is asked for', async () => {
    const { socket } = await setUp();
    const frames = every(100, 2).map((time) => ({ bytes: frame, time: BigInt(time) * MS }));
    const capture = pcap(frames);
    /** How often the event loop goes round. */
    const turns = async (precision?: 'sleep' | 'spin') => {
      const before = performance.nodeTiming.uvMetricsInfo.loopCount;
      await replay({ socket, capture, ...(precision && { precision }) });
      return performance.nodeTiming.uvMetricsInfo.loopCount - before;
    };
    const [usual, spinning, sleeping] = [await turns(), await turns('spin'), await turns('sleep')];
    expect(Math.min(usual, spinning)).toBeGreaterThan(sleeping + 100);
    const exact = { socket, capture, precision: 'exact' } as unknown as ReplayOptions;
    await expect(replay(exact)).rejects.toMatchObject({ code: 'ERR_ZEROSEND_INVALID_ARGUMENT' });
  });

  it('follows a rate that changes, from loop to loop', async () => {
    const { socket } = await setUp();
    const capture = pcap(every(20, 1).map(() => ({ bytes: frame, time: 0n })));
    // 40 frames while it falls; one that began anew with the second loop would take 0.31 s.
    const fall = (each: number) => [{ from: 150 * each, to: 50 * each, seconds: 0.4 }];
    const all = { socket, capture, loops: 2 };
    // Payloads of 4 bytes, and 20 more.
    for (const rate of [{ packets: fall(1) }, { bits: fall(24 * 8), overhead: 20 }]) {
      const { packets, seconds, lateness } = await replay({ ...all, rate });
      expect(packets).toBe(40);
      expect(seconds).toBeGreaterThan(0.376); // 150 t - 125 t² = 39
      expect(seconds - (lateness?.max ?? 0) / 1e6).toBeLessThan(0.4);
      expect(lateness?.p50).toBeLessThan(80_000);
    }
    const rate = { packets: fall(1) };
    await expect(replay({ ...all, rate, loopGap: 5 })).rejects.toMatchObject({
      code: 'ERR_ZEROSEND_INVALID_ARGUMENT',
    });
  });

  it('is as by chance where that is asked for', async () => {
    const { socket } = await setUp();
    const capture = pcap(every(200, 1).map(() => ({ bytes: frame, time: 0n })));
    const rate = { packets: 2000, arrivals: 'poisson', burst: 1 } as const;
    const replayed = (seed: number) => replay({ socket, capture, rate: { ...rate, seed } });
    // When the last one was due: some 0.1 s after the first, and of two seeds not at the same time.
    const [first = 0, second] = [endOf(1), endOf(2)];
    expect(first).not.toBe(second);
    const report = await replayed(1);
    expect(report.packets).toBe(200);
    expect(report.seconds).toBeGreaterThanOrEqual(first / 1000);
    expect(report.seconds - (report.lateness?.max ?? 0) / 1e6).toBeLessThan(first / 1000 + 0.01);
  });

  it('is bounded by maxGap, in time as it is sent', async () => {
    const { socket } = await setUp();
    const frames: Written[] = [0, DAY, 3 * DAY].map((time) => ({
      bytes: frame,
      time: BigInt(time) * MS,
    }));
    const capture = pcap(frames);
    const report = await replay({ socket, capture, maxGap: 20, speed: 3 });
    expect(report).toMatchObject({ ended: 'count', packets: 3, unordered: 0 });
    expect(report.seconds).toBeGreaterThanOrEqual(0.04);
    const refuse = (change: object, code: string) =>
      expect(replay({ socket, capture, ...change } as ReplayOptions)).rejects.toMatchObject({
        code,
      });
    await refuse({ maxGap: -1 }, 'ERR_ZEROSEND_OUT_OF_RANGE');
    await refuse({ maxGap: Number.NaN }, 'ERR_ZEROSEND_OUT_OF_RANGE');
    await refuse({ maxGap: '5' }, 'ERR_ZEROSEND_OUT_OF_RANGE');
    await refuse({ maxGap: 5, rate: 5 }, 'ERR_ZEROSEND_INVALID_ARGUMENT');
  });
});
