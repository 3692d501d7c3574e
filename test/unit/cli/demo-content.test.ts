import { describe, expect, it } from 'vitest';
import { PERIOD, RepeatedPattern } from '../../../lib/cli/demo/checks.js';
import { verifyStream } from '../../../rig/index.mjs';

describe('RepeatedPattern, as a stream', () => {
  const pattern = new RepeatedPattern(42);
  // Beginnings around the end of the period, and of the piece that is stored behind it.
  const positions = [0, 1, 65_536, PERIOD - 1, PERIOD, PERIOD + 1, 5 * PERIOD - 7, 2 ** 45 + 3];

  it.each(positions)('finds nothing wrong with what it wrote, at %d', (position) => {
    const bytes = Buffer.alloc(3_000_000, 0xee);
    pattern.fillStream(bytes, 2_500_000, position);
    expect(pattern.wrongInStream(bytes.subarray(0, 2_500_000), position)).toBe(0);
    // In other portions than it was written in, as a stream arrives.
    for (let at = 0, size = 1; at < 2_500_000; at += size, size = (size * 7 + 1) % 70_000) {
      const chunk = bytes.subarray(at, Math.min(at + size, 2_500_000));
      expect(pattern.wrongInStream(chunk, position + at)).toBe(0);
    }
    expect(bytes[2_500_000]).toBe(0xee); // and nothing beyond
  });

  it('counts flipped bytes', () => {
    const bytes = Buffer.alloc(65_536);
    pattern.fillStream(bytes, bytes.length, 123_456);
    for (const at of [0, 1000, 65_535]) bytes[at] = (bytes[at] as number) ^ 1;
    expect(pattern.wrongInStream(bytes, 123_456)).toBe(3);
  });

  it.each([1, 1460, 65_536, 2 ** 20])('tells bytes that are %d off', (shift) => {
    const bytes = Buffer.alloc(4096);
    pattern.fillStream(bytes, bytes.length, 0);
    expect(pattern.wrongInStream(bytes, shift)).toBeGreaterThan(4000);
  });

  it('tells one seed from another', () => {
    const bytes = Buffer.alloc(4096);
    new RepeatedPattern(43).fillStream(bytes, bytes.length, 0);
    expect(pattern.wrongInStream(bytes, 0)).toBeGreaterThan(4000);
  });

  it('is the stream of rig/pattern.mjs, up to its period', () => {
    const bytes = Buffer.alloc(PERIOD);
    pattern.fillStream(bytes, bytes.length, 0);
    expect(verifyStream(bytes, 0, 42)).toBe(-1);
  });
});
