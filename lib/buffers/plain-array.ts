import { types } from 'node:util';
import { invalidArgument, typeError } from '../base/errors.js';

// The getters of the engine's prototype, which no property or class of the user's can override.
const typedArray = Object.getPrototypeOf(Uint8Array.prototype);
const lengthOf = getter(typedArray, 'length') as (bytes: Uint8Array) => number;
const offsetOf = getter(typedArray, 'byteOffset') as (bytes: Uint8Array) => number;
const memoryOf = getter(typedArray, 'buffer') as (bytes: Uint8Array) => ArrayBufferLike;
const isResizable = getter(ArrayBuffer.prototype, 'resizable') as (memory: unknown) => boolean;
const isGrowable = getter(SharedArrayBuffer.prototype, 'growable') as (memory: unknown) => boolean;
const detached = Object.getOwnPropertyDescriptor(ArrayBuffer.prototype, 'detached')?.get;

function getter(prototype: object, name: string): (object: never) => unknown {
  const get = Object.getOwnPropertyDescriptor(prototype, name)?.get;
  return Function.prototype.call.bind(get as () => unknown);
}

/**
 * Throws where `bytes` is not a typed array that the kernel can read in place: its memory must be
 * of a fixed size, and not detached. Returns its length.
 */
export function checkPlain(bytes: unknown): number {
  if (!types.isUint8Array(bytes)) {
    throw invalidArgument('buffer', 'a PooledBuffer or a Uint8Array', bytes);
  }
  const memory = memoryOf(bytes);
  const shared = types.isSharedArrayBuffer(memory);
  if (shared ? isGrowable(memory) : isResizable(memory)) {
    throw typeError(
      'ERR_ZEROSEND_BUFFER_RESIZABLE',
      'buffer must not sit on a resizable ArrayBuffer: its memory can go away while in flight',
    );
  }
  const length = lengthOf(bytes);
  // A detached array has length 0, but so has an empty one; only the detached one has no memory.
  if (length === 0 && !shared && isDetached(memory as ArrayBuffer)) {
    throw typeError('ERR_ZEROSEND_BUFFER_DETACHED', 'buffer has been detached (transferred)');
  }
  return length;
}

// Has the memory of pools, not the pools themselves: a view of the memory would keep those from
// being collected.
const pooled = new WeakSet<ArrayBufferLike>();

/** Marks the memory of a pool. */
export function markPooled(memory: ArrayBufferLike): void {
  pooled.add(memory);
}

/**
 * Throws for a view of a pool's memory that is given as a plain array: nothing would keep the pool
 * from handing the slot out again while the kernel reads it.
 * @param own the memory of the socket's own ring, which is allowed
 */
export function checkNotPooled(bytes: Uint8Array, own?: ArrayBufferLike): void {
  const memory = memoryOf(bytes);
  if (memory !== own && !pooled.has(memory)) return;
  throw typeError(
    'ERR_ZEROSEND_POOLED_MEMORY',
    'the array is a view of the memory of a pool: call send(buffer, length) with the buffer that was ' +
      'acquired, whose first bytes go out, or copy the bytes into an array of your own',
  );
}

/** The first bytes of an array that has been checked. */
export function startOf(bytes: Uint8Array, length: number): Uint8Array {
  return new Uint8Array(memoryOf(bytes), offsetOf(bytes), length);
}

function isDetached(memory: ArrayBuffer): boolean {
  if (detached !== undefined) return detached.call(memory);
  try {
    new Uint8Array(memory); // throws if it is detached; Node 20 has no property `detached`
    return false;
  } catch {
    return true;
  }
}
