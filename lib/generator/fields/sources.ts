import { clock, monotonic, timeOrigin } from '../../base/timers.js';

/** Makes the values of a field: numbers of up to 64 bits, each in two halves. */
export interface Source {
  /** Goes to packet `k`. From there on, `fill` makes the value of every `stride`-th packet. */
  seek(k: number, stride: number): void;
  fill(high: Uint32Array, low: Uint32Array, count: number): void;
}

const TWO_32 = 0x1_0000_0000;

const lowerHalf = (value: bigint) => Number(value & 0xffff_ffffn);
const upperHalf = (value: bigint) => lowerHalf(value >> 32n);

/**
 * Counts: packet k has `start + step * (k mod count)`, or with a count of 0 `start + step * k`, in either
 * case modulo `modulus`.
 */
export class CounterSource implements Source {
  readonly #start: bigint;
  readonly #step: bigint;
  readonly #count: number;
  /** which bits of each half the field has */
  readonly #highMask: number;
  readonly #lowMask: number;
  /** `k mod count`, and how far that advances from one packet to the next */
  #position = 0;
  #stride = 0;
  /**
   * the value modulo 2^64; what is added to it for the next packet; and what is added instead where
   * `k mod count` begins anew
   */
  #high = 0;
  #low = 0;
  #forwardHigh = 0;
  #forwardLow = 0;
  #backHigh = 0;
  #backLow = 0;

  /** @param modulus 2^n where the field has n bits, up to 64 */
  constructor(start: number | bigint, step: number, count: number, modulus: number | bigint) {
    this.#start = BigInt(start);
    this.#step = BigInt(step);
    this.#count = count;
    const mask = BigInt(modulus) - 1n;
    this.#highMask = upperHalf(mask);
    this.#lowMask = lowerHalf(mask);
  }

  seek(k: number, stride: number): void {
    const count = this.#count;
    this.#position = count > 0 ? k % count : 0;
    this.#stride = count > 0 ? stride % count : 0;
    const value = this.#start + this.#step * BigInt(count > 0 ? this.#position : k);
    const forward = this.#step * BigInt(count > 0 ? this.#stride : stride);
    const back = forward - this.#step * BigInt(count);
    this.#high = upperHalf(value);
    this.#low = lowerHalf(value);
    this.#forwardHigh = upperHalf(forward);
    this.#forwardLow = lowerHalf(forward);
    this.#backHigh = upperHalf(back);
    this.#backLow = lowerHalf(back);
  }

  fill(high: Uint32Array, low: Uint32Array, count: number): void {
    if (this.#count === 0 && this.#highMask === 0) this.#fillWrapping(high, low, count);
    else this.#fill(high, low, count);
  }

  /** Fills a field of at most 32 bits that counts without end. V8 keeps such sums in integer registers. */
  #fillWrapping(high: Uint32Array, low: Uint32Array, count: number): void {
    const forward = this.#forwardLow | 0;
    const mask = this.#lowMask | 0;
    let value = this.#low | 0;
    for (let i = 0; i < count; i++) {
      low[i] = value & mask;
      value = (value + forward) | 0;
    }
    high.fill(0, 0, count);
    this.#low = value >>> 0;
  }

  #fill(high: Uint32Array, low: Uint32Array, count: number): void {
    const stride = this.#stride;
    const room = this.#count === 0 ? Number.POSITIVE_INFINITY : this.#count - stride;
    const lowMask = this.#lowMask | 0;
    const highMask = this.#highMask | 0;
    const forwardHigh = this.#forwardHigh | 0;
    const forwardLow = this.#forwardLow | 0;
    const backHigh = this.#backHigh | 0;
    const backLow = this.#backLow | 0;
    let position = this.#position;
    let upper = this.#high | 0;
    let lower = this.#low | 0;
    for (let i = 0; i < count; i++) {
      low[i] = lower & lowMask;
      high[i] = upper & highMask;
      const starts = position >= room;
      position = starts ? position - room : position + stride;
      const before = lower;
      lower = (lower + (starts ? backLow : forwardLow)) | 0;
      // Where an unsigned sum is less than what it began from, there was a carry.
      const carry = lower >>> 0 < before >>> 0 ? 1 : 0;
      upper = (upper + (starts ? backHigh : forwardHigh) + carry) | 0;
    }
    this.#position = position;
    this.#high = upper >>> 0;
    this.#low = lower >>> 0;
  }
}

/** The widest range whose values are chosen by 53 random bits, which a number holds. Wider ones take 64. */
const WIDEST_SHARE = 2n ** 53n;

/**
 * Random values: a hash of seed and packet number. A worker gets those of its own packets without
 * making the ones between.
 */
export class RandomSource implements Source {
  readonly #seed: number;
  readonly #min: bigint;
  readonly #range: bigint;
  #kLow = 0;
  #kHigh = 0;
  #stride = 1;

  /** @param range how many values there are, up to 2^64 */
  constructor(seed: number, min: bigint, range: bigint) {
    this.#seed = mix(seed ^ 0x6a09_e667);
    this.#min = min;
    this.#range = range;
  }

  seek(k: number, stride: number): void {
    this.#kLow = k % TWO_32;
    this.#kHigh = Math.floor(k / TWO_32);
    this.#stride = stride;
  }

  fill(high: Uint32Array, low: Uint32Array, count: number): void {
    const wide = this.#range > WIDEST_SHARE;
    const minHigh = upperHalf(this.#min);
    const minLow = lowerHalf(this.#min);
    const range = Number(this.#range);
    const stride = this.#stride;
    let k = this.#kLow;
    let salt = mix(this.#seed + this.#kHigh);
    for (let i = 0; i < count; i++) {
      const first = mix(Math.imul(k, 0x9e37_79b9) ^ salt);
      const second = mix(first ^ salt);
      if (wide) {
        this.#scale(high, low, i, first >>> 0, second >>> 0);
      } else {
        // In a range that is no power of two, values differ in frequency by less than range / 2^53.
        const share = (first >>> 0) / TWO_32 + (second >>> 11) / 0x20_0000_0000_0000;
        const above = Math.floor(share * range);
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
    const value = this.#min + ((bits * this.#range) >> 64n);
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

/** Takes the values of a list one after the other, and begins anew at its end. */
export class ListSource implements Source {
  readonly #high: Uint32Array;
  readonly #low: Uint32Array;
  #at = 0;
  #stride = 0;

  constructor(values: readonly { high: number; low: number }[]) {
    this.#high = Uint32Array.from(values, ({ high }) => high);
    this.#low = Uint32Array.from(values, ({ low }) => low);
  }

  seek(k: number, stride: number): void {
    this.#at = k % this.#low.length;
    this.#stride = stride % this.#low.length;
  }

  fill(high: Uint32Array, low: Uint32Array, count: number): void {
    const length = this.#low.length;
    let at = this.#at;
    for (let i = 0; i < count; i++) {
      low[i] = this.#low[at] as number;
      high[i] = this.#high[at] as number;
      at += this.#stride;
      if (at >= length) at -= length;
    }
    this.#at = at;
  }
}

/** Writes the time at which packets are made. Those that are made by one call of `fill` have the same. */
export class TimeSource implements Source {
  readonly #baseHigh: number;
  readonly #baseLow: number;
  readonly #perMillisecond: number;

  constructor(unit: 'ns' | 'us' | 'ms', origin: 'unix' | 'monotonic') {
    this.#perMillisecond = { ns: 1e6, us: 1e3, ms: 1 }[unit];
    const nanoseconds =
      origin === 'unix'
        ? BigInt(Math.round(timeOrigin * 1e6))
        : monotonic() - BigInt(Math.round(clock() * 1e6));
    const base = nanoseconds / BigInt(1e6 / this.#perMillisecond);
    this.#baseHigh = Number(base >> 32n);
    this.#baseLow = Number(base & 0xffff_ffffn);
  }

  seek(): void {}

  fill(high: Uint32Array, low: Uint32Array, count: number): void {
    const sum = this.#baseLow + Math.floor(clock() * this.#perMillisecond);
    low.fill(sum % TWO_32, 0, count);
    high.fill(this.#baseHigh + Math.floor(sum / TWO_32), 0, count);
  }
}
