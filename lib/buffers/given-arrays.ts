import { types } from 'node:util';
import { invalidArgument } from '../base/errors.js';

/*
 * The elements of a caller's array can change while they are read: by getters, by a Proxy, by
 * listeners. So each element is read once, into an array of the library's own, before anything is
 * checked or booked. Whatever such code does while it runs (it may send, or release the very
 * buffers) counts as done before the call.
 */

// One list serves all calls. A call within another one, made by a getter, gets a new list.
let spare: unknown[] | null = [];

/**
 * Reads `count` elements, unchecked, into a list that may be longer and has to be given back.
 * Lengths are read into lists of their own, so that V8 sees elements of one kind here.
 */
export function readBuffers(array: ArrayLike<unknown>, count: number): unknown[] {
  const buffers = spare ?? [];
  spare = null;
  for (let i = 0; i < count; i++) buffers[i] = array[i];
  return buffers;
}

/**
 * Gives a list of {@link readBuffers} back, of which `count` elements were used. They are
 * overwritten, since they would keep their pools from being collected.
 */
export function giveBack(buffers: unknown[], count: number): void {
  buffers.fill(null, 0, count);
  spare = buffers;
}

/**
 * Reads `count` lengths. Throws where `given` is no list of that length. Reading a Uint32Array runs no
 * code of the program, unless it is a Proxy of one, so it is not copied. The caller has to read each
 * element once only, since another thread may write to it.
 */
export function readLengths(given: unknown, count: number): unknown[] | Uint32Array {
  if (types.isUint32Array(given) && given.length === count) return given;
  return readEach('length', `a number, or ${count} numbers`, given, count);
}

/** Reads the elements of a list. Throws where `given` is no list of `count` elements. */
export function readEach(name: string, expected: string, given: unknown, count: number): unknown[] {
  const list = given as ArrayLike<unknown> | null | undefined;
  if (list?.length !== count) throw invalidArgument(name, expected, given);
  const elements = new Array<unknown>(count);
  for (let i = 0; i < count; i++) elements[i] = list[i];
  return elements;
}
