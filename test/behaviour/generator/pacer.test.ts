import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Pacer, type Rate } from 'zerosend/generator';
import { startedPacer } from './support/pacer.js';

describe('a pacer', () => {
  it('lets the first packet go at once, and each when it is due', () => {
    const paced = startedPacer(1000);
    expect(paced.take(0)).toBe(1);
    expect(paced.take(0.5)).toBe(0);
    expect(paced.due).toBe(1);
    expect(paced.take(1)).toBe(1);
    expect(paced.take(3.5)).toBe(2);
    expect(paced.due).toBe(4);
  });

  it('has let go what was due, whenever it is asked', () => {
    const steps = fc.array(fc.double({ min: 0, max: 30, noNaN: true }), { maxLength: 200 });
    const rates = fc.record({
      packets: fc.double({ min: 1, max: 2e6, noNaN: true }),
      burst: fc.integer({ min: 1, max: 100 }),
    });
    fc.assert(
      fc.property(rates, steps, ({ packets, burst }, steps) => {
        const paced = startedPacer({ packets, burst, catchUp: 1e6 });
        let now = 0;
        let taken = 0;
        for (const step of steps) {
          now += step;
          const count = paced.take(now);
          expect(count % burst).toBe(0);
          taken += count;
          const due = (Math.floor((now * packets) / 1000 / burst) + 1) * burst;
          // Off by a burst only where now is the very moment, within rounding.
          const edge = ((now * packets) / 1000 / burst) % 1;
          if (edge > 1e-6 && edge < 1 - 1e-6) expect(taken).toBe(due);
        }
      }),
    );
  });

  it('lets go in bursts at the same mean rate', () => {
    const paced = startedPacer({ packets: 1000, burst: 10 });
    const taken = Array.from({ length: 100 }, (_, ms) => paced.take(ms));
    expect(taken.filter((count) => count > 0)).toEqual(Array(10).fill(10));
    expect(paced.report()).toMatchObject({ achieved: 1000, error: 0, burst: 10, largestBurst: 10 });
  });

  it('takes bits, with what is on the wire besides', () => {
    expect(startedPacer({ bits: 1e6 }, { bytes: 125 }).report().asked).toBe(1000);
    expect(startedPacer({ bits: 1e9, overhead: 24 }, { bytes: 60 }).report().asked).toBeCloseTo(
      1488095.24,
    );
  });

  it('makes up for a pause, but not for all of a long one', () => {
    const paced = startedPacer({ packets: 1000, catchUp: 20 });
    paced.take(0);
    expect(paced.take(15)).toBe(15);
    expect(paced.take(115)).toBe(20);
    expect(paced.report(115)).toMatchObject({ lost: 80, largestBurst: 20 });
    // From there it goes on as before, not faster.
    expect(paced.due).toBe(116);
    expect(paced.take(116)).toBe(1);
  });

  it('reports the error of a rate that was not kept', () => {
    const paced = startedPacer({ packets: 1000, catchUp: 1 });
    for (let ms = 0; ms < 1000; ms += 2) paced.take(ms);
    const report = paced.report(1000);
    expect(report.achieved).toBeCloseTo(500, 0);
    expect(report.error).toBeCloseTo(-0.5, 2);
    expect(report.lost).toBe(499);
  });

  it('counts a stall at the end', () => {
    const paced = startedPacer(1000);
    for (let ms = 0; ms < 500; ms++) paced.take(ms);
    expect(paced.report(1000).error).toBeCloseTo(-0.5, 3);
    expect(paced.report().error).toBeCloseTo(0, 6);
  });

  it('reports how late bursts were', () => {
    const paced = startedPacer(1000);
    for (let ms = 0; ms < 100; ms++) paced.take(ms + (ms === 50 ? 0.8 : 0.1));
    const { lateness } = paced.report();
    expect(lateness.p50).toBeCloseTo(100, -1);
    expect(lateness.max).toBeCloseTo(800, -1);
  });

  it('divides a rate among several, whose bursts come in turn', () => {
    const pacers = [0, 1, 2].map((index) =>
      startedPacer({ packets: 3000, burst: 1 }, { index, of: 3 }),
    );
    expect(pacers.map((one) => one.due)).toEqual(
      [0, 1 / 3, 2 / 3].map((t) => expect.closeTo(t, 9)),
    );
    const taken = (now: number) => pacers.map((one) => one.take(now));
    expect(taken(0)).toEqual([1, 0, 0]);
    expect(taken(0.5)).toEqual([0, 1, 0]);
    expect(taken(1.1)).toEqual([1, 0, 1]);
  });

  it('waits until a burst is due, by a timer and by turns of the event loop', async () => {
    const paced = new Pacer(10);
    expect(paced.take()).toBe(1);
    expect(paced.take()).toBe(0);
    let turns = 0;
    let timer = setImmediate(function turn() {
      turns++;
      timer = setImmediate(turn);
    });
    await paced.wait();
    clearImmediate(timer);
    expect(performance.now()).toBeGreaterThanOrEqual(paced.due);
    expect(paced.take()).toBeGreaterThan(0);
    expect(turns).toBeGreaterThan(0);
  });

  it('ends a wait with its signal', async () => {
    const paced = new Pacer(0.01);
    paced.take();
    const controller = new AbortController();
    const waiting = paced.wait(controller.signal);
    controller.abort();
    await waiting;
    expect(performance.now()).toBeLessThan(paced.due);
  });

  it('begins anew when it is started again', () => {
    const paced = startedPacer({ packets: 1000, catchUp: 20 });
    for (const now of [0, 1, 500]) paced.take(now);
    expect(paced.report()).toMatchObject({ lost: 479, largestBurst: 20 });
    paced.start(10_000);
    expect(paced.due).toBe(10_000);
    expect(paced.take(9_999)).toBe(0);
    expect(paced.take(10_000)).toBe(1);
    expect(paced.due).toBe(10_001);
    for (let now = 10_001; now < 10_500; now++) expect(paced.take(now)).toBe(1);
    const report = paced.report(10_500);
    expect(report).toMatchObject({ lost: 0, largestBurst: 1, achieved: 1000, error: 0 });
    expect(report.lateness.max).toBeLessThan(1);
  });

  it('lets no more go than there is, and the rest when it is asked again', () => {
    const paced = startedPacer({ packets: 1000, burst: 10 });
    expect(paced.take(25, 7)).toBe(7);
    expect(paced.due).toBe(0);
    expect(paced.take(25)).toBe(23);
    // Both have left together.
    expect(paced.report().largestBurst).toBe(30);
    expect(paced.take(125)).toBe(100);
    expect(paced.report().largestBurst).toBe(100);
    expect(() => paced.take(30, 0)).toThrow(
      expect.objectContaining({ code: 'ERR_ZEROSEND_OUT_OF_RANGE' }),
    );
  });

  it('lets a burst go as a whole, in whatever parts it is taken', () => {
    const rates = fc.record({
      burst: fc.integer({ min: 1, max: 300 }),
      of: fc.integer({ min: 1, max: 3 }),
      most: fc.integer({ min: 1, max: 100 }),
    });
    fc.assert(
      fc.property(rates, ({ burst, of, most }) => {
        const paced = startedPacer({ packets: 1000, burst, catchUp: 1e6 }, { of });
        for (const [bursts, due] of [
          [1, 1],
          [2, 1],
          [5, 3],
          [6, 1],
        ] as const) {
          let taken = 0;
          for (let more = 1; more > 0; taken += more) {
            more = paced.take((bursts - 1) * burst * of, most);
          }
          expect(taken).toBe(due * burst);
          expect(paced.due).toBe(bursts * burst * of);
        }
      }),
    );
  });

  it('gives the event loop its turn also when it is always behind', async () => {
    const paced = new Pacer({ packets: 1e9, catchUp: 1000 });
    let ticks = 0;
    let signals = 0;
    const timer = setInterval(() => ticks++, 5);
    const count = () => void signals++;
    process.on('SIGUSR2', count);
    const ends = performance.now() + 10_000; // never met: it sees ticks and signals long before
    process.kill(process.pid, 'SIGUSR2');
    try {
      while ((ticks < 5 || signals < 1) && performance.now() < ends) {
        await paced.wait();
        const count = paced.take();
        expect(count).toBeGreaterThan(0);
        expect(count).toBeLessThan(2000); // no more than goes between two turns
      }
    } finally {
      clearInterval(timer);
      process.off('SIGUSR2', count);
    }
    expect(ticks).toBeGreaterThanOrEqual(5);
    expect(signals).toBe(1);
  });

  it('says what a rate may be', () => {
    for (const rate of ['50k', true, 10n, undefined]) {
      expect(() => new Pacer(rate as never)).toThrow(
        expect.objectContaining({
          code: 'ERR_ZEROSEND_INVALID_ARGUMENT',
          message: expect.stringContaining('a number of packets a second'),
        }),
      );
    }
    expect(() => new Pacer('50k' as never)).toThrow("received string '50k'");
  });

  it.each<[string, unknown]>([
    ['0', 0],
    ['less than nothing', -1],
    ['infinity', Number.POSITIVE_INFINITY],
    ['no number', Number.NaN],
    ['packets and bits', { packets: 1, bits: 1 }],
    ['neither', { burst: 1 }],
    ['a burst of 0', { packets: 1, burst: 0 }],
    ['no time to catch up', { packets: 1, catchUp: 0 }],
    ['bits of packets without a length', { bits: 1000 }],
    ['overhead without bits', { packets: 1, overhead: 24 }],
    ['a misspelt key', { packets: 1, bursts: 1 }],
  ])('refuses a rate of %s', (_, rate) => {
    expect(() => new Pacer(rate as Rate)).toThrow(
      expect.objectContaining({ code: expect.stringMatching(/^ERR_ZEROSEND_/) }),
    );
  });
});
