import { readWord, writeWord } from '../packets/checksum.js';
import { type Checksum, finished, widthOf, writeCrc } from '../packets/coverage.js';
import type { Batch } from './batch.js';
import { type Covering, coveringOf } from './targets.js';

/**
 * Writes one checksum into the packets of a batch. What does not change was summed up once, for each shape of the
 * packet; what the fields have written is added to that.
 */
export class ChecksumWriter {
  readonly #checksum: Checksum;
  readonly #index: number;
  /** for each shape, the sum of what does not change */
  readonly #bases: Uint16Array;
  /** bytes of each shape */
  readonly #lengths: Uint32Array;
  /** the checksums that cover this one */
  readonly #outer: readonly Covering[];

  constructor(
    checksums: readonly Checksum[],
    index: number,
    bases: Uint16Array,
    lengths: Uint32Array,
  ) {
    this.#checksum = checksums[index] as Checksum;
    this.#index = index;
    this.#bases = bases;
    this.#lengths = lengths;
    this.#outer = outerOf(checksums, index);
  }

  /** Begins the sums of a batch, whose packets have their shapes. */
  begin({ sums, shapes }: Batch, count: number): void {
    const sum = sums[this.#index] as Int32Array;
    const bases = this.#bases;
    if (bases.length === 1) {
      sum.fill(bases[0] as number, 0, count);
      return;
    }
    for (let i = 0; i < count; i++) sum[i] = bases[shapes[i] as number] as number;
  }

  /** Writes the checksums when all that they cover is written. */
  write(batch: Batch, count: number): void {
    if (this.#checksum.kind === 'internet') this.#finish(batch, count);
    else this.#compute(batch, count);
    for (const { checksum, odd } of this.#outer) batch.add(checksum, odd, count);
  }

  #finish({ views, view, bases, each, sums, words }: Batch, count: number): void {
    const checksum = this.#checksum;
    const { at } = checksum;
    const sum = sums[this.#index] as Int32Array;
    for (let i = 0; i < count; i++) {
      let value = sum[i] as number;
      value = (value & 0xffff) + (value >>> 16);
      value = (value & 0xffff) + (value >>> 16);
      words[i] = finished(value, checksum);
    }
    if (each === 0) {
      for (let i = 0; i < count; i++) view.setUint16((bases[i] as number) + at, words[i] as number);
      return;
    }
    for (let i = 0; i < count; i++) {
      writeWord(views[i] as Uint8Array, (bases[i] as number) + at, words[i] as number);
    }
  }

  /** A CRC has to see all bytes again. */
  #compute({ views, bases, each, shapes, words }: Batch, count: number): void {
    const { at, to, toEnd } = this.#checksum;
    const lengths = this.#lengths;
    for (let i = 0; i < count; i++) {
      const bytes = views[i & each] as Uint8Array;
      const base = bases[i] as number;
      const shape = lengths.length === 1 ? 0 : (shapes[i] as number);
      const end = toEnd ? (lengths[shape] as number) : to;
      writeCrc(bytes, base, this.#checksum, end);
      words[i] = readWord(bytes, base + at) + readWord(bytes, base + at + 2);
    }
  }
}

/** The checksums that cover another one. */
export function outerOf(checksums: readonly Checksum[], index: number): Covering[] {
  const checksum = checksums[index] as Checksum;
  const covering = coveringOf(checksums, checksum.at, widthOf(checksum));
  return covering.filter((one) => one.checksum !== index);
}

/** These checksums and all that cover them, in their order: from the inside out. */
export function withOuter(checksums: readonly Checksum[], touched: Iterable<number>): number[] {
  const due = new Set(touched);
  for (const index of checksums.keys()) {
    if (!due.has(index)) continue;
    for (const { checksum } of outerOf(checksums, index)) due.add(checksum);
  }
  return [...due].sort((a, b) => a - b);
}
