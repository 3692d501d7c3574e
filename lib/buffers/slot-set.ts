const BITS = 5;
const WORD = 31;

/**
 * A set of numbers from 0 to `count - 1` that finds the next member in O(log count) steps of 32 each:
 * at most 4 for a million. A bit of a word of one level says whether a word of the level below has
 * any.
 */
export class SlotSet {
  readonly #levels: Int32Array[] = [];
  size = 0;

  constructor(count: number) {
    for (let words = count; words > 1 || this.#levels.length === 0; ) {
      words = (words + WORD) >>> BITS;
      this.#levels.push(new Int32Array(words));
    }
  }

  has(member: number): boolean {
    const word = (this.#levels[0] as Int32Array)[member >>> BITS] as number;
    return (word & (1 << (member & WORD))) !== 0;
  }

  /** Adds a number that is not in the set. */
  add(member: number): void {
    this.size++;
    let at = member;
    for (const level of this.#levels) {
      const word = at >>> BITS;
      const before = level[word] as number;
      level[word] = before | (1 << (at & WORD));
      if (before !== 0) return;
      at = word;
    }
  }

  /** Removes a number that is in the set. */
  remove(member: number): void {
    this.size--;
    let at = member;
    for (const level of this.#levels) {
      const word = at >>> BITS;
      const left = (level[word] as number) & ~(1 << (at & WORD));
      level[word] = left;
      if (left !== 0) return;
      at = word;
    }
  }

  /** The lowest member from `from` on, or -1. */
  next(from: number): number {
    const levels = this.#levels;
    let at = from;
    for (let height = 0; height < levels.length; height++) {
      const word = at >>> BITS;
      const level = levels[height] as Int32Array;
      if (word >= level.length) return -1;
      const rest = (level[word] as number) & (-1 << (at & WORD));
      if (rest !== 0) return this.#lowest(height, (word << BITS) | trailingZeros(rest));
      at = word + 1; // the bit in the level above
    }
    return -1;
  }

  /** The lowest member under a bit of a level. */
  #lowest(height: number, bit: number): number {
    let at = bit;
    for (let level = height - 1; level >= 0; level--) {
      at = (at << BITS) | trailingZeros((this.#levels[level] as Int32Array)[at] as number);
    }
    return at;
  }
}

/** How many low bits are 0, of a number that is not 0. */
function trailingZeros(word: number): number {
  return WORD - Math.clz32(word & -word);
}
