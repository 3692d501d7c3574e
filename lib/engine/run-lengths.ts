import { FLAG_BEGIN } from '../addon/addon.js';
import {
  fillRunLengths,
  writeBegin as writeOneBegin,
  writeRunLength as writeOneLength,
} from '../addon/mailbox.js';
import type { BufferPool } from '../buffers/buffer-pool.js';
import { checkLength, checkOffset, nameIndex } from './refusals.js';
import type { SocketState } from './state.js';
import type { ZeroCopyPolicy } from './zero-copy-policy.js';

// TurboFan folds constants of this module; an imported binding is loaded at each use.
const writeLength = writeOneLength;
const writeBegin = writeOneBegin;

/** One number for all messages, or a list of the library's own with one for each. Not checked. */
export type Numbers = number | readonly unknown[] | Uint32Array;

/** The number for message `i`. */
export function numberAt(numbers: Numbers | undefined, i: number): number {
  return (typeof numbers === 'object' ? numbers[i] : numbers) as number;
}

/**
 * Checks the lengths of a run, whose buffers have `size` bytes each, and writes them into the mailbox.
 * @param own the only pool whose buffers the socket sends; null: any
 * @returns the flags that say what was written
 */
export function writeLengths(
  state: SocketState,
  count: number,
  size: number,
  lengths: Numbers,
  offsets: Numbers | undefined,
  own: BufferPool | null,
): number {
  const { policy } = state;
  if (offsets === undefined && typeof lengths === 'number') {
    checkLength(state, lengths, size);
    fillRunLengths(count, lengths, policy.wants(lengths));
    return 0;
  }
  const usual =
    offsets === undefined && typeof lengths !== 'number'
      ? writeUsual(policy, count, Math.min(size, state.maxLength), lengths)
      : 0;
  for (let i = usual; i < count; i++) {
    const bytes = numberAt(lengths, i);
    try {
      const offset = checkOffset(numberAt(offsets, i), size, own);
      checkLength(state, bytes, size - offset);
      if (offsets !== undefined) writeBegin(i, offset);
    } catch (error) {
      nameIndex(error, i);
      throw error;
    }
    writeLength(i, bytes, policy.wants(bytes));
  }
  return offsets === undefined ? 0 : FLAG_BEGIN;
}

/** Writes lengths up to the first that is none; returns how many those are. */
function writeUsual(
  policy: ZeroCopyPolicy,
  count: number,
  most: number,
  lengths: readonly unknown[] | Uint32Array,
): number {
  for (let i = 0; i < count; i++) {
    const bytes = lengths[i] as number;
    // Before it is compared: that would convert what is no number.
    if (!Number.isInteger(bytes) || bytes <= 0 || bytes > most) return i;
    writeLength(i, bytes, policy.wants(bytes));
  }
  return count;
}
