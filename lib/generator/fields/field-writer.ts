import { fold } from '../packets/checksum.js';
import type { Batch, Writer } from './batch.js';
import type { Source } from './sources.js';
import type { Covering, Target } from './targets.js';

/** Writes a field's values into packets, and notes the sum of what it has written. */
export class FieldWriter implements Writer {
  /** the checksums that cover the field */
  readonly covering: readonly Covering[];
  readonly target: Target;
  readonly #source: Source;
  readonly #at: number;
  readonly #shift: number;
  /** the bits of the word that belong to others */
  readonly #keep: number;
  /** the same for each byte, in the order in which they lie */
  readonly #kept: Uint8Array;
  readonly #width: number;
  readonly #littleEndian: boolean;
  /** how it is written: all bits of 1, 2 or 4 bytes; some of them; or any width, byte by byte */
  readonly #way: 'whole' | 'bits' | 'bytes';

  constructor(target: Target, source: Source) {
    const { at, width, bits, shift, littleEndian, covering } = target;
    this.#source = source;
    this.target = target;
    // What lies the other way round is summed as its words are, whose bytes are swapped.
    this.covering = littleEndian
      ? covering.map(({ checksum, odd }) => ({ checksum, odd: !odd }))
      : covering;
    this.#at = at;
    this.#width = width;
    this.#shift = shift;
    this.#littleEndian = littleEndian;
    this.#keep = bits >= 32 ? 0 : ~((2 ** bits - 1) << shift);
    this.#kept = keptBytes(target);
    const usual = !littleEndian && (width === 1 || width === 2 || width === 4);
    this.#way = !usual ? 'bytes' : bits === width * 8 ? 'whole' : 'bits';
  }

  seek(k: number, stride: number): void {
    this.#source.seek(k, stride);
  }

  /** Writes the next values. */
  write(batch: Batch, count: number): void {
    this.#source.fill(batch.high, batch.low, count);
    if (this.#way === 'whole') this.#overwrite(batch, count);
    else if (this.#way === 'bits') this.#writeBits(batch, count);
    else this.#writeBytes(batch, count);
    if (this.covering.length === 0) return;
    this.#sum(batch, count);
    for (const { checksum, odd } of this.covering) batch.add(checksum, odd, count);
  }

  /** Writes only: to read what was there would mean to wait for memory. */
  #overwrite({ views, bases, each, low, view }: Batch, count: number): void {
    const offset = this.#at;
    const width = this.#width;
    if (each === 0 && width > 1) {
      if (width === 4) {
        for (let i = 0; i < count; i++)
          view.setUint32((bases[i] as number) + offset, low[i] as number);
      } else {
        for (let i = 0; i < count; i++)
          view.setUint16((bases[i] as number) + offset, low[i] as number);
      }
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

  #writeBits({ views, bases, each, low }: Batch, count: number): void {
    const offset = this.#at;
    const keep = this.#keep;
    const shift = this.#shift;
    const width = this.#width;
    for (let i = 0; i < count; i++) {
      const bytes = views[i & each] as Uint8Array;
      let at = (bases[i] as number) + offset;
      let word = 0;
      for (let j = 0; j < width; j++) word = (word << 8) | (bytes[at + j] as number);
      word = (word & keep) | ((low[i] as number) << shift);
      if (width === 4) {
        bytes[at++] = word >>> 24;
        bytes[at++] = word >>> 16;
      }
      if (width > 1) bytes[at++] = word >>> 8;
      bytes[at] = word;
    }
  }

  /** Any width up to 8, any bits of it, in either order. */
  #writeBytes({ views, bases, each, low, high }: Batch, count: number): void {
    const last = this.#width - 1;
    const kept = this.#kept;
    for (let i = 0; i < count; i++) {
      const bytes = views[i & each] as Uint8Array;
      const at = (bases[i] as number) + this.#at;
      const lower = lowerOf(high[i] as number, low[i] as number, this.#shift);
      const upper = upperOf(high[i] as number, low[i] as number, this.#shift);
      for (let j = 0; j <= last; j++) {
        const right = this.#littleEndian ? j : last - j; // bytes that hold lower bits
        const byte = ((right < 4 ? lower : upper) >>> (8 * (right & 3))) & 0xff;
        const keep = kept[j] as number;
        bytes[at + j] = keep === 0 ? byte : ((bytes[at + j] as number) & keep) | byte;
      }
    }
  }

  /** The sum of the field's bits as 16-bit words, as if it began with one. */
  #sum({ low, high, words }: Batch, count: number): void {
    const width = this.#width;
    // The last byte of an odd number of them is the first half of a word.
    const shift = this.#shift + ((width & 1) === 1 && !this.#littleEndian ? 8 : 0);
    if (width <= 2) {
      for (let i = 0; i < count; i++) words[i] = (low[i] as number) << shift;
      return;
    }
    if (width <= 4) {
      for (let i = 0; i < count; i++) {
        const word = (low[i] as number) << shift;
        words[i] = (word >>> 16) + (word & 0xffff);
      }
      return;
    }
    for (let i = 0; i < count; i++) {
      words[i] = wordsOf(high[i] as number, low[i] as number, shift);
    }
  }
}

/** The lower and the upper half of a number that is shifted to the left, modulo 2^64. */
function lowerOf(_high: number, low: number, shift: number): number {
  return shift < 32 ? low << shift : 0;
}

function upperOf(high: number, low: number, shift: number): number {
  if (shift === 0) return high;
  return shift < 32 ? (high << shift) | (low >>> (32 - shift)) : low << (shift - 32);
}

function wordsOf(high: number, low: number, shift: number): number {
  const lower = lowerOf(high, low, shift);
  const upper = upperOf(high, low, shift);
  return (lower >>> 16) + (lower & 0xffff) + (upper >>> 16) + (upper & 0xffff);
}

/**
 * What a value of a field adds to a sum that covers it, folded.
 * @param value below 2^53
 * @param odd it begins in the second half of a word
 */
export function sumOf(value: number, target: Target, odd: boolean): number {
  const { width, littleEndian } = target;
  const shift = target.shift + ((width & 1) === 1 && !littleEndian ? 8 : 0);
  const sum = fold(wordsOf(Math.floor(value / 2 ** 32), value % 2 ** 32, shift));
  return odd === littleEndian ? sum : ((sum & 0xff) << 8) | (sum >>> 8);
}

/** For each byte of a field, the bits that are not the field's. */
export function keptBytes({ width, bits, shift, littleEndian }: Target): Uint8Array {
  const own = ((1n << BigInt(bits)) - 1n) << BigInt(shift);
  return Uint8Array.from({ length: width }, (_, j) => {
    const right = BigInt(littleEndian ? j : width - 1 - j);
    return ~Number((own >> (8n * right)) & 0xffn) & 0xff;
  });
}
