import { getHeapStatistics } from 'node:v8';

/** The share of the free heap that one array of objects may fill: the program needs the rest. */
const SHARE = 0.75;

/**
 * How many more objects V8's heap holds. A full heap ends the process without an exception, so large
 * arrays of objects are counted before they are made.
 * @param bytes that an object takes on the heap
 */
export function objectsThatFit(bytes: number): number {
  const { heap_size_limit, used_heap_size } = getHeapStatistics();
  return Math.floor(((heap_size_limit - used_heap_size) * SHARE) / bytes);
}
