import { lowerHalf, type Source, upperHalf } from './sources.js';

const TWO_32 = 0x1_0000_0000;

/** The widest range, in steps of 1, whose values are chosen by 53 random bits, which a number holds. Wider ones take 64. */
const WIDEST_SHARE = 2n ** 53n;

/** Values below this need one half only. */
const WIDEST_NARROW = 2n ** 32n;

/** Its product with 32 bits is a number without rounding. */
const WIDEST_EXACT = 2n ** 21n;

/**
 * Random values: a hash of seed and packet number. A worker gets those of its own packets without
 * making the ones between.
 */
export class RandomSource implements Source {
  readonly #seed: number;
  readonly #min: bigint;
  readonly #range: bigint;
  readonly #step: bigint;
  // The same as numbers, which cost less than to make them for each batch.
  readonly #minHigh: number;
  readonly #minLow: number;
  readonly #rangeNumber: number;
  readonly #stepNumber: number;
  readonly #kind: 'exact' | 'narrow' | 'wide' | 'widest';
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
    this.#minHigh = upperHalf(min);
    this.#minLow = lowerHalf(min);
    this.#rangeNumber = Number(range);
    this.#stepNumber = Number(step);
    if (min + range * step <= WIDEST_NARROW)
      this.#kind = range <= WIDEST_EXACT ? 'exact' : 'narrow';
    else this.#kind = range * step > WIDEST_SHARE ? 'widest' : 'wide';
  }

  seek(k: number, stride: number): void {
    this.#kLow = k % TWO_32;
    this.#kHigh = Math.floor(k / TWO_32);
    this.#stride = stride;
  }

  fill(high: Uint32Array, low: Uint32Array, count: number): void {
    // Up to the next 2^32 packets the upper half of their numbers is the same.
    for (let done = 0; done < count; ) {
      const some = Math.min(count - done, Math.ceil((TWO_32 - this.#kLow) / this.#stride));
      this.#fillSome(high, low, done, done + some);
      done += some;
      this.#kLow += some * this.#stride;
      for (; this.#kLow >= TWO_32; this.#kLow -= TWO_32) this.#kHigh++;
    }
  }

  #fillSome(high: Uint32Array, low: Uint32Array, from: number, to: number): void {
    const salt = mix(this.#seed + this.#kHigh);
    if (this.#kind === 'exact' || this.#kind === 'narrow') {
      high.fill(0, from, to);
      if (this.#kind === 'exact') this.#fillExact(low, from, to, salt);
      else this.#fillNarrow(low, from, to, salt);
    } else {
      this.#fillWide(high, low, from, to, salt);
    }
  }

  /**
   * Of a narrow range, the first 32 random bits nearly always tell the value: only where the other bits could
   * bring it to the next one are they made.
   */
  #fillExact(low: Uint32Array, from: number, to: number, salt: number): void {
    const range = this.#rangeNumber;
    const step = this.#stepNumber;
    const min = this.#minLow;
    const sure = TWO_32 - range;
    const stride = this.#stride | 0;
    let k = this.#kLow | 0;
    for (let i = from; i < to; i++) {
      const first = mix(Math.imul(k, 0x9e37_79b9) ^ salt);
      const scaled = (first >>> 0) * range;
      let value = Math.floor(scaled / TWO_32);
      if (scaled - value * TWO_32 >= sure) value = Math.floor(shareOf(first, salt) * range);
      low[i] = min + value * step;
      k = (k + stride) | 0;
    }
  }

  #fillNarrow(low: Uint32Array, from: number, to: number, salt: number): void {
    const range = this.#rangeNumber;
    const step = this.#stepNumber;
    const min = this.#minLow;
    const stride = this.#stride | 0;
    let k = this.#kLow | 0;
    for (let i = from; i < to; i++) {
      const first = mix(Math.imul(k, 0x9e37_79b9) ^ salt);
      low[i] = min + Math.floor(shareOf(first, salt) * range) * step;
      k = (k + stride) | 0;
    }
  }

  #fillWide(high: Uint32Array, low: Uint32Array, from: number, to: number, salt: number): void {
    const widest = this.#kind === 'widest';
    const range = this.#rangeNumber;
    const step = this.#stepNumber;
    const minHigh = this.#minHigh;
    const minLow = this.#minLow;
    const stride = this.#stride | 0;
    let k = this.#kLow | 0;
    for (let i = from; i < to; i++) {
      const first = mix(Math.imul(k, 0x9e37_79b9) ^ salt);
      if (widest) {
        this.#scale(high, low, i, first >>> 0, mix(first ^ salt) >>> 0);
      } else {
        // In a range that is no power of two, values differ in frequency by less than range / 2^53.
        const above = Math.floor(shareOf(first, salt) * range) * step;
        const sum = minLow + (above >>> 0);
        low[i] = sum;
        high[i] = minHigh + Math.floor(above / TWO_32) + (sum < TWO_32 ? 0 : 1);
      }
      k = (k + stride) | 0;
    }
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

/** A share of 53 random bits, of which the upper 32 are there. */
function shareOf(first: number, salt: number): number {
  return (first >>> 0) / TWO_32 + (mix(first ^ salt) >>> 11) / 0x20_0000_0000_0000;
}

/** The finalizer of MurmurHash3: every bit of the result depends on every bit of the value. */
function mix(value: number): number {
  let h = value;
  h = Math.imul(h ^ (h >>> 16), 0x85eb_ca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2_ae35);
  return h ^ (h >>> 16);
}
