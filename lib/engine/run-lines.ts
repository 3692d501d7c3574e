import { reserveLines, writeLongRun, writeOwnLength, writeRun } from '../addon/submission.js';
import type { Run } from '../buffers/run.js';
import { checkLength, nameIndex } from './refusals.js';
import type { Numbers } from './run-lengths.js';
import type { SocketState } from './state.js';

/**
 * Checks the lengths of a run and writes its descriptor, which is to be published next.
 * @param size bytes of a buffer
 * @returns the number of its lines
 */
export function writeRunLines(
  state: SocketState,
  run: Run,
  lengths: Numbers,
  size: number,
): number {
  const { policy, handle } = state;
  const { slab, first, count } = run;
  if (typeof lengths === 'number') {
    checkLength(state, lengths, size);
    reserveLines(1);
    writeRun(handle, slab, first, count, lengths, policy.wants(lengths));
    return 1;
  }
  reserveLines(1 + count);
  for (let i = 0; i < count; i++) {
    const bytes = lengths[i] as number;
    try {
      checkLength(state, bytes, size);
    } catch (error) {
      nameIndex(error, i);
      throw error;
    }
    writeOwnLength(i, bytes, policy.wants(bytes));
  }
  return writeLongRun(handle, slab, first, count);
}
