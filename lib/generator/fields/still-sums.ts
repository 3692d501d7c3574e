import { fold, sumWords } from '../packets/checksum.js';
import { type Checksum, inLength } from '../packets/coverage.js';
import type { Payloads } from './payloads.js';

/**
 * Sums of the bytes that no field changes, over any range at once: the bytes at even and at odd places are summed up
 * to each place.
 */
export class StillSums {
  readonly #bytes: Uint8Array;
  /** made when they are asked for: many a packet has no checksum to write */
  #upTo: { even: Float64Array; odd: Float64Array } | null = null;
  readonly #payloads: Payloads | null;
  /** where the payloads lie */
  readonly #at: number;

  /**
   * @param bytes the longest packet, with 0 in place of what is written into each; without a payload where there
   * are several
   */
  constructor(bytes: Uint8Array, payloads: Payloads | null, at: number) {
    this.#bytes = bytes;
    this.#payloads = payloads;
    this.#at = at;
  }

  /**
   * What of the packets of one shape belongs to a checksum, folded.
   * @param length bytes of the packet
   */
  of(checksum: Checksum, shape: number, length: number): number {
    const { from, to, pseudo, partial } = inLength(checksum, length);
    let sum = pseudo?.sum ?? 0;
    if (pseudo !== null) {
      const { source, destination, bytes } = pseudo;
      sum += this.#sum(source, source + bytes) + this.#sum(destination, destination + bytes);
    }
    if (partial) return fold(sum);
    return fold(sum + this.#sum(from, to) + this.#payload(shape, from, to));
  }

  /** Of the bytes from a place to another, as words that begin at the first. */
  #sum(from: number, to: number): number {
    if (to <= from) return 0;
    this.#upTo ??= sumUp(this.#bytes);
    const even = (this.#upTo.even[to] as number) - (this.#upTo.even[from] as number);
    const odd = (this.#upTo.odd[to] as number) - (this.#upTo.odd[from] as number);
    return (from & 1) === 0 ? 256 * even + odd : 256 * odd + even;
  }

  #payload(shape: number, from: number, to: number): number {
    if (this.#payloads === null) return 0;
    const { bytes, starts } = this.#payloads;
    const start = starts[shape] as number;
    const begin = Math.max(from, this.#at);
    const end = Math.min(to, this.#at + (starts[shape + 1] as number) - start);
    if (end <= begin) return 0;
    const there = start - this.#at;
    const sum = fold(sumWords(bytes, begin + there, end + there));
    return ((begin - from) & 1) === 0 ? sum : ((sum & 0xff) << 8) | (sum >>> 8);
  }
}

/** The sums of the bytes at even and at odd places, up to each place. */
function sumUp(bytes: Uint8Array): { even: Float64Array; odd: Float64Array } {
  const even = new Float64Array(bytes.length + 1);
  const odd = new Float64Array(bytes.length + 1);
  let [evens, odds] = [0, 0];
  for (let i = 0; i < bytes.length; i++) {
    if ((i & 1) === 0) evens += bytes[i] as number;
    else odds += bytes[i] as number;
    even[i + 1] = evens;
    odd[i + 1] = odds;
  }
  return { even, odd };
}
