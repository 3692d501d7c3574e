/** Makes the values of a field: numbers of up to 64 bits, each in two halves. */
export interface Source {
  /** Goes to packet `k`. From there on, `fill` makes the value of every `stride`-th packet. */
  seek(k: number, stride: number): void;
  fill(high: Uint32Array, low: Uint32Array, count: number): void;
}

export const lowerHalf = (value: bigint) => Number(value & 0xffff_ffffn);
export const upperHalf = (value: bigint) => lowerHalf(value >> 32n);

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
  constructor(
    start: number | bigint,
    step: number | bigint,
    count: number,
    modulus: number | bigint,
  ) {
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
      high[i] = 0; // not by `fill`, which costs 25 ns more for a packet by itself
      value = (value + forward) | 0;
    }
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

/** Takes values of a list in turn, and begins anew at its end. */
export class TurnSource implements Source {
  readonly #high: Uint32Array | null;
  readonly #low: Uint32Array;
  #at = 0;
  #stride = 0;

  /** @param high the upper halves; null: nobody needs them */
  constructor(low: Uint32Array, high: Uint32Array | null) {
    this.#low = low;
    this.#high = high;
  }

  seek(k: number, stride: number): void {
    this.#at = k % this.#low.length;
    this.#stride = stride % this.#low.length;
  }

  fill(high: Uint32Array, low: Uint32Array, count: number): void {
    const uppers = this.#high;
    const lowers = this.#low;
    const length = lowers.length;
    const stride = this.#stride;
    let at = this.#at;
    for (let i = 0; i < count; i++) {
      low[i] = lowers[at] as number;
      if (uppers !== null) high[i] = uppers[at] as number;
      at += stride;
      if (at >= length) at -= length;
    }
    this.#at = at;
  }
}

/** Takes values of a list by the numbers that another source makes. */
export class ListSource implements Source {
  readonly #index: Source;
  readonly #high: Uint32Array | null;
  readonly #low: Uint32Array;

  /** @param high the upper halves; null: nobody needs them */
  constructor(index: Source, low: Uint32Array, high: Uint32Array | null) {
    this.#index = index;
    this.#low = low;
    this.#high = high;
  }

  seek(k: number, stride: number): void {
    this.#index.seek(k, stride);
  }

  fill(high: Uint32Array, low: Uint32Array, count: number): void {
    this.#index.fill(high, low, count);
    const uppers = this.#high;
    const lowers = this.#low;
    for (let i = 0; i < count; i++) {
      const at = low[i] as number;
      low[i] = lowers[at] as number;
      if (uppers !== null) high[i] = uppers[at] as number;
    }
  }
}

/** Values that are made at once where one is held for several packets. */
const AHEAD = 256;

/** Holds each value of another source for so many packets: packet k has the value of `floor(k / every)`. */
export class HeldSource implements Source {
  readonly #inner: Source;
  readonly #every: number;
  readonly #high = new Uint32Array(AHEAD);
  readonly #low = new Uint32Array(AHEAD);
  /** `floor(k / every)`, and what is left over; how far both advance from one packet to the next */
  #turn = 0;
  #rest = 0;
  #turns = 0;
  #rests = 0;

  constructor(inner: Source, every: number) {
    this.#inner = inner;
    this.#every = every;
  }

  seek(k: number, stride: number): void {
    const every = this.#every;
    this.#turn = Math.floor(k / every);
    this.#rest = k % every;
    this.#turns = Math.floor(stride / every);
    this.#rests = stride % every;
  }

  fill(high: Uint32Array, low: Uint32Array, count: number): void {
    // Values of all turns from the first to the last, where they are not many more than are needed.
    const near = (this.#turns + 1) * count <= AHEAD;
    if (near) {
      this.#inner.seek(this.#turn, 1);
      this.#inner.fill(this.#high, this.#low, this.#turnsWithin(count - 1) + 1);
    }
    const first = this.#turn;
    for (let i = 0; i < count; i++) {
      if (near) {
        const at = this.#turn - first;
        high[i] = this.#high[at] as number;
        low[i] = this.#low[at] as number;
      } else {
        this.#inner.seek(this.#turn, 1);
        this.#inner.fill(this.#high, this.#low, 1);
        high[i] = this.#high[0] as number;
        low[i] = this.#low[0] as number;
      }
      this.#turn += this.#turns;
      this.#rest += this.#rests;
      if (this.#rest >= this.#every) {
        this.#rest -= this.#every;
        this.#turn++;
      }
    }
  }

  /** How many turns further it is after so many packets. */
  #turnsWithin(packets: number): number {
    return packets * this.#turns + Math.floor((this.#rest + packets * this.#rests) / this.#every);
  }
}
