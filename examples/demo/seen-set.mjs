// @ts-check

/** Which whole numbers have been seen: a bit for each, in a map that grows with the greatest. */
export class SeenSet {
  #bits = new Uint8Array(1 << 16);
  /** How many different numbers have been seen. */
  size = 0;

  /** @param {number} n @returns {boolean} whether it is new */
  add(n) {
    const at = Math.floor(n / 8);
    if (at >= this.#bits.length) this.#grow(at + 1);
    const bit = 1 << (n % 8);
    const byte = /** @type {number} */ (this.#bits[at]);
    if ((byte & bit) !== 0) return false;
    this.#bits[at] = byte | bit;
    this.size++;
    return true;
  }

  /** @param {number} n */
  has(n) {
    return ((this.#bits[Math.floor(n / 8)] ?? 0) & (1 << (n % 8))) !== 0;
  }

  /** The first `limit` numbers below `end` that have not been seen. @param {number} end @param {number} limit */
  missingBelow(end, limit) {
    /** @type {number[]} */
    const missing = [];
    for (let n = 0; n < end && missing.length < limit; n++) {
      if (n % 8 === 0 && this.#bits[n / 8] === 0xff) n += 7;
      else if (!this.has(n)) missing.push(n);
    }
    return missing;
  }

  /** @param {number} bytes */
  #grow(bytes) {
    const larger = new Uint8Array(Math.max(bytes, this.#bits.length * 2));
    larger.set(this.#bits);
    this.#bits = larger;
  }
}
