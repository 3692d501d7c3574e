import { types } from 'node:util';
import { invalidArgument, typeError } from './errors.js';

/** An array of the user's that the kernel can read in place: whole, fixed, and still there. */
export function checkPlain(bytes: unknown): asserts bytes is Uint8Array {
  if (!types.isUint8Array(bytes)) {
    throw invalidArgument('buffer', 'a PooledBuffer or a Uint8Array', bytes);
  }
  const memory = bytes.buffer as ArrayBuffer & { resizable?: boolean; growable?: boolean };
  if (memory.resizable || memory.growable) {
    throw typeError(
      'ERR_ZEROSEND_BUFFER_RESIZABLE',
      'buffer must not sit on a resizable ArrayBuffer: its memory can go away while in flight',
    );
  }
  // A detached array has length 0, but so has an empty one; only the detached one has no memory.
  if (bytes.length === 0 && isDetached(memory)) {
    throw typeError('ERR_ZEROSEND_BUFFER_DETACHED', 'buffer has been detached (transferred)');
  }
}

function isDetached(memory: ArrayBuffer & { detached?: boolean }): boolean {
  if (memory.detached !== undefined) return memory.detached;
  try {
    new Uint8Array(memory); // Node 20 has no `detached`
    return false;
  } catch {
    return true;
  }
}
