import { lowerHalf, type Source, upperHalf } from './sources.js';

const TWO_32 = 0x1_0000_0000;

/** The widest range, in steps of 1, whose values are chosen by 53 random bits, which a number holds. Wider ones take 64. */
const WIDEST_SHARE = 2n ** 53n;

/** Values below this need one half only. */
const WIDEST_NARROW = 2n ** 32n;

/**
 * Random values: a hash of seed and packet number. A worker gets those of its own packets without
 * making the ones between.
 */
export class RandomSource implements Source {
  readonly #seed: number;
  readonly #min: bigint;
  readonly #range: bigint;
  readonly #step: bigint;
  #kLow = 0;
  #kHigh = 0;
  #stride = 1;

  /**
   * @param range how many values there are, up to 2^64
   * @param step from one value to the next
   */
  constructor(seed: number, min: bigint, range: bigint, step = 1n) {
    this.#seed = mix(seed ^ 0x6a09_e667);
    this.#min = min;
    this.#range = range;
    this.#step = step;
  }

  seek(k: number, stride: number): void {
    this.#kLow = k % TWO_32;
    this.#kHigh = Math.floor(k / TWO_32);
    this.#stride = stride;
  }

  fill(high: Uint32Array, low: Uint32Array, count: number): void {
    const wide = this.#range * this.#step > WIDEST_SHARE;
    const step = Number(this.#step);
    const minHigh = upperHalf(this.#min);
    const minLow = lowerHalf(this.#min);
    const range = Number(this.#range);
    const stride = this.#stride;
    const narrow = this.#min + this.#range * this.#step <= WIDEST_NARROW;
    let k = this.#kLow;
    let salt = mix(this.#seed + this.#kHigh);
    for (let i = 0; i < count; i++) {
      const first = mix(Math.imul(k, 0x9e37_79b9) ^ salt);
      const second = mix(first ^ salt);
      if (narrow) {
        const share = (first >>> 0) / TWO_32 + (second >>> 11) / 0x20_0000_0000_0000;
        low[i] = minLow + Math.floor(share * range) * step;
        high[i] = 0;
      } else if (wide) {
        this.#scale(high, low, i, first >>> 0, second >>> 0);
      } else {
        // In a range that is no power of two, values differ in frequency by less than range / 2^53.
        const share = (first >>> 0) / TWO_32 + (second >>> 11) / 0x20_0000_0000_0000;
        const above = Math.floor(share * range) * step;
        const sum = minLow + (above >>> 0);
        low[i] = sum;
        high[i] = minHigh + Math.floor(above / TWO_32) + (sum < TWO_32 ? 0 : 1);
      }
      k += stride;
      if (k >= TWO_32) {
        k -= TWO_32;
        salt = mix(this.#seed + ++this.#kHigh);
      }
    }
    this.#kLow = k;
  }

  /**
   * Chooses a value by 64 random bits: the range is scaled by what they are of 2^64. Values differ in
   * frequency by less than range / 2^64.
   */
  #scale(high: Uint32Array, low: Uint32Array, i: number, upper: number, lower: number): void {
    const bits = (BigInt(upper) << 32n) | BigInt(lower);
    const value = this.#min + ((bits * this.#range) >> 64n) * this.#step;
    low[i] = lowerHalf(value);
    high[i] = upperHalf(value);
  }
}

/** The finalizer of MurmurHash3: every bit of the result depends on every bit of the value. */
function mix(value: number): number {
  let h = value;
  h = Math.imul(h ^ (h >>> 16), 0x85eb_ca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2_ae35);
  return h ^ (h >>> 16);
}
