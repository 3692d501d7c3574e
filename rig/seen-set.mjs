// @ts-check

const CHUNK = 2 ** 15; // numbers of one bitmap

/** A chunk of which every number has been seen: it needs no bitmap any more. */
const FULL = 'full';

/**
 * A set of whole numbers from 0 on, with a bit for each, in chunks of 4 KiB. Full chunks are freed,
 * so memory grows with the numbers that are missing, not with those that were seen.
 */
export class SeenSet {
  /** How many different numbers have been seen. */
  size = 0;
  /** Chunks below this one are full. */
  #floor = 0;
  /** @type {Map<number, { bits: Int32Array, missing: number } | typeof FULL>} */
  #chunks = new Map();
  /** The chunk that was used last, since the next numbers are mostly in the same one. */
  #index = -1;
  /** @type {Int32Array} */
  #bits = new Int32Array(0);

  /** @param {number} n @returns {boolean} whether it is new */
  add(n) {
    return this.addRange(n, n) === 1;
  }

  /**
   * @param {number} first @param {number} last inclusive
   * @param {(n: number) => void} [again] called for each of them that has been seen before
   * @returns {number} how many are new
   */
  addRange(first, last, again) {
    const before = this.size;
    for (let n = first; n <= last; ) {
      const index = Math.floor(n / CHUNK);
      const base = index * CHUNK;
      this.#addIn(index, n - base, Math.min(last - base, CHUNK - 1), again);
      n = base + CHUNK;
    }
    return this.size - before;
  }

  /** @param {number} n */
  has(n) {
    const index = Math.floor(n / CHUNK);
    if (index < this.#floor) return true;
    const chunk = this.#chunks.get(index);
    if (chunk === undefined || chunk === FULL) return chunk === FULL;
    const at = n - index * CHUNK;
    return ((chunk.bits[at >>> 5] ?? 0) & (1 << (at & 31))) !== 0;
  }

  /** The first `limit` numbers below `end` that have not been seen. @param {number} end @param {number} limit */
  missingBelow(end, limit) {
    /** @type {number[]} */
    const missing = [];
    for (let n = this.#floor * CHUNK; n < end && missing.length < limit; n++) {
      if (n % CHUNK === 0 && this.#chunks.get(n / CHUNK) === FULL) n += CHUNK - 1;
      else if (!this.has(n)) missing.push(n);
    }
    return missing;
  }

  /** Bytes that the bitmaps take. */
  get bytes() {
    let bytes = 0;
    for (const chunk of this.#chunks.values()) if (chunk !== FULL) bytes += chunk.bits.byteLength;
    return bytes;
  }

  /**
   * @param {number} index @param {number} from @param {number} to both within the chunk
   * @param {((n: number) => void) | undefined} again
   */
  #addIn(index, from, to, again) {
    if (index !== this.#index && !this.#use(index)) {
      for (let at = from; again !== undefined && at <= to; at++) again(index * CHUNK + at);
      return;
    }
    const bits = this.#bits;
    let fresh = 0;
    for (let word = from >>> 5, end = to >>> 5; word <= end; word++) {
      const low = word === from >>> 5 ? from & 31 : 0;
      const high = word === end ? to & 31 : 31;
      const mask = (-1 << low) & (-1 >>> (31 - high));
      const old = /** @type {number} */ (bits[word]);
      bits[word] = old | mask;
      fresh += high - low + 1;
      for (let seen = old & mask; seen !== 0; seen &= seen - 1) {
        fresh--;
        again?.(index * CHUNK + word * 32 + (31 - Math.clz32(seen & -seen)));
      }
    }
    this.size += fresh;
    const chunk = /** @type {{ missing: number }} */ (this.#chunks.get(index));
    chunk.missing -= fresh;
    if (chunk.missing === 0) this.#giveUp(index);
  }

  /** Makes the chunk the one in use. @param {number} index @returns {boolean} false if it is full */
  #use(index) {
    let chunk = index < this.#floor ? FULL : this.#chunks.get(index);
    if (chunk === FULL) return false;
    if (chunk === undefined) {
      chunk = { bits: new Int32Array(CHUNK / 32), missing: CHUNK };
      this.#chunks.set(index, chunk);
    }
    this.#index = index;
    this.#bits = chunk.bits;
    return true;
  }

  /** @param {number} index of a chunk that has become full */
  #giveUp(index) {
    this.#index = -1;
    this.#chunks.set(index, FULL);
    for (; this.#chunks.get(this.#floor) === FULL; this.#floor++) this.#chunks.delete(this.#floor);
  }
}
