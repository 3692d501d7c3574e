import type { CapturedFrame, CaptureProblem } from './captured-frame.js';
import type { FoundFrame } from './records.js';

/** Frames that are kept. A file of 2 GiB, the most that Node.js reads, has fewer of 60 bytes. */
const MOST_FRAMES = 2 ** 25;
/** Frames without a byte, one behind the other, that are still believed. */
export const MOST_EMPTY = 1024;
/** In place of the upper bits of a time: there is none. */
const NO_TIME = -(2 ** 31);

/**
 * Where the frames of a capture are: numbers in typed arrays, since objects take 230 bytes of the
 * heap for each frame, and a file has one with as few as 16 of its bytes.
 */
export class FrameIndex {
  readonly #bytes: Buffer;
  #length = 0;
  #snapped = 0;
  /** how many frames, counted from the end, have no byte */
  #empty = 0;
  #starts = new Float64Array(64);
  #captured = new Uint32Array(64);
  #originals = new Uint32Array(64);
  #headers = new Uint8Array(64);
  #linkTypes = new Uint16Array(64);
  /** the lower 64 bits of times; and those above, which times of sense do not need */
  #times = new BigUint64Array(64);
  #timesAbove = new Int32Array(64);

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  get length(): number {
    return this.#length;
  }

  /** Frames of which the end was not captured. */
  get snapped(): number {
    return this.#snapped;
  }

  /** Adds a frame; or tells why the file is read no further. */
  add(frame: FoundFrame): CaptureProblem | null {
    const { start, captured, original, header, time, linkType } = frame;
    const at = this.#length;
    if (at === MOST_FRAMES) {
      const message = `more than ${MOST_FRAMES} frames: the rest is left out`;
      return { offset: start - header, message };
    }
    if (at === this.#starts.length) this.#grow();
    this.#starts[at] = start;
    this.#captured[at] = captured;
    this.#originals[at] = original;
    this.#headers[at] = header;
    this.#linkTypes[at] = linkType;
    this.#times[at] = time ?? 0n;
    this.#timesAbove[at] = time === null ? NO_TIME : Number(time >> 64n);
    this.#length++;
    if (captured < original) this.#snapped++;
    this.#empty = captured === 0 ? this.#empty + 1 : 0;
    return this.#empty > MOST_EMPTY ? this.#dropEmpty() : null;
  }

  /** Makes the object for a frame. @param at 0 to `length - 1` */
  frame(at: number): CapturedFrame {
    const start = this.#starts[at] as number;
    const above = this.#timesAbove[at] as number;
    return {
      bytes: this.#bytes.subarray(start, start + (this.#captured[at] as number)),
      originalLength: this.#originals[at] as number,
      time: above === NO_TIME ? null : (BigInt(above) << 64n) + (this.#times[at] as bigint),
      linkType: this.#linkTypes[at] as number,
      offset: start - (this.#headers[at] as number),
    };
  }

  /** A file that was made longer before it was written ends in zeros, which read as such frames. */
  #dropEmpty(): CaptureProblem {
    for (; this.#empty > 0; this.#empty--) {
      const at = --this.#length;
      if ((this.#originals[at] as number) > 0) this.#snapped--;
    }
    const offset = (this.#starts[this.#length] as number) - (this.#headers[this.#length] as number);
    const message = `more than ${MOST_EMPTY} frames without a byte: the file is damaged`;
    return { offset, message };
  }

  #grow(): void {
    const longer = <T extends { set(from: T): void }>(make: (length: number) => T, from: T): T => {
      const to = make(2 * this.#length);
      to.set(from);
      return to;
    };
    this.#starts = longer((length) => new Float64Array(length), this.#starts);
    this.#captured = longer((length) => new Uint32Array(length), this.#captured);
    this.#originals = longer((length) => new Uint32Array(length), this.#originals);
    this.#headers = longer((length) => new Uint8Array(length), this.#headers);
    this.#linkTypes = longer((length) => new Uint16Array(length), this.#linkTypes);
    this.#times = longer((length) => new BigUint64Array(length), this.#times);
    this.#timesAbove = longer((length) => new Int32Array(length), this.#timesAbove);
  }
}
