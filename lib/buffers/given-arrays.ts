import { invalidArgument } from '../base/errors.js';

/*
 * What a caller's array says can change while it is read: by getters, by a Proxy, by listeners. So
 * each element is read once, into an array of our own, before anything is checked or booked from it.
 * Whatever such code does meanwhile (it may send, or release what it has handed over) has happened
 * before, as far as the call at hand is concerned.
 */

// One list is used by call after call; a call within another one, of a getter, gets a new one.
let spare: unknown[] | null = [];

/**
 * So many elements, whatever they are, in a list that may be longer and is to be given back. Not
 * shared with lengths, so that what is loaded here stays of one kind.
 */
export function readBuffers(array: ArrayLike<unknown>, count: number): unknown[] {
  const buffers = spare ?? [];
  spare = null;
  for (let i = 0; i < count; i++) buffers[i] = array[i];
  return buffers;
}

/** So many of its elements have been used. It keeps none of them: they would keep their pools. */
export function giveBack(buffers: unknown[], count: number): void {
  buffers.fill(null, 0, count);
  spare = buffers;
}

/** As many lengths; what is no list of so many is refused. */
export function readLengths(given: unknown, count: number): unknown[] {
  return readEach('length', `a number, or ${count} numbers`, given, count);
}

/** The elements of a list of so many; what is no such list is refused. */
export function readEach(name: string, expected: string, given: unknown, count: number): unknown[] {
  const list = given as ArrayLike<unknown> | null | undefined;
  if (list?.length !== count) throw invalidArgument(name, expected, given);
  const elements = new Array<unknown>(count);
  for (let i = 0; i < count; i++) elements[i] = list[i];
  return elements;
}
