const BLOCK_BITS = 6;
const BLOCK = 1 << BLOCK_BITS;

/**
 * Finds rows of free slots, by a binary tree over blocks of 64 slots. Each node has the length of
 * the row of free slots at its beginning, of the one at its end, and of the longest one within.
 *
 * A change is only noted, in O(1). The next search updates each block that has changed since, in
 * O(64 + log n), and then takes O(64 + log n) itself.
 */
export class FreeRows {
  readonly #free: Uint8Array;
  readonly #leaves: number; // a power of two; leaf i is node #leaves + i, the root is node 1
  readonly #first: Int32Array;
  readonly #last: Int32Array;
  readonly #longest: Int32Array;
  // Blocks that have changed: a list, and a mark for each that is on it.
  readonly #changed: Int32Array;
  readonly #marked: Uint8Array;
  #changes = 0;

  /**
   * @param free 1 for each slot that is free. It is shared with its owner, who reports each change
   * by {@link touch}.
   */
  constructor(free: Uint8Array) {
    this.#free = free;
    const blocks = (free.length + BLOCK - 1) >>> BLOCK_BITS;
    let leaves = 1;
    while (leaves < blocks) leaves *= 2;
    this.#leaves = leaves;
    this.#first = new Int32Array(2 * leaves);
    this.#last = new Int32Array(2 * leaves);
    this.#longest = new Int32Array(2 * leaves);
    this.#changed = new Int32Array(blocks);
    this.#marked = new Uint8Array(blocks);
    for (let block = 0; block < blocks; block++) this.#measure(block);
    for (let node = leaves - 1; node > 0; node--) this.#join(node);
  }

  /** Notes that `count` slots from `first` on have become free, or are free no more. */
  touch(first: number, count: number): void {
    const end = (first + count - 1) >>> BLOCK_BITS;
    for (let block = first >>> BLOCK_BITS; block <= end; block++) {
      if (this.#marked[block] === 1) continue;
      this.#marked[block] = 1;
      this.#changed[this.#changes++] = block;
    }
  }

  /**
   * Where the first row of at least `most` free slots begins, or else the first of the longest
   * rows. -1 where no slot is free.
   */
  find(most: number): number {
    this.#workIn();
    const row = Math.min(most, this.#longest[1] as number);
    if (row === 0) return -1;
    let node = 1;
    let begin = 0;
    let slots = this.#leaves << BLOCK_BITS;
    while (node < this.#leaves) {
      const left = 2 * node;
      slots /= 2;
      if ((this.#longest[left] as number) >= row) {
        node = left;
      } else if ((this.#last[left] as number) + (this.#first[left + 1] as number) >= row) {
        return begin + slots - (this.#last[left] as number);
      } else {
        node = left + 1;
        begin += slots;
      }
    }
    for (let at = begin, length = 0; ; at++) {
      length = this.#free[at] === 1 ? length + 1 : 0;
      if (length === row) return at + 1 - row;
    }
  }

  #workIn(): void {
    for (let i = 0; i < this.#changes; i++) {
      const block = this.#changed[i] as number;
      this.#marked[block] = 0;
      this.#measure(block);
      for (let node = (this.#leaves + block) >>> 1; node > 0; node >>>= 1) {
        if (!this.#join(node)) break;
      }
    }
    this.#changes = 0;
  }

  #measure(block: number): void {
    const free = this.#free;
    const begin = block << BLOCK_BITS;
    const end = Math.min(begin + BLOCK, free.length);
    let first = -1;
    let length = 0;
    let longest = 0;
    for (let at = begin; at < end; at++) {
      if (free[at] === 1) {
        length++;
        continue;
      }
      if (first < 0) first = length;
      if (length > longest) longest = length;
      length = 0;
    }
    const node = this.#leaves + block;
    this.#first[node] = first < 0 ? length : first;
    // slots of the last block that do not exist do not count as free
    this.#last[node] = end - begin === BLOCK ? length : 0;
    this.#longest[node] = Math.max(longest, length);
  }

  /** Computes a node from its two children. Returns whether it has changed. */
  #join(node: number): boolean {
    const left = 2 * node;
    const right = left + 1;
    // The number of slots that each child covers.
    const half = (this.#leaves << BLOCK_BITS) >>> (32 - Math.clz32(node));
    const firstLeft = this.#first[left] as number;
    const lastRight = this.#last[right] as number;
    const middle = (this.#last[left] as number) + (this.#first[right] as number);
    const first = firstLeft === half ? half + (this.#first[right] as number) : firstLeft;
    const last = lastRight === half ? half + (this.#last[left] as number) : lastRight;
    const longest = Math.max(this.#longest[left] as number, this.#longest[right] as number, middle);
    if (
      first === this.#first[node] &&
      last === this.#last[node] &&
      longest === this.#longest[node]
    ) {
      return false;
    }
    this.#first[node] = first;
    this.#last[node] = last;
    this.#longest[node] = longest;
    return true;
  }
}
