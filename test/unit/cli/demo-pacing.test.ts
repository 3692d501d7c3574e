import { describe, expect, it } from 'vitest';
import { Credit, mixedSizes } from '../../../lib/cli/demo/sending.js';

describe('Credit', () => {
  const never = new AbortController().signal;

  it('allows as much as the window holds, and more as the receiver comes further', async () => {
    const credit = new Credit(100);
    expect(credit.allows(0, 100)).toBe(true);
    expect(credit.allows(1, 100)).toBe(false);
    const news = credit.news(60, never);
    credit.received(10);
    await news;
    expect(credit.allows(10, 100)).toBe(true);
    expect(credit.allows(11, 100)).toBe(false);
    credit.received(5); // old news
    expect(credit.allows(10, 100)).toBe(true);
  });

  it('goes on when what was sent seems lost', async () => {
    const credit = new Credit(100);
    await credit.news(90, never);
    expect(credit.allows(90, 100)).toBe(true);
  });

  it('does not wait once the run is over', async () => {
    const credit = new Credit(100);
    const end = new AbortController();
    const news = credit.news(90, end.signal);
    end.abort();
    await news;
    expect(credit.allows(90, 100)).toBe(false);
    await credit.news(90, end.signal);
    expect(credit.allows(90, 100)).toBe(false);
  });
});

describe('mixedSizes', () => {
  it('reaches from the smallest to the largest, small ones as often as large ones', () => {
    const next = mixedSizes(1, 1, 2 ** 20);
    const sizes = Array.from({ length: 20_000 }, next);
    expect(Math.min(...sizes)).toBe(1);
    expect(Math.max(...sizes)).toBeGreaterThan(2 ** 20 * 0.99);
    expect(Math.max(...sizes)).toBeLessThanOrEqual(2 ** 20);
    const small = sizes.filter((size) => size < 1024).length;
    expect(small / sizes.length).toBeGreaterThan(0.45);
    expect(small / sizes.length).toBeLessThan(0.55);
    expect(sizes.every(Number.isInteger)).toBe(true);
  });

  it('repeats with its seed, and not with another', () => {
    const of = (seed: number) => Array.from({ length: 50 }, mixedSizes(seed, 1, 1e6));
    expect(of(5)).toEqual(of(5));
    expect(of(5)).not.toEqual(of(6));
  });

  it('takes one size for a range', () => {
    const next = mixedSizes(1, 512, 512);
    expect(new Set(Array.from({ length: 100 }, next))).toEqual(new Set([512]));
  });
});
