// @ts-check
// The stream of pattern.mjs, of which the first megabyte repeats, for programs that show how fast they
// are: to copy and compare it takes a memcpy and a memcmp (18 GB/s), where computing each word of it
// (0.4 GB/s) would be what is measured. The period is a prime number above 1 MB, so that no two sends
// near each other carry the same bytes: one that comes twice, late, from the wrong place or from a
// buffer that was overwritten too early is told from the right one.
import { fillStream } from './pattern.mjs';

export const PERIOD = 1_048_583;
const PIECE = 2 ** 20; // bytes that are in one piece, wherever in the period they begin
const HEADER_BYTES = 4; // of a datagram: its sequence number
const STRIDE = 7_919; // from one datagram's content to the next one's; no multiple of a size

export class RepeatedPattern {
  /** @type {Buffer} */
  #bytes;

  /** @param {number} seed a whole number below 2^32 */
  constructor(seed) {
    this.#bytes = Buffer.alloc(PERIOD + PIECE);
    fillStream(this.#bytes, 0, seed, PERIOD);
    this.#bytes.copyWithin(PERIOD, 0, PIECE);
  }

  /**
   * Writes the bytes of a stream from `position` on to the beginning of `bytes`.
   * @param {Buffer} bytes @param {number} length @param {number} position
   */
  fillStream(bytes, length, position) {
    for (let at = 0; at < length; at += PIECE) {
      const start = (position + at) % PERIOD;
      this.#bytes.copy(bytes, at, start, start + Math.min(PIECE, length - at));
    }
  }

  /**
   * How many bytes are not what the stream has at `position`.
   * @param {Buffer} bytes @param {number} position
   */
  wrongInStream(bytes, position) {
    let wrong = 0;
    for (let at = 0; at < bytes.length; at += PIECE) {
      const end = Math.min(bytes.length, at + PIECE);
      wrong += this.#wrong(bytes, at, end, (position + at) % PERIOD);
    }
    return wrong;
  }

  /**
   * Writes a train: a datagram every `segment` bytes, each with its sequence number and content.
   * @param {Buffer} bytes @param {number} length @param {number} segment @param {number} sequence
   * @returns {number} the sequence number after the last one
   */
  fillTrain(bytes, length, segment, sequence) {
    let next = sequence;
    for (let at = 0; at < length; at += segment, next++) {
      const content = Math.min(segment, length - at) - HEADER_BYTES;
      const start = (next * STRIDE) % PERIOD;
      bytes.writeUInt32LE(next, at);
      this.#bytes.copy(bytes, at + HEADER_BYTES, start, start + content);
    }
    return next;
  }

  /** @param {Buffer} datagram of more bytes than its header */
  sequenceOf(datagram) {
    return datagram.readUInt32LE(0);
  }

  /**
   * How many bytes are not the content of the datagram's sequence number.
   * @param {Buffer} datagram
   */
  wrongInDatagram(datagram) {
    const start = (this.sequenceOf(datagram) * STRIDE) % PERIOD;
    return this.#wrong(datagram, HEADER_BYTES, datagram.length, start);
  }

  /** @param {Buffer} bytes @param {number} from @param {number} to @param {number} start */
  #wrong(bytes, from, to, start) {
    if (bytes.compare(this.#bytes, start, start + to - from, from, to) === 0) return 0;
    let wrong = 0;
    for (let i = from; i < to; i++) if (bytes[i] !== this.#bytes[start + i - from]) wrong++;
    return wrong;
  }
}
