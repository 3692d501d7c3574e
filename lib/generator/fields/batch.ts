/** Packets that are worked on at once: enough to pay for the loops, few enough for the caches. */
export const BATCH = 64;

/**
 * So far behind the beginning of a view a packet may begin: places are integers of 32 bits, by which the compiler
 * makes half the code that it makes for numbers that may be larger.
 */
export const FARTHEST = 2 ** 30;

/** Writes something into the packets of a batch, which may be another value in each. */
export interface Writer {
  /** Goes to packet `k`; from there on every `stride`-th is written. */
  seek(k: number, stride: number): void;
  /** Writes into the first `count` packets. */
  write(batch: Batch, count: number): void;
}

/**
 * At most {@link BATCH} packets that field writers work on, and what they have found out about them. There is one
 * of a thread, for all sequences: what it holds is in the cache, whose turn it ever is.
 */
export class Batch {
  /** packet i begins at bases[i] of views[i & each] */
  readonly views: Uint8Array[] = Array(BATCH).fill(NOTHING);
  readonly bases = new Int32Array(BATCH);
  /** -1: a view for each packet; 0: one for all */
  each = -1;
  /** the same as views[0], where that is for all */
  view: DataView = NO_VIEW;
  /** the value of the field at work, in two halves */
  readonly high = new Uint32Array(BATCH);
  readonly low = new Uint32Array(BATCH);
  /** which shape each packet has */
  readonly shapes = new Uint32Array(BATCH);
  /** the sum of the 16-bit words that the field at work has written */
  readonly words = new Int32Array(BATCH);
  /** the same of all that a checksum covers, for each checksum */
  readonly sums: Int32Array[] = [];

  /** Has sums for as many checksums. */
  reserve(checksums: number): void {
    while (this.sums.length < checksums) this.sums.push(new Int32Array(BATCH));
  }

  /**
   * Adds the words to the sum of a checksum.
   * @param odd the bytes begin in the second half of one of its words
   */
  add(checksum: number, odd: boolean, count: number): void {
    const { words } = this;
    const sum = this.sums[checksum] as Int32Array;
    if (!odd) {
      for (let i = 0; i < count; i++) sum[i] = (sum[i] as number) + (words[i] as number);
      return;
    }
    for (let i = 0; i < count; i++) {
      // The same sum with the bytes of each word the other way round (RFC 1071, 2B).
      let word = words[i] as number;
      word = (word & 0xffff) + (word >>> 16);
      word = (word & 0xffff) + (word >>> 16);
      sum[i] = (sum[i] as number) + (((word & 0xff) << 8) | (word >>> 8));
    }
  }

  /**
   * Lets go of the buffers: a view keeps the memory of its pool. By a loop, not by `fill`, which V8 has in
   * C++: to call it costs 40 ns, as much as all else that is done to a packet by itself.
   */
  forget(count: number): void {
    const { views } = this;
    if (this.each === 0) {
      views[0] = NOTHING;
      this.view = NO_VIEW;
    } else for (let i = 0; i < count; i++) views[i] = NOTHING;
    this.each = -1;
  }
}

// Of the class that pools hand out, so that the loops over views meet only one.
export const NOTHING = Buffer.alloc(0);
const NO_VIEW = new DataView(new ArrayBuffer(0));

/** Nothing of a program's runs while it is in use. */
export const batch = new Batch();

/**
 * Has the batch write into a memory that holds many packets, or into a part of it.
 * @param place where the first packet begins
 * @param bytes from there to the last
 * @returns the place in what the batch writes into
 */
export function placeIn(memory: Uint8Array, view: DataView, place: number, bytes: number): number {
  const far = place + bytes > FARTHEST;
  batch.each = 0;
  batch.views[0] = far ? memory.subarray(place) : memory;
  batch.view = far ? new DataView(view.buffer, view.byteOffset + place) : view;
  return far ? 0 : place;
}
