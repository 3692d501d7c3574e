import { types } from 'node:util';
import { constant } from '../addon/addon.js';
import { LAST_BEGIN } from '../addon/mailbox.js';
import { invalidArgument, outOfRange } from '../base/errors.js';
import type { LatencyHistogram } from '../base/latency-histogram.js';
import { checkInteger, readOptions } from '../base/validate.js';
import { readEach } from './given-arrays.js';
import { checkNotPooled, checkPlain } from './plain-array.js';
import { isPooled, type PooledBuffer, slotOf } from './pooled-buffer.js';
import { Slot } from './slots.js';

/** Some of the bytes of a buffer, as a part of a send. */
export interface BufferSlice {
  /** Where the bytes are. */
  buffer: PooledBuffer | Uint8Array;
  /** Where in the buffer they begin, in bytes; default 0. */
  offset?: number | undefined;
  /** How many there are. Required for a pooled buffer; default all that follow in a plain array. */
  length?: number | undefined;
}

/** One of the parts of a send: a buffer from its beginning on, or a slice of one. */
export type SendPart = PooledBuffer | Uint8Array | BufferSlice;

/**
 * Bytes of each part; undefined where the part has a length of its own, or a plain array is sent
 * whole.
 */
export type PartLengths = ArrayLike<number | undefined>;

/** The most parts of one send. */
export const MOST_PARTS: number = constant('extents');

const SLICE = ['buffer', 'offset', 'length'] as const;

/** A part whose properties were read once, but not checked. */
interface GivenPart {
  readonly buffer: unknown;
  readonly offset: unknown;
  readonly length: unknown;
}

/** A part that has been checked: its bytes exist. */
export interface Part {
  readonly buffer: PooledBuffer | Uint8Array;
  /** null for a plain array */
  readonly slot: Slot | null;
  readonly offset: number;
  readonly length: number;
}

/**
 * Reads the parts of a send. The caller's code (getters, a Proxy) may run within this function, but
 * not after it.
 * @param most the most parts that are allowed
 */
export function readParts(given: readonly unknown[], lengths: unknown, most: number): GivenPart[] {
  if (!Array.isArray(given)) throw invalidArgument('parts', 'an array', given);
  const count = checkInteger('parts.length', given.length, 1, most);
  const parts = readEach('parts', `an array of ${count}`, given, count);
  if (typeof lengths === 'string') throw invalidArgument('lengths', 'an array', lengths);
  const each =
    lengths === undefined ? undefined : readEach('lengths', `an array of ${count}`, lengths, count);
  return parts.map((part, i) => readPart(part, each?.[i], i));
}

function readPart(part: unknown, length: unknown, i: number): GivenPart {
  if (isPooled(part) || types.isUint8Array(part)) return { buffer: part, offset: 0, length };
  if (typeof part !== 'object' || part === null) throw notAPart(part, i);
  const slice = readOptions(`parts[${i}]`, part as BufferSlice, SLICE);
  const { buffer, offset = 0 } = slice;
  if (length !== undefined && slice.length !== undefined) {
    throw invalidArgument(`lengths[${i}]`, `undefined, as parts[${i}] has a length`, length);
  }
  return { buffer, offset, length: length ?? slice.length };
}

/** Checks that the bytes of a part exist, and that their memory may be sent. */
export function checkPart(given: GivenPart, i: number): Part {
  const { buffer, offset, length } = given;
  if (isPooled(buffer)) {
    const slot = slotOf(buffer);
    slot.assertHeld('send');
    const size = buffer.bytes.length;
    return { buffer, slot, ...checkBytes(offset, length, size, i) };
  }
  if (!types.isUint8Array(buffer)) throw notAPart(buffer, i);
  const size = checkPlain(buffer);
  if (size === 0) throw outOfRange(`parts[${i}]`, 'a buffer that is not empty', buffer);
  checkNotPooled(buffer);
  const begin = checkBegin(offset, size, i);
  return { buffer, slot: null, ...checkBytes(begin, length ?? size - begin, size, i) };
}

function checkBytes(offset: unknown, length: unknown, size: number, i: number) {
  const begin = checkBegin(offset, size, i);
  return { offset: begin, length: checkInteger(`lengths[${i}]`, length, 1, size - begin) };
}

function checkBegin(offset: unknown, size: number, i: number): number {
  return checkInteger(`parts[${i}].offset`, offset, 0, Math.min(size - 1, LAST_BEGIN));
}

function notAPart(received: unknown, i: number): TypeError {
  return invalidArgument(
    `parts[${i}]`,
    'a PooledBuffer, a Uint8Array, or an object with a buffer',
    received,
  );
}

/** What a send of several parts holds until it completes. */
export class HeldParts {
  readonly #memory: readonly (Slot | Uint8Array)[];

  constructor(memory: readonly (Slot | Uint8Array)[]) {
    this.#memory = memory;
  }

  /** The send `id` has completed, or (`unsent`) never left. */
  completed(id: number, unsent: boolean): void {
    for (const each of this.#memory) if (each instanceof Slot) each.completed(id, unsent);
  }

  [Symbol.iterator](): Iterator<Slot | Uint8Array> {
    return this.#memory[Symbol.iterator]();
  }

  /** The histograms of the pools that the parts are from, each once. */
  get latencies(): readonly LatencyHistogram[] {
    const all = new Set<LatencyHistogram>();
    for (const each of this.#memory) {
      if (each instanceof Slot && each.slots.latency !== null) all.add(each.slots.latency);
    }
    return [...all];
  }
}
