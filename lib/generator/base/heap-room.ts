import { getHeapStatistics } from 'node:v8';

/** Of what is left of the heap, the share that may be filled: the rest is for everything else. */
const SHARE = 0.75;

/**
 * How many objects the heap takes. When it is full, V8 ends the process, and no `catch` is asked.
 * @param bytes of each
 */
export function objectsThatFit(bytes: number): number {
  const { heap_size_limit, used_heap_size } = getHeapStatistics();
  return Math.floor(((heap_size_limit - used_heap_size) * SHARE) / bytes);
}
