import { fillDatagram, fillStream, HEADER_BYTES } from '../../rig/pattern.mjs';

/** Writes the content that receivers check into one piece of memory after the other. */
export interface Content {
  /** Bytes, or datagrams, so far. */
  readonly position: number;
  fill(bytes: Uint8Array, length?: number): void;
  /** Takes the last piece back, which was not sent. */
  undo(): void;
}

export class StreamContent implements Content {
  position = 0;
  #last = 0;

  constructor(readonly seed = 1) {}

  fill(bytes: Uint8Array, length = bytes.length): void {
    fillStream(bytes, this.position, this.seed, length);
    this.position += length;
    this.#last = length;
  }

  undo(): void {
    this.position -= this.#last;
    this.#last = 0;
  }
}

export class DatagramContent implements Content {
  position = 0;

  constructor(readonly seed = 1) {}

  fill(bytes: Uint8Array, length = bytes.length): void {
    if (length < HEADER_BYTES) throw new RangeError(`${length} bytes hold no header`);
    fillDatagram(bytes, this.position++, this.seed, length);
  }

  undo(): void {
    this.position--;
  }
}

/** The same sequence of numbers in every run: xorshift32. */
export function randomFrom(seed: number): (min: number, max: number) => number {
  let state = seed | 1;
  return (min, max) => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return min + ((state >>> 0) % (max - min + 1));
  };
}
