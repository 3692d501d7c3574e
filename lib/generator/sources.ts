/**
 * Where a field's values come from: numbers of up to 64 bits, in two halves. `fill` writes the
 * values of the next packets and goes on to the ones after them.
 */
export interface Source {
  /** Goes to packet `k`; from there every `stride`-th is taken. */
  seek(k: number, stride: number): void;
  fill(high: Uint32Array, low: Uint32Array, count: number): void;
}

const TWO_32 = 0x1_0000_0000;

/** `start + step * (k mod count)`; with count 0, `(start + step * k) mod modulus`. */
export class CounterSource implements Source {
  readonly #start: number;
  readonly #step: number;
  readonly #count: number;
  readonly #modulus: number;
  /** k mod count, or the value itself when it wraps with the field */
  #position = 0;
  #advance = 0;
  #period = 0;

  constructor(start: number, step: number, count: number, modulus: number) {
    this.#start = start;
    this.#step = step;
    this.#count = count;
    this.#modulus = modulus;
  }

  seek(k: number, stride: number): void {
    const counted = this.#count > 0;
    const period = BigInt(counted ? this.#count : this.#modulus);
    const mod = (value: bigint) => Number(((value % period) + period) % period);
    const step = counted ? 1n : BigInt(this.#step);
    this.#position = mod((counted ? 0n : BigInt(this.#start)) + step * BigInt(k));
    this.#advance = mod(step * BigInt(stride));
    this.#period = Number(period);
  }

  fill(high: Uint32Array, low: Uint32Array, count: number): void {
    if (this.#count === 0 && this.#modulus === TWO_32) this.#fillWrapping(high, low, count);
    else this.#fill(high, low, count);
  }

  /** What wraps at 2^32 is counted in integers. */
  #fillWrapping(high: Uint32Array, low: Uint32Array, count: number): void {
    const advance = this.#advance | 0;
    let position = this.#position | 0;
    for (let i = 0; i < count; i++) {
      low[i] = position;
      position = (position + advance) | 0;
    }
    high.fill(0, 0, count);
    this.#position = position >>> 0;
  }

  #fill(high: Uint32Array, low: Uint32Array, count: number): void {
    const start = this.#count > 0 ? this.#start : 0;
    const step = this.#count > 0 ? this.#step : 1;
    const advance = this.#advance;
    const room = this.#period - advance;
    let position = this.#position;
    for (let i = 0; i < count; i++) {
      const value = start + step * position;
      low[i] = value;
      high[i] = value < TWO_32 ? 0 : value / TWO_32;
      // Not position + advance first: above 2^53 that would be rounded.
      position = position >= room ? position - room : position + advance;
    }
    this.#position = position;
  }
}

/** Values by a hash of seed and packet number, so that each worker can take its own at once. */
export class RandomSource implements Source {
  readonly #seed: number;
  readonly #min: number;
  readonly #range: number;
  #kLow = 0;
  #kHigh = 0;
  #stride = 1;

  constructor(seed: number, min: number, range: number) {
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
    const min = this.#min;
    const range = this.#range;
    const stride = this.#stride;
    let k = this.#kLow;
    let salt = mix(this.#seed + this.#kHigh);
    for (let i = 0; i < count; i++) {
      const first = mix(Math.imul(k, 0x9e37_79b9) ^ salt);
      const second = mix(first ^ salt) >>> 11;
      // 53 bits: a range that is no power of two is hit unevenly by less than range / 2^53.
      const share = (first >>> 0) / TWO_32 + second / 0x20_0000_0000_0000;
      const value = min + Math.floor(share * range);
      low[i] = value;
      high[i] = value < TWO_32 ? 0 : value / TWO_32;
      k += stride;
      if (k >= TWO_32) {
        k -= TWO_32;
        salt = mix(this.#seed + ++this.#kHigh);
      }
    }
    this.#kLow = k;
  }
}

/** The finalizer of MurmurHash3: every bit of the result depends on every bit of the value. */
function mix(value: number): number {
  let h = value;
  h = Math.imul(h ^ (h >>> 16), 0x85eb_ca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2_ae35);
  return h ^ (h >>> 16);
}

/** A list, round and round. */
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

/** The time now, the same for all packets that are made at once. */
export class TimeSource implements Source {
  readonly #baseHigh: number;
  readonly #baseLow: number;
  readonly #perMillisecond: number;

  constructor(unit: 'ns' | 'us' | 'ms', clock: 'unix' | 'monotonic') {
    this.#perMillisecond = { ns: 1e6, us: 1e3, ms: 1 }[unit];
    const nanoseconds =
      clock === 'unix'
        ? BigInt(Math.round(performance.timeOrigin * 1e6))
        : process.hrtime.bigint() - BigInt(Math.round(performance.now() * 1e6));
    const base = nanoseconds / BigInt(1e6 / this.#perMillisecond);
    this.#baseHigh = Number(base >> 32n);
    this.#baseLow = Number(base & 0xffff_ffffn);
  }

  seek(): void {}

  fill(high: Uint32Array, low: Uint32Array, count: number): void {
    const sum = this.#baseLow + Math.floor(performance.now() * this.#perMillisecond);
    low.fill(sum % TWO_32, 0, count);
    high.fill(this.#baseHigh + Math.floor(sum / TWO_32), 0, count);
  }
}
