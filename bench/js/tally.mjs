// @ts-check

/** What one run did. Every accepted send has to complete exactly once. */
export class Tally {
  sends = 0;
  bytes = 0;
  zerocopied = 0;
  copied = 0;
  inlined = 0;
  ranges = 0;
  /** Completions that are neither of the three: revoked or failed. */
  others = 0;
  // The sum of the ids tells a run in which one is missing and another came twice.
  #sentSum = 0;
  #completedSum = 0;

  /** @param {number} first @param {number} last @param {number} bytes of all of them */
  sent(first, last, bytes) {
    this.sends += last - first + 1;
    this.bytes += bytes;
    this.#sentSum += ((first + last) * (last - first + 1)) / 2;
  }

  /** @param {import('zerosend').CompletionRange} range */
  complete({ first, last, how }) {
    const count = last - first + 1;
    this.ranges++;
    this.#completedSum += ((first + last) * count) / 2;
    if (how === 'zerocopy') this.zerocopied += count;
    else if (how === 'copied') this.copied += count;
    else if (how === 'inline') this.inlined += count;
    else this.others += count;
  }

  totals() {
    const { sends, bytes, zerocopied, copied, inlined, ranges, others } = this;
    return {
      sends,
      bytes,
      completed: zerocopied + copied + inlined + others,
      zerocopied,
      copied,
      inlined,
      ranges,
      violations: others + (this.#sentSum === this.#completedSum ? 0 : 1),
    };
  }
}
