import { readWord, udpChecksum, updated, updatedPartial, writeWord } from '../packets/checksum.js';
import { type Checksum, writeCrc } from '../packets/coverage.js';
import type { Batch } from './batch.js';
import { type Covering, coveringOf } from './targets.js';

/** Brings one checksum up to date in the packets of a batch, by what has changed (RFC 1624). */
export class ChecksumUpdate {
  readonly #checksum: Checksum;
  readonly #index: number;
  /** the checksums further out that cover this one */
  readonly #outer: readonly Covering[];

  constructor(checksums: readonly Checksum[], index: number) {
    const checksum = checksums[index] as Checksum;
    const width = checksum.kind === 'crc32c' ? 4 : 2;
    this.#checksum = checksum;
    this.#index = index;
    this.#outer = coveringOf(checksums, checksum.at, width).filter((one) => one.checksum !== index);
  }

  get outer(): readonly Covering[] {
    return this.#outer;
  }

  run(batch: Batch, count: number): void {
    if (this.#checksum.kind === 'crc32c') this.#recompute(batch, count);
    else this.#update(batch, count);
    for (const { checksum, odd } of this.#outer) batch.add(checksum, odd, count);
  }

  #update({ views, bases, each, sums, difference }: Batch, count: number): void {
    const { at: offset, partial, zeroIsNone } = this.#checksum;
    const sum = sums[this.#index] as Int32Array;
    const covered = this.#outer.length > 0;
    for (let i = 0; i < count; i++) {
      const bytes = views[i & each] as Uint8Array;
      const at = (bases[i] as number) + offset;
      const before = readWord(bytes, at);
      const change = sum[i] as number;
      let after = partial ? updatedPartial(before, change) : updated(before, change);
      if (zeroIsNone && !partial) after = udpChecksum(after);
      writeWord(bytes, at, after);
      if (covered) difference[i] = after - before + 0xffff;
      sum[i] = 0;
    }
  }

  /** A CRC has to see all bytes again. */
  #recompute({ views, bases, each, sums, difference }: Batch, count: number): void {
    const { at: offset } = this.#checksum;
    for (let i = 0; i < count; i++) {
      const bytes = views[i & each] as Uint8Array;
      const base = bases[i] as number;
      const at = base + offset;
      const before = readWord(bytes, at) + readWord(bytes, at + 2);
      writeCrc(bytes, base, this.#checksum);
      const after = readWord(bytes, at) + readWord(bytes, at + 2);
      difference[i] = after - before + 2 * 0xffff;
    }
    (sums[this.#index] as Int32Array).fill(0, 0, count);
  }
}

/**
 * What has to be brought up to date where these checksums are touched, from the inside out: one that
 * changes touches those that cover it.
 */
export function updatesOf(
  checksums: readonly Checksum[],
  touched: readonly number[],
): ChecksumUpdate[] {
  const due = new Set(touched);
  const updates: ChecksumUpdate[] = [];
  for (const index of checksums.keys()) {
    if (!due.has(index)) continue;
    const update = new ChecksumUpdate(checksums, index);
    for (const { checksum } of update.outer) due.add(checksum);
    updates.push(update);
  }
  return updates;
}
