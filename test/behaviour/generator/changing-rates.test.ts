import { runInNewContext } from 'node:vm';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Pacer, type Rate } from 'zerosend/generator';
import { checkFrameRate, Warp } from '../../../lib/generator/pace/frame-rate.js';
import { startedPacer } from './support/pacer.js';

/** When packets go of one who asks every `step` ms, up to `end`; and how many at most at once. */
function go(paced: Pacer, from: number, end: number, step = 0.05) {
  const times: number[] = [];
  let most = 0;
  for (let now = from; now <= end + 1e-9; now += step) {
    const count = paced.take(now);
    most = Math.max(most, count);
    for (let i = 0; i < count; i++) times.push(now);
  }
  return { times, most };
}

const gaps = (times: readonly number[]) => times.slice(1).map((t, i) => t - (times[i] as number));

describe('a pacer that is paused', () => {
  it('goes on where it was, without a burst', () => {
    const paced = startedPacer(1000);
    go(paced, 0, 10.5);
    paced.pause(10.5);
    expect(paced.paused).toBe(true);
    expect(paced.due).toBe(Number.POSITIVE_INFINITY);
    expect(paced.take(5000)).toBe(0);
    paced.resume(7000);
    // Half of the distance had gone by.
    expect(paced.due).toBeCloseTo(7000.5, 6);
    const { times, most } = go(paced, 7000, 7010);
    expect(most).toBe(1);
    expect(times).toHaveLength(10);
    expect(paced.report(7010.4)).toMatchObject({ lost: 0, achieved: expect.closeTo(1000, -1) });
  });

  it('goes on as it was where another rate is refused', () => {
    for (const bad of [
      (s: number) => (s === 0 ? 5 : Number.NaN), // is asked for its second moment later
      (s: number) => (s < 0.1 ? 5 : -1),
    ]) {
      const paced = startedPacer(1000);
      go(paced, 0, 1000);
      expect(() => paced.setRate({ packets: bad, burst: 7 }, { now: 1000 })).toThrow(
        expect.objectContaining({ code: 'ERR_ZEROSEND_OUT_OF_RANGE' }),
      );
      expect(go(paced, 1000.05, 2000).most).toBe(1);
      expect(paced.report(2000)).toMatchObject({
        asked: 1000,
        achieved: expect.closeTo(1000, -1),
        burst: 1,
        lost: 0,
      });
    }
  });

  it('lets one burst of what was due go afterwards, and never the rest', () => {
    const paced = startedPacer({ packets: 1000, burst: 2 });
    paced.take(0);
    paced.pause(50); // 48 are due
    paced.resume(60);
    expect(paced.take(60)).toBe(2);
    expect(paced.take(60.5)).toBe(0);
    expect(paced.report().lost).toBe(48);
  });

  it.each<[string, Rate]>([
    ['even', { packets: 2000, burst: 1 }],
    ['by chance', { packets: 2000, arrivals: 'poisson', seed: 3 }],
    ['a ramp', { packets: [{ from: 0, to: 4000, seconds: 1 }] }],
  ])('has the same packets in the same order of times as one that was not: %s', (_, rate) => {
    const straight = go(startedPacer(rate), 0, 399.97).times;
    const paced = startedPacer(rate);
    const before = go(paced, 0, 200).times;
    paced.pause(200.02);
    paced.resume(1200.02);
    const after = go(paced, 1200.05, 1399.97).times.map((time) => time - 1000);
    expect([...before, ...after].length).toBe(straight.length);
    for (const [i, time] of [...before, ...after].entries()) {
      expect(time).toBeCloseTo(straight[i] as number, 0);
    }
  });

  it('wakes who waits when it is resumed', async () => {
    const paced = new Pacer(1000);
    paced.take();
    paced.pause();
    let over = false;
    const waiting = paced.wait().then(() => {
      over = true;
    });
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(over).toBe(false);
    paced.resume();
    await waiting;
    expect(paced.take()).toBeGreaterThan(0);
  });
});

describe('a pacer whose rate is set', () => {
  it('counts what was waited for the next packet', () => {
    const paced = startedPacer(1); // the next one is due at 1000
    paced.take(0);
    paced.setRate(100, { now: 500 });
    expect(paced.due).toBeCloseTo(505, 6); // half a distance is left
    paced.take(505);
    expect(paced.due).toBeCloseTo(515, 6);
    paced.setRate(1, { now: 510 });
    expect(paced.due).toBeCloseTo(1010, 6);
  });

  it('never lets more go at once than one burst, whenever it is set', () => {
    const changes = fc.array(
      fc.record({
        after: fc.double({ min: 0.1, max: 40, noNaN: true }),
        packets: fc.double({ min: 1, max: 5000, noNaN: true }),
        burst: fc.integer({ min: 1, max: 8 }),
        pause: fc.boolean(),
      }),
      { minLength: 1, maxLength: 12 },
    );
    fc.assert(
      fc.property(changes, (changes) => {
        const paced = startedPacer({ packets: 500, burst: 1 });
        let now = 0;
        let burst = 1;
        for (const change of changes) {
          const { times, most } = go(paced, now, now + change.after, 0.1);
          // One that asks every 0.1 ms meets one burst, and the packet that 0.1 ms more let come due.
          expect(most).toBeLessThanOrEqual(2 * burst);
          expect(times.length).toBeLessThanOrEqual(5 * change.after + 2 * burst);
          now += change.after;
          if (change.pause) {
            paced.pause(now);
            now += 500;
            paced.resume(now);
          }
          burst = Math.max(burst, change.burst);
          paced.setRate({ packets: change.packets, burst: change.burst }, { now });
        }
      }),
      { numRuns: 40 },
    );
  });

  it('makes up only for what the new rate would', () => {
    const paced = startedPacer({ packets: 100_000, burst: 1 });
    paced.take(0);
    paced.setRate(10, { now: 90 }); // 9000 are due
    expect(paced.take(90)).toBe(1);
    expect(paced.take(95)).toBe(0);
    expect(paced.report().lost).toBeGreaterThan(8990);
  });

  it('wakes who waits', async () => {
    const paced = new Pacer(0.001);
    paced.take();
    const waiting = paced.wait();
    paced.setRate(10_000);
    await waiting;
    expect(paced.take()).toBeGreaterThan(0);
  });

  it('tells what was asked for as a mean', () => {
    const paced = startedPacer(100);
    go(paced, 0, 999.9);
    paced.setRate(300, { now: 1000 });
    go(paced, 1000, 2000);
    expect(paced.report(2000).asked).toBeCloseTo(200, 0);
    expect(Math.abs(paced.report(2000).error)).toBeLessThan(0.01);
  });

  it('takes other bytes for a rate in bits', () => {
    const paced = startedPacer({ bits: 8000 }, { bytes: 100 });
    expect(paced.report().asked).toBe(10);
    paced.setRate({ bits: 8000 }, { bytes: 10, now: 0 });
    go(paced, 0, 1000, 1);
    expect(paced.report(1000).achieved).toBeCloseTo(100, -1);
  });

  it('is refused what is no rate, and stays as it was', () => {
    const paced = startedPacer(1000);
    for (const rate of [
      0,
      -1,
      '5',
      { packets: 5, arrivals: 'odd' },
      { packets: 5, repeat: true },
    ]) {
      expect(() => paced.setRate(rate as Rate, { now: 1 })).toThrow(
        expect.objectContaining({ code: expect.stringMatching(/^ERR_ZEROSEND_/) }),
      );
    }
    expect(paced.due).toBe(0);
    expect(paced.take(1)).toBe(2);
  });
});

describe('a rate that changes', () => {
  it('rises in a straight line: packets are due as the area below it says', () => {
    const paced = startedPacer({
      packets: [{ from: 0, to: 1000, seconds: 1 }],
      burst: 1,
      catchUp: 1e6,
    });
    // 500 t² packets after t seconds.
    let taken = 0;
    for (const seconds of [0.1, 0.25, 0.5, 0.75, 1]) {
      taken += paced.take(seconds * 1000);
      expect(taken).toBe(Math.floor(500 * seconds ** 2 + 1e-9) + 1);
    }
    // And goes on as it ends.
    paced.take(1000);
    expect(go(paced, 1000.05, 1100).times.length).toBeCloseTo(100, -1);
  });

  it('goes by steps and rests, and begins anew', () => {
    const paced = startedPacer({
      packets: [
        { to: 1000, seconds: 0.05 },
        { to: 0, seconds: 0.05 },
      ],
      repeat: true,
      burst: 1,
    });
    const { times } = go(paced, 0, 999.9, 0.1);
    expect(times.length).toBeGreaterThanOrEqual(495);
    expect(times.length).toBeLessThanOrEqual(505);
    // It rests in the second half of each 100 ms, but for the packet on the edge.
    const resting = times.filter((time) => time % 100 > 51);
    expect(resting).toEqual([]);
  });

  it('goes on behind a rest, asked at the very time at which it said that it is due', () => {
    const paced = startedPacer({
      packets: [
        { to: 100, seconds: 1 },
        { to: 0, seconds: 5 },
        { to: 100, seconds: 1 },
      ],
    });
    const goOn = () => {
      const times: number[] = [];
      for (let asked = 0; asked < 300 && paced.due < 7000; asked++) {
        const now = paced.due;
        if (paced.take(now) > 0) times.push(now);
      }
      return times;
    };
    // It once asked for ever, and only this ends such a loop.
    const times: number[] = runInNewContext('goOn()', { goOn }, { timeout: 10_000 });
    expect(times).toHaveLength(200);
    expect(times.filter((time) => time > 1001 && time < 6000)).toEqual([]);
  });

  it('is not asked of a function for ever that says 0', () => {
    const warp = new Warp(checkFrameRate({ packets: (s: number) => (s < 1 ? 100 : 0) }, 1));
    const times = () => [50, 150].map((mark) => warp.timeOf(mark, 3000));
    const [due, later] = runInNewContext('times()', { times }, { timeout: 10_000 });
    expect(due).toBeCloseTo(500, 6);
    expect(later).toBeGreaterThan(3000); // when to ask again
    expect(later).toBeLessThan(5000);
    const never = () => warp.timeOf(150);
    expect(runInNewContext('never()', { never }, { timeout: 20_000 })).toBe(Infinity);
  });

  it('is a function of time', () => {
    const paced = startedPacer({
      packets: (s) => 1000 + 500 * Math.sin(2 * Math.PI * s),
      burst: 1,
    });
    const { times } = go(paced, 0, 999.9, 0.1);
    const inHalf = (from: number) => times.filter((t) => t >= from && t < from + 500).length;
    // The integrals are 500 ± 500/π.
    expect(inHalf(0)).toBeCloseTo(659, -1);
    expect(inHalf(500)).toBeCloseTo(341, -1);
  });

  it('rests for as long as a function says 0, and fails with what it throws', () => {
    const paced = startedPacer({ packets: (s) => (s < 60 ? 0 : 1000) });
    expect(paced.take(1)).toBe(0);
    // It looks ahead for so long, not for ever.
    expect(paced.due).toBeGreaterThan(1);
    expect(paced.due).toBeLessThan(60_000);
    // Between two questions it is straight: from 59.99 s on it rises.
    for (let now = paced.due; now < 59_990; now = paced.due) expect(paced.take(now)).toBe(0);
    expect(paced.due).toBe(59_990);
    expect(paced.take(60_010)).toBe(16);
    const failing = new Pacer({
      packets(s) {
        if (s > 1) throw new Error('of the user');
        return 10;
      },
    });
    failing.start(0);
    expect(() => failing.take(5000)).toThrow('of the user');
  });

  it('leaves packets by chance, as a Poisson process, the same for the same seed', () => {
    const rate = (seed: number): Rate => ({ packets: 1000, arrivals: 'poisson', seed, burst: 1 });
    const { times } = go(startedPacer(rate(1)), 0, 20_000, 0.01);
    const distances = gaps(times);
    const mean = distances.reduce((a, b) => a + b) / distances.length;
    const variance = distances.reduce((a, b) => a + (b - mean) ** 2, 0) / distances.length;
    expect(mean).toBeGreaterThan(0.97);
    expect(mean).toBeLessThan(1.03);
    // Of exponential distances the deviation is the mean.
    expect(Math.sqrt(variance) / mean).toBeGreaterThan(0.95);
    expect(Math.sqrt(variance) / mean).toBeLessThan(1.05);
    expect(go(startedPacer(rate(1)), 0, 100).times).toEqual(
      go(startedPacer(rate(1)), 0, 100).times,
    );
    expect(go(startedPacer(rate(1)), 0, 100).times).not.toEqual(
      go(startedPacer(rate(2)), 0, 100).times,
    );
  });

  it('is kept by several together', () => {
    for (const rate of [
      { packets: [{ from: 0, to: 3000, seconds: 1 }], burst: 2 },
      { packets: 1500, arrivals: 'poisson' },
    ] as Rate[]) {
      const all = [0, 1, 2].map((index) => startedPacer(rate, { index, of: 3 }));
      const counts = all.map((one) => go(one, 0, 1000).times.length);
      for (const count of counts) {
        expect(count).toBeGreaterThan(400);
        expect(count).toBeLessThan(600);
      }
    }
  });

  it('is by chance for each of several, also when it is set later', () => {
    const rate: Rate = { packets: 1500, arrivals: 'poisson', seed: 3 };
    const [one, other] = [0, 1].map((index) => {
      const paced = startedPacer(1000, { index, of: 2 });
      paced.setRate(rate, { now: 0.5 });
      const dues = Array.from({ length: 10 }, () => {
        const { due } = paced;
        paced.take(due, 1);
        return due;
      });
      return gaps(dues.slice(1)).map((gap) => gap.toFixed(6));
    });
    expect(one).not.toEqual(other);
  });

  it('keeps due what has arrived by chance, when it is paused or set', () => {
    const rate: Rate = { packets: 1, arrivals: 'poisson', burst: 10 };
    const paced = startedPacer(rate);
    const { due } = paced;
    expect(paced.take(due, 4)).toBe(4);
    paced.setRate(rate, { now: due });
    expect(paced.take(due)).toBe(6);
    const late = startedPacer({ packets: 1000, arrivals: 'poisson', burst: 1 });
    late.pause(100);
    late.resume(200);
    expect(late.due).toBe(200);
    expect(late.take(200)).toBe(1);
    expect(late.take(200)).toBe(0);
  });

  it('begins when it is to begin, also when it is set or paused before', () => {
    const paced = new Pacer(1000);
    paced.start(10_000);
    paced.setRate(2000, { now: 0 });
    expect(paced.due).toBe(10_000);
    paced.pause(100);
    paced.resume(5000);
    expect(paced.due).toBe(10_000);
    paced.pause(5000);
    paced.setRate(500, { now: 6000 });
    paced.resume(10_003);
    expect(paced.due).toBe(10_003);
    expect(paced.take(10_003)).toBe(1);
    expect(paced.due).toBe(10_005);
    expect(paced.report()).toMatchObject({ asked: 500, lost: 0 });
  });

  it('keeps a ramp exactly, however it is asked', () => {
    const arbitrary = fc.record({
      from: fc.integer({ min: 0, max: 5000 }),
      to: fc.integer({ min: 1, max: 5000 }),
      seconds: fc.double({ min: 0.01, max: 2, noNaN: true }),
      steps: fc.array(fc.double({ min: 0.01, max: 50, noNaN: true }), { maxLength: 80 }),
    });
    fc.assert(
      fc.property(arbitrary, ({ from, to, seconds, steps }) => {
        const packets = [{ from, to, seconds }];
        const paced = startedPacer({ packets, burst: 1, catchUp: 1e9 });
        let now = 0;
        let taken = 0;
        for (const step of steps) {
          now += step;
          taken += paced.take(now);
          const t = Math.min(now / 1000, seconds);
          const area = t * (from + ((to - from) * t) / (2 * seconds));
          const due = area + Math.max(0, now / 1000 - seconds) * to;
          // Catching up is bounded by the rate of the moment, which may be 0.
          if (from > 0) expect(Math.abs(taken - Math.floor(due) - 1)).toBeLessThanOrEqual(1);
        }
      }),
    );
  });

  it.each<[string, unknown]>([
    ['no pieces', { packets: [] }],
    ['a piece without an end', { packets: [{ seconds: 1 }] }],
    ['a piece without a length', { packets: [{ to: 1 }] }],
    ['a length of 0', { packets: [{ to: 1, seconds: 0 }] }],
    ['less than nothing', { packets: [{ to: -1, seconds: 1 }] }],
    ['nothing but rests', { packets: [{ to: 0, seconds: 1 }] }],
    ['a misspelt key', { packets: [{ to: 1, second: 1 }] }],
    ['a function that says NaN', { packets: () => Number.NaN }],
    ['a repeat of one that stays', { packets: 1, repeat: true }],
    ['a seed of a half', { packets: 1, arrivals: 'poisson', seed: 0.5 }],
  ])('is not %s', (_, rate) => {
    expect(() => new Pacer(rate as Rate)).toThrow(
      expect.objectContaining({ code: expect.stringMatching(/^ERR_ZEROSEND_/) }),
    );
  });
});
