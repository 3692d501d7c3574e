// A seed is a whole number below 2^32; offsets and sequences are exact up to 2^53.

export const HEADER_BYTES: 16;
export const ANNOUNCEMENT_BYTES: 8;

/** Writes stream bytes [offset, offset + length) to the beginning of `bytes`. */
export function fillStream(bytes: Uint8Array, offset: number, seed: number, length?: number): void;

/** Writes the announcement that a receiver with seed 'any' expects in a stream's first 8 bytes. */
export function announceSeed(bytes: Uint8Array, seed: number): void;

/** Writes one datagram of `length` bytes: sequence, seed and length, then content. */
export function fillDatagram(
  bytes: Uint8Array,
  sequence: number,
  seed: number,
  length?: number,
): void;

/** Writes a GSO train, a datagram every `segmentSize` bytes; returns how many. */
export function fillTrain(
  bytes: Uint8Array,
  length: number,
  segmentSize: number,
  firstSequence: number,
  seed: number,
): number;

/** The first index at which `bytes` is not what the stream has at `offset`, or -1. */
export function verifyStream(bytes: Uint8Array, offset: number, seed: number): number;

/** What a datagram's header says, and the first index at which it is wrong, or -1. */
export function verifyDatagram(bytes: Uint8Array): {
  sequence: number;
  seed: number;
  firstWrong: number;
};
