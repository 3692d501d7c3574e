// The values of a seed are a promise: two versions of the library send the same packets.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { RandomSource } from '../../../lib/generator/fields/random-source.js';

function mix(value: number): number {
  let h = value;
  h = Math.imul(h ^ (h >>> 16), 0x85eb_ca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2_ae35);
  return h ^ (h >>> 16);
}

/** The value of packet k, of 53 random bits: of 64 where the range needs them. */
function valueAt(seed: number, k: number, min: bigint, range: bigint, step: bigint): bigint {
  const salt = mix(mix(seed ^ 0x6a09_e667) + Math.floor(k / 2 ** 32));
  const first = mix(Math.imul(k % 2 ** 32, 0x9e37_79b9) ^ salt);
  const second = mix(first ^ salt);
  const share = (first >>> 0) / 2 ** 32 + (second >>> 11) / 2 ** 53;
  const bits = (BigInt(first >>> 0) << 32n) | BigInt(second >>> 0);
  const wide = min + range * step > 2n ** 32n && range * step > 2n ** 53n;
  const chosen = wide ? (bits * range) >> 64n : BigInt(Math.floor(share * Number(range)));
  return (min + chosen * step) % 2n ** 64n;
}

const asked = fc.record({
  seed: fc.nat(2 ** 31 - 1),
  range: fc.oneof(
    fc.bigInt(1n, 5000n),
    fc.bigInt(2n ** 20n, 2n ** 21n + 9n), // where the first 32 bits no longer tell all
    fc.bigInt(2n ** 31n, 2n ** 33n),
    fc.bigInt(2n ** 50n, 2n ** 60n),
  ),
  min: fc.bigInt(0n, 1000n),
  step: fc.bigInt(1n, 3n),
  first: fc.oneof(
    fc.nat(1000),
    fc.constant(2 ** 32 - 90),
    fc.integer({ min: 2 ** 33, max: 2 ** 50 }),
  ),
  stride: fc.oneof(fc.constant(1), fc.integer({ min: 1, max: 9 }), fc.constant(2 ** 32)),
});

describe('random values', () => {
  it('are those of their seed and their number, however many are made at once', () => {
    const [high, low] = [new Uint32Array(200), new Uint32Array(200)];
    fc.assert(
      fc.property(asked, ({ seed, range, min, step, first, stride }) => {
        const source = new RandomSource(seed, min, range, step);
        source.seek(first, stride);
        let k = first;
        for (const count of [1, 200, 64]) {
          source.fill(high, low, count);
          for (let i = 0; i < count; i++, k += stride) {
            const value = (BigInt(high[i] as number) << 32n) | BigInt(low[i] as number);
            if (value !== valueAt(seed, k, min, range, step)) expect([k, value]).toBe('as it was');
          }
        }
      }),
      { numRuns: 300 },
    );
  });

  it('of a range go on to the next one where the last bits say so', () => {
    // One in 4096 is that near to the next value.
    const source = new RandomSource(9, 0n, 2n ** 20n + 7n);
    source.seek(0, 1);
    const [high, low] = [new Uint32Array(60_000), new Uint32Array(60_000)];
    source.fill(high, low, 60_000);
    const wrong = low.findIndex(
      (value, k) => BigInt(value) !== valueAt(9, k, 0n, 2n ** 20n + 7n, 1n),
    );
    expect(wrong).toBe(-1);
  });
});
