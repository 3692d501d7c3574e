// @ts-check
// The content that senders and receivers agree on: pattern.h in JavaScript. The definition stands
// there; test/rig/pattern.test.ts compares the two byte by byte. A word is 32 bits and multiplied with
// Math.imul, because BigInt arithmetic is two orders of magnitude slower.

const M1 = 0x9e3779b1 | 0;
const M2 = 0x85ebca77 | 0;
const S1 = 0x243f6a88 | 0;
const S2 = 0x13198a2e | 0;
const TWO_32 = 2 ** 32;
const RUN = 2 ** 34; // bytes of a stream that share their keys

export const HEADER_BYTES = 16;
export const ANNOUNCEMENT_BYTES = 8;
const ANNOUNCEMENT_MAGIC = 0x3150535a;

/** @param {number} i @param {number} a @param {number} b */
function word(i, a, b) {
  let x = Math.imul(i ^ a, M1);
  x ^= x >>> 15;
  x = Math.imul((x + b) | 0, M2);
  return x ^ (x >>> 13);
}

/** @param {number} n */
const high = (n) => Math.floor(n / TWO_32) | 0;
/** @param {number} seed @param {number} n */
const keyA = (seed, n) => word(n | 0, seed | 0, S1);
/** @param {number} seed @param {number} n @param {number} a */
const keyB = (seed, n, a) => word(high(n), seed | 0, S2) ^ a;

/**
 * One word view for each ArrayBuffer: making one costs as much as filling a hundred bytes.
 * @type {WeakMap<ArrayBufferLike, Uint32Array>}
 */
const views = new WeakMap();

/** @param {ArrayBufferLike} memory */
function wordsOf(memory) {
  const words = views.get(memory);
  // A buffer that was detached since keeps its old view, with length 0.
  if (words !== undefined && words.length === memory.byteLength >>> 2) return words;
  const fresh = new Uint32Array(memory, 0, memory.byteLength >>> 2);
  views.set(memory, fresh);
  return fresh;
}

/**
 * Writes the bytes of positions [offset, offset + end - start) to bytes[start..end).
 * @param {Uint8Array} bytes @param {Uint32Array} words @param {number} start @param {number} end
 * @param {number} offset @param {number} a @param {number} b
 */
function fillRange(bytes, words, start, end, offset, a, b) {
  const base = bytes.byteOffset;
  let at = start;
  while (at < end && ((base + at) & 3) !== 0) {
    bytes[at++] = word((offset / 4) | 0, a, b) >>> ((offset & 3) * 8);
    offset++;
  }
  let out = (base + at) / 4;
  const stop = out + ((end - at) >>> 2);
  at += (stop - out) * 4;
  let index = Math.floor(offset / 4) | 0;
  const shift = (offset & 3) * 8;
  offset += (stop - out) * 4;
  if (shift === 0) {
    for (; out < stop; out++, index = (index + 1) | 0) {
      let x = Math.imul(index ^ a, M1);
      x ^= x >>> 15;
      x = Math.imul((x + b) | 0, M2);
      words[out] = x ^ (x >>> 13);
    }
  } else {
    // Memory and stream are not aligned alike: each word of memory spans two of the stream.
    let previous = word(index, a, b);
    for (; out < stop; out++) {
      index = (index + 1) | 0;
      let x = Math.imul(index ^ a, M1);
      x ^= x >>> 15;
      x = Math.imul((x + b) | 0, M2);
      x ^= x >>> 13;
      words[out] = (previous >>> shift) | (x << (32 - shift));
      previous = x;
    }
  }
  for (; at < end; at++, offset++) {
    bytes[at] = word(Math.floor(offset / 4) | 0, a, b) >>> ((offset & 3) * 8);
  }
}

/** @type {typeof import('./pattern.mjs').fillStream} */
export function fillStream(bytes, offset, seed, length = bytes.length) {
  const words = wordsOf(bytes.buffer);
  let at = 0;
  while (at < length) {
    const run = Math.floor(offset / RUN);
    const inRun = offset - run * RUN;
    const end = at + Math.min(length - at, RUN - inRun);
    const a = keyA(seed, run);
    fillRange(bytes, words, at, end, inRun, a, keyB(seed, run, a));
    offset += end - at;
    at = end;
  }
}

/** @type {typeof import('./pattern.mjs').announceSeed} */
export function announceSeed(bytes, seed) {
  for (let i = 0; i < 4; i++) {
    bytes[i] = ANNOUNCEMENT_MAGIC >>> (8 * i);
    bytes[4 + i] = seed >>> (8 * i);
  }
}

/**
 * @param {Uint8Array} bytes @param {Uint32Array} words @param {number} start @param {number} length
 * @param {number} sequence @param {number} seed
 */
function fillDatagramAt(bytes, words, start, length, sequence, seed) {
  const low = sequence | 0;
  const top = high(sequence);
  const header = Math.min(length, HEADER_BYTES);
  if (header === HEADER_BYTES && ((bytes.byteOffset + start) & 3) === 0) {
    const out = (bytes.byteOffset + start) / 4;
    words[out] = low;
    words[out + 1] = top;
    words[out + 2] = seed;
    words[out + 3] = length;
  } else {
    for (let i = 0; i < header; i++) {
      const field = i < 4 ? low : i < 8 ? top : i < 12 ? seed : length;
      bytes[start + i] = field >>> ((i & 3) * 8);
    }
  }
  const a = keyA(~seed, sequence);
  fillRange(bytes, words, start + header, start + length, header, a, keyB(~seed, sequence, a));
}

/** @type {typeof import('./pattern.mjs').fillDatagram} */
export function fillDatagram(bytes, sequence, seed, length = bytes.length) {
  fillDatagramAt(bytes, wordsOf(bytes.buffer), 0, length, sequence, seed);
}

/** @type {typeof import('./pattern.mjs').fillTrain} */
export function fillTrain(bytes, length, segmentSize, firstSequence, seed) {
  const words = wordsOf(bytes.buffer);
  let sequence = firstSequence;
  for (let at = 0; at < length; at += segmentSize) {
    fillDatagramAt(bytes, words, at, Math.min(segmentSize, length - at), sequence, seed);
    sequence++;
  }
  return sequence - firstSequence;
}

/** @param {Uint8Array} actual @param {Uint8Array} expected */
function firstDifference(actual, expected) {
  if (Buffer.compare(actual, expected) === 0) return -1;
  return actual.findIndex((byte, i) => byte !== expected[i]);
}

/** @type {typeof import('./pattern.mjs').verifyStream} */
export function verifyStream(bytes, offset, seed) {
  const expected = new Uint8Array(bytes.length);
  fillStream(expected, offset, seed);
  return firstDifference(bytes, expected);
}

/** @type {typeof import('./pattern.mjs').verifyDatagram} */
export function verifyDatagram(bytes) {
  if (bytes.length < HEADER_BYTES)
    throw new RangeError(`datagram of ${bytes.length} bytes: no header`);
  const view = new DataView(bytes.buffer, bytes.byteOffset, HEADER_BYTES);
  const sequence = view.getUint32(4, true) * TWO_32 + view.getUint32(0, true);
  const seed = view.getUint32(8, true);
  const expected = new Uint8Array(bytes.length);
  fillDatagram(expected, sequence, seed);
  return { sequence, seed, firstWrong: firstDifference(bytes, expected) };
}
