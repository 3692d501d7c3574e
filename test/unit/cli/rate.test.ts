import { describe, expect, it } from 'vitest';
import { UsageError } from '../../../lib/cli/base/options.js';
import { perSecond, readBursts, readRate } from '../../../lib/cli/base/rate.js';
import { checkRate } from '../../../lib/generator/pace/rate.js';

const piece = (from: number, to: number, seconds: number) => ({ from, to, seconds });

describe('a rate on the command line', () => {
  it.each<[string, object]>([
    ['1000', { packets: 1000 }],
    ['250k', { packets: 250_000 }],
    ['1.5M', { packets: 1.5e6 }],
    ['.5', { packets: 0.5 }],
    ['1000/s', { packets: 1000 }],
    ['100Mbit', { bits: 1e8 }],
    ['2.5Gbit/s', { bits: 2.5e9 }],
    ['1k..100k/30s', { packets: [piece(1000, 100_000, 30)] }],
    ['10Mbit..1Gbit/500ms', { bits: [piece(1e7, 1e9, 0.5)] }],
    ['9k..0/2m', { packets: [piece(9000, 0, 120)] }],
    ['0/1s,8kbit', { bits: [piece(0, 0, 1), piece(8000, 8000, 1)] }],
    ['1k/s..2k/s/3', { packets: [piece(1000, 2000, 3)] }],
    ['1k/10s', { packets: [piece(1000, 1000, 10)] }],
    ['1k/10s,0/1s,50k', { packets: [piece(1e3, 1e3, 10), piece(0, 0, 1), piece(5e4, 5e4, 1)] }],
    ['1k/1s,1k..9k/2s,repeat', { packets: [piece(1e3, 1e3, 1), piece(1e3, 9e3, 2)], repeat: true }],
  ])('%s', (text, rate) => {
    expect(readRate(text)).toEqual(rate);
    // It is what the generator takes.
    expect(() => checkRate('rate', readRate(text), 100)).not.toThrow();
  });

  it('goes up and down in the shape of a sine, from its lowest on, with the right mean', () => {
    const rate = readRate('sine:1k..9k/60s') as {
      packets: ReturnType<typeof piece>[];
      repeat: true;
    };
    expect(rate.repeat).toBe(true);
    const { packets } = rate;
    expect(packets.reduce((sum, { seconds }) => sum + seconds, 0)).toBeCloseTo(60);
    const area = packets.reduce(
      (sum, { from, to, seconds }) => sum + ((from + to) / 2) * seconds,
      0,
    );
    expect(area).toBeCloseTo(60 * 5000);
    expect(packets[0]?.from).toBeCloseTo(1000);
    expect(packets[packets.length / 2]?.from).toBeCloseTo(9000);
    expect(packets[packets.length / 4]?.from).toBeCloseTo(5000);
    for (const [i, { from }] of packets.entries()) expect(from).toBe(packets.at(i - 1)?.to); // round and round without a step
  });

  it.each([
    ...['', 'fast', '0', '-5', '1e3', '10Kbits', '1k..', '..5/1s', '1..2..3/1s', '1k,,2k/1s'],
    ...['1k..2k', '1k,2k', '1k/10s,2k,repeat', '1k/0s', '1k/10x', 'repeat', '1k..9Mbit/3s'],
    ...['1k/1s,9Mbit', 'sine:1k', 'sine:1k..2k', 'sine:1k..2Mbit/3s'],
  ])('refuses %j', (text) => {
    expect(() => readRate(text)).toThrow(UsageError);
  });

  it.each<[string, object]>([
    ['250/50ms', { packets: 5000, burst: 250 }],
    ['1/2', { packets: 0.5, burst: 1 }],
  ])('in bursts: %s', (text, rate) => {
    expect(readBursts(text)).toEqual(rate);
  });

  it.each(['250', '0/1s', '70000/1s', '5/', '5/0s', 'x/1s', '1.5/1s'])(
    'refuses bursts of %j',
    (text) => {
      expect(() => readBursts(text)).toThrow(UsageError);
    },
  );

  it('is shown by its unit, or by its ends where it changes', () => {
    expect(perSecond(undefined)).toBeNull();
    expect(perSecond(readRate('5k'))).toEqual({ packetsPerSecond: 5000 });
    expect(perSecond(readRate('5kbit'))).toEqual({ bitsPerSecond: 5000 });
    expect(perSecond(readRate('1k..5k/1s'))).toEqual({ changes: '1000 to 5000 packets/s' });
    expect(perSecond(readRate('sine:0..5Mbit/1s'))).toEqual({
      changes: '0 to 5000000 bit/s, again and again',
    });
  });
});
