import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { LatencyHistogram } from '../../../lib/base/latency-histogram.js';

const latencies = fc.array(
  fc.oneof(fc.integer({ min: 1, max: 2000 }), fc.integer({ min: 1, max: 2 ** 48 })),
  { minLength: 1, maxLength: 300 },
);

function recorded(values: readonly number[]): LatencyHistogram {
  const histogram = new LatencyHistogram();
  for (const value of values) histogram.record(value, 1);
  return histogram;
}

/** The value that so large a share does not exceed. */
function percentile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.ceil(share * sorted.length) - 1] as number;
}

describe('LatencyHistogram', () => {
  it('has nothing to say of nothing', () => {
    expect(new LatencyHistogram().summary()).toEqual({
      count: 0,
      min: 0,
      mean: 0,
      max: 0,
      p50: 0,
      p99: 0,
    });
  });

  it('keeps percentiles to 1 in 128, and count, sum and ends exactly', () => {
    fc.assert(
      fc.property(latencies, (values) => {
        const { count, min, mean, max, p50, p99 } = recorded(values).summary();
        expect([count, min, max]).toEqual([
          values.length,
          Math.min(...values),
          Math.max(...values),
        ]);
        const sum = values.reduce((a, b) => a + b, 0);
        expect(Math.abs(mean - sum / count)).toBeLessThanOrEqual(sum / count / 1e9);
        for (const [told, share] of [
          [p50, 0.5],
          [p99, 0.99],
        ] as const) {
          const exact = percentile(values, share);
          expect(Math.abs(told - exact)).toBeLessThanOrEqual(Math.max(1, exact / 128));
        }
      }),
    );
  });

  it('counts many at once as it does each, and two histograms as one', () => {
    fc.assert(
      fc.property(latencies, latencies, fc.integer({ min: 1, max: 50 }), (some, others, times) => {
        const each = recorded([...some, ...others.flatMap((v) => new Array(times).fill(v))]);
        const merged = recorded(some);
        const many = new LatencyHistogram();
        for (const value of others) many.record(value, times);
        merged.add(many);
        const { mean, ...rest } = each.summary();
        expect(merged.summary()).toMatchObject(rest);
        expect(Math.abs(merged.summary().mean - mean)).toBeLessThanOrEqual(mean / 1e9);
        expect(merged.upTo()).toEqual(each.upTo());
      }),
    );
  });

  it('counts up to each bound exactly', () => {
    fc.assert(
      fc.property(latencies, (values) => {
        for (const { upTo, count } of recorded(values).upTo()) {
          expect(count).toBe(values.filter((value) => value < upTo).length);
        }
      }),
    );
  });

  it('takes what no clock should tell: nothing, less than nothing, and longer than centuries', () => {
    const histogram = recorded([0, -5, 0.3, 2 ** 60]);
    expect(histogram.summary()).toMatchObject({ count: 4, min: 1, p50: 1, max: 2 ** 60 });
  });
});
