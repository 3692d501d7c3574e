import type { Batch } from './batch.js';
import type { Source } from './sources.js';
import type { Covering, Target } from './targets.js';

/** Writes a field's values into packets, and notes how the sum of their bytes changes. */
export class FieldWriter {
  /** the checksums that cover the field */
  readonly covering: readonly Covering[];
  readonly source: Source;
  readonly #at: number;
  readonly #shift: number;
  /** the bits of the word that belong to others */
  readonly #keep: number;
  readonly #width: number;
  /** no checksum covers it, and no bit of its bytes is another's */
  readonly #overwrites: boolean;

  constructor(target: Target, source: Source) {
    this.source = source;
    this.covering = target.covering;
    this.#at = target.at;
    this.#width = target.width;
    this.#shift = target.shift;
    this.#keep = target.bits >= 32 ? 0 : ~((2 ** target.bits - 1) << target.shift);
    this.#overwrites =
      this.covering.length === 0 &&
      target.bits === target.width * 8 &&
      target.width <= 4 &&
      target.width !== 3;
  }

  /** Writes the next values into the first `count` packets of the batch. */
  write(batch: Batch, count: number): void {
    this.source.fill(batch.high, batch.low, count);
    if (this.#overwrites) this.#overwrite(batch, count);
    else if (this.#width === 1) this.#writeByte(batch, count);
    else if (this.#width === 2) this.#writeWord(batch, count);
    else if (this.#width === 4) this.#writeDoubleWord(batch, count);
    else this.#writeBytes(batch, count);
    for (const { checksum, odd } of this.covering) batch.add(checksum, odd, count);
  }

  /** Writes only: to read what was there would mean to wait for memory. */
  #overwrite({ views, bases, each, low, view }: Batch, count: number): void {
    const offset = this.#at;
    const width = this.#width;
    if (each === 0 && width === 4) {
      for (let i = 0; i < count; i++)
        view.setUint32((bases[i] as number) + offset, low[i] as number);
      return;
    }
    for (let i = 0; i < count; i++) {
      const bytes = views[i & each] as Uint8Array;
      let at = (bases[i] as number) + offset;
      const value = low[i] as number;
      if (width === 4) {
        bytes[at++] = value >>> 24;
        bytes[at++] = value >>> 16;
      }
      if (width > 1) bytes[at++] = value >>> 8;
      bytes[at] = value;
    }
  }

  // The difference is the sum of `~m + m'` over the words (RFC 1624, equation 3), that is of
  // m' - m + 0xffff.

  #writeByte({ views, bases, each, low, difference }: Batch, count: number): void {
    const offset = this.#at;
    const keep = this.#keep;
    const shift = this.#shift;
    for (let i = 0; i < count; i++) {
      const bytes = views[i & each] as Uint8Array;
      const at = (bases[i] as number) + offset;
      const before = bytes[at] as number;
      const after = (before & keep) | ((low[i] as number) << shift);
      bytes[at] = after;
      difference[i] = ((after - before) << 8) + 0xffff;
    }
  }

  #writeWord({ views, bases, each, low, difference }: Batch, count: number): void {
    const offset = this.#at;
    const keep = this.#keep;
    const shift = this.#shift;
    for (let i = 0; i < count; i++) {
      const bytes = views[i & each] as Uint8Array;
      const at = (bases[i] as number) + offset;
      const before = ((bytes[at] as number) << 8) | (bytes[at + 1] as number);
      const after = (before & keep) | ((low[i] as number) << shift);
      bytes[at] = after >>> 8;
      bytes[at + 1] = after;
      difference[i] = after - before + 0xffff;
    }
  }

  #writeDoubleWord({ views, bases, each, low, difference }: Batch, count: number): void {
    const offset = this.#at;
    const keep = this.#keep;
    const shift = this.#shift;
    for (let i = 0; i < count; i++) {
      const bytes = views[i & each] as Uint8Array;
      const at = (bases[i] as number) + offset;
      const first = ((bytes[at] as number) << 8) | (bytes[at + 1] as number);
      const second = ((bytes[at + 2] as number) << 8) | (bytes[at + 3] as number);
      const kept = ((first << 16) | second) & keep;
      const after = kept | ((low[i] as number) << shift);
      bytes[at] = after >>> 24;
      bytes[at + 1] = after >>> 16;
      bytes[at + 2] = after >>> 8;
      bytes[at + 3] = after;
      difference[i] = (after >>> 16) + (after & 0xffff) - first - second + 2 * 0xffff;
    }
  }

  /** Any width up to 8; always all bits of it. */
  #writeBytes({ views, bases, each, low, high, difference }: Batch, count: number): void {
    const last = this.#width - 1;
    for (let i = 0; i < count; i++) {
      const bytes = views[i & each] as Uint8Array;
      const at = (bases[i] as number) + this.#at;
      let sum = 4 * 0xffff;
      for (let j = 0; j <= last; j++) {
        const right = last - j; // bytes to the right of this one
        const half = (right < 4 ? low[i] : high[i]) as number;
        const after = (half >>> (8 * (right & 3))) & 0xff;
        const change = after - (bytes[at + j] as number);
        bytes[at + j] = after;
        sum += (j & 1) === 0 ? change << 8 : change;
      }
      difference[i] = sum;
    }
  }
}
