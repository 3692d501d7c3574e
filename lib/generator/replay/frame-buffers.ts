import { BufferPool, type PooledBuffer } from '../../index.js';
import type { Steps } from '../base/steps.js';
import type { SendableFrame } from './sendable-frames.js';

/** How many frames each pool has. */
const POOL = 1024;

/** Buffers that hold the frames of a replay. */
export interface FrameBuffers {
  readonly pool: BufferPool;
  /** A buffer that holds the frame, with a lease to send it; null when there is none now. */
  take(frame: number): PooledBuffer | null;
  /** Releases what it holds. */
  close(): void;
}

/**
 * The frames go through the buffers of a ring, which come in turn. A frame is copied unless the buffer
 * holds it from the round before, as it does where capture and ring have the same number of frames.
 */
export class RingFrames implements FrameBuffers {
  readonly pool: BufferPool;
  readonly #frames: readonly SendableFrame[];
  readonly #holds: Int32Array;

  constructor(pool: BufferPool, frames: readonly SendableFrame[]) {
    this.pool = pool;
    this.#frames = frames;
    this.#holds = new Int32Array(pool.count).fill(-1);
  }

  take(frame: number): PooledBuffer | null {
    const buffer = this.pool.tryAcquire();
    if (buffer === null) return null;
    if (this.#holds[buffer.index] !== frame) {
      buffer.bytes.set((this.#frames[frame] as SendableFrame).bytes);
      this.#holds[buffer.index] = frame;
    }
    return buffer;
  }

  close(): void {}
}

/** Each frame lies in a buffer of its own, and is sent from there in every loop. */
export class PooledFrames implements FrameBuffers {
  /** the first of the pools; all buffers of all pools are held, so nobody may wait for one */
  readonly pool: BufferPool;
  readonly #pools: readonly BufferPool[];
  readonly #buffers: readonly PooledBuffer[];
  /** for each frame of the replay, which buffer has it */
  readonly #places: Uint32Array;

  private constructor(
    pools: readonly BufferPool[],
    buffers: readonly PooledBuffer[],
    places: Uint32Array,
  ) {
    this.#places = places;
    this.pool = pools[0] as BufferPool;
    this.#pools = pools;
    this.#buffers = buffers;
  }

  /**
   * A pool for a thousand frames with each step: one for all would be one long step.
   * @param way of the frames that are loaded
   * @throws RangeError `ERR_ZEROSEND_NO_MEMORY` for more frames than there is memory for
   */
  static *load(all: readonly SendableFrame[], way: number): Steps<PooledFrames> {
    const frames = all.filter((frame) => frame.way === way);
    const pools: BufferPool[] = [];
    const buffers: PooledBuffer[] = [];
    const made = () => new PooledFrames(pools, buffers, placesOf(all, way));
    try {
      // A socket that nothing leaves through has one all the same.
      while (buffers.length < frames.length || pools.length === 0) {
        const some = frames.slice(buffers.length, buffers.length + POOL);
        const bufferSize = some.reduce((most, { bytes }) => Math.max(most, bytes.length), 1);
        const pool = new BufferPool({ count: Math.max(1, some.length), bufferSize });
        pools.push(pool);
        for (const { bytes } of some) {
          const buffer = pool.tryAcquire() as PooledBuffer;
          buffer.bytes.set(bytes);
          buffers.push(buffer);
        }
        yield;
      }
    } catch (error) {
      made().close();
      throw error;
    }
    return made();
  }

  take(frame: number): PooledBuffer {
    return (this.#buffers[this.#places[frame] as number] as PooledBuffer).retain();
  }

  close(): void {
    for (const buffer of this.#buffers) buffer[Symbol.dispose]();
    for (const pool of this.#pools) void pool.close();
  }
}

/** For each frame, how many of the same way come before it. */
function placesOf(frames: readonly SendableFrame[], way: number): Uint32Array {
  let before = 0;
  return Uint32Array.from(frames, (frame) => (frame.way === way ? before++ : 0));
}
