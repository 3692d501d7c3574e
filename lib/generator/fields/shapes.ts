import type { Batch, Writer } from './batch.js';
import type { Choice } from './choice.js';
import type { Payloads } from './payloads.js';
import type { Source } from './sources.js';

/** Up to so many bytes a loop is faster than a call that copies: byte by byte, and by words of 4. */
const SHORT = 48;
const MIDDLE = 96;

/** What is known of the shapes before the fields are. */
export interface ShapeSpec {
  /** bytes of each, offload header included */
  lengths: Uint32Array;
  /** which of them each packet has; null: there is one only */
  choice: Choice | null;
  payloads: Payloads | null;
}

/**
 * The shapes that packets of a template have: each a length, and maybe a payload. Lengths of layers and sums are
 * worked out once for each, so that a packet finds them by the number of its shape.
 */
export class Shapes {
  /** bytes of each, offload header included */
  readonly lengths: Uint32Array;
  readonly longest: number;
  /** whether they are of several lengths */
  readonly differ: boolean;
  /** the mean over all packets, offload header included */
  readonly mean: number;
  readonly #source: Source | null;
  readonly #payloads: Payloads | null;
  /** where the payload begins */
  readonly #at: number;

  /** @param at where the payload begins */
  constructor({ lengths, choice, payloads }: ShapeSpec, at: number) {
    this.lengths = lengths;
    this.longest = lengths.reduce((most, length) => Math.max(most, length), 0);
    this.differ = lengths.some((length) => length !== this.longest);
    this.mean = meanOf(lengths, choice?.weights ?? null);
    this.#source = choice?.source ?? null;
    this.#payloads = payloads;
    this.#at = at;
  }

  seek(k: number, stride: number): void {
    this.#source?.seek(k, stride);
  }

  /** Gives the packets of a batch their shapes, where there are several, and writes their payloads. */
  choose(batch: Batch, count: number): void {
    if (this.#source === null) return;
    this.#source.fill(batch.high, batch.shapes, count);
    if (this.#payloads !== null) this.#write(batch, this.#payloads, count);
  }

  #write({ views, view, bases, each, shapes }: Batch, payloads: Payloads, count: number): void {
    const { bytes, starts, words } = payloads;
    for (let i = 0; i < count; i++) {
      const shape = shapes[i] as number;
      const start = starts[shape] as number;
      const end = starts[shape + 1] as number;
      const at = (bases[i] as number) + this.#at;
      if (each === 0 && end - start <= MIDDLE) {
        copyWords(words, start, end, view, at);
        continue;
      }
      const to = views[i & each] as Uint8Array;
      if (end - start > SHORT) bytes.copy(to, at, start, end);
      else for (let j = start, k = at; j < end; j++, k++) to[k] = bytes[j] as number;
    }
  }
}

/** Copies bytes four at a time, the last ones a second time where they are no multiple of that. */
function copyWords(from: DataView, start: number, end: number, to: DataView, at: number): void {
  const shift = at - start;
  const last = end - 4;
  if (last < start) {
    for (let j = start; j < end; j++) to.setUint8(j + shift, from.getUint8(j));
    return;
  }
  for (let j = start; j < last; j += 4) to.setUint32(j + shift, from.getUint32(j, true), true);
  to.setUint32(last + shift, from.getUint32(last, true), true);
}

function meanOf(lengths: Uint32Array, weights: readonly number[] | null): number {
  if (weights === null) {
    return lengths.reduce((sum, length) => sum + length, 0) / lengths.length;
  }
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  return lengths.reduce((sum, length, i) => sum + length * (weights[i] as number), 0) / total;
}

/** Makes what belongs to the shape of each packet. */
export class ShapeSource implements Source {
  readonly #shapes: Uint32Array;
  readonly #low: Uint32Array;
  readonly #high: Uint32Array | null;

  /**
   * @param shapes those of the packets at work
   * @param width bytes of the field
   */
  constructor(shapes: Uint32Array, values: ArrayLike<number>, width: number) {
    this.#shapes = shapes;
    this.#low = new Uint32Array(values.length);
    this.#high = width > 4 ? new Uint32Array(values.length) : null;
    for (let i = 0; i < values.length; i++) {
      const value = values[i] as number;
      this.#low[i] = value % 2 ** 32;
      if (this.#high !== null) this.#high[i] = value / 2 ** 32;
    }
  }

  seek(): void {}

  fill(high: Uint32Array, low: Uint32Array, count: number): void {
    const shapes = this.#shapes;
    const lowers = this.#low;
    for (let i = 0; i < count; i++) low[i] = lowers[shapes[i] as number] as number;
    const uppers = this.#high;
    if (uppers === null) return;
    for (let i = 0; i < count; i++) high[i] = uppers[shapes[i] as number] as number;
  }
}

/** Numbers of 2 bytes at one place, one for each shape. */
export interface ShapeNumbers {
  at: number;
  values: ArrayLike<number>;
}

/**
 * Writes numbers of 2 bytes that belong to the shapes of packets, as most of what follows a length does: all of a
 * packet in one pass, from one row of a table, so that packets and numbers are in the cache once.
 */
export class ShapeWriter implements Writer {
  readonly #places: Uint32Array;
  /** for each shape, a number for each place */
  readonly #rows: Uint16Array;

  constructor(all: readonly ShapeNumbers[]) {
    const places = all.length;
    const shapes = all[0]?.values.length ?? 0;
    this.#places = Uint32Array.from(all, ({ at }) => at);
    this.#rows = new Uint16Array(places * shapes);
    for (let shape = 0, row = 0; shape < shapes; shape++) {
      for (const { values } of all) this.#rows[row++] = values[shape] as number;
    }
  }

  seek(): void {}

  write({ views, view, bases, each, shapes }: Batch, count: number): void {
    const places = this.#places;
    const rows = this.#rows;
    const size = places.length;
    if (each === 0) {
      for (let i = 0; i < count; i++) {
        const base = bases[i] as number;
        const row = (shapes[i] as number) * size;
        for (let j = 0; j < size; j++) {
          view.setUint16(base + (places[j] as number), rows[row + j] as number);
        }
      }
      return;
    }
    for (let i = 0; i < count; i++) {
      const bytes = views[i] as Uint8Array;
      const base = bases[i] as number;
      const row = (shapes[i] as number) * size;
      for (let j = 0; j < size; j++) {
        const at = base + (places[j] as number);
        const value = rows[row + j] as number;
        bytes[at] = value >>> 8;
        bytes[at + 1] = value;
      }
    }
  }
}
