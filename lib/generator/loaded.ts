import { BufferPool, type PooledBuffer } from '../index.js';
import type { Ready } from './prepare.js';
import type { Steps } from './steps.js';

/** Frames that are loaded in a step. */
const STEP = 256;

/** Where frames are ready to be sent from. */
export interface Loaded {
  readonly pool: BufferPool;
  /** A buffer that holds the frame, with a lease to send it; null when there is none now. */
  take(frame: number): PooledBuffer | null;
  close(): void;
}

/**
 * The frames in a ring, whose buffers come in turn: a frame is copied into a buffer unless it is
 * there from the round before, which it is when the capture has as many frames as the ring.
 */
export class LoadedRing implements Loaded {
  readonly pool: BufferPool;
  readonly #ready: readonly Ready[];
  readonly #holds: Int32Array;

  constructor(pool: BufferPool, ready: readonly Ready[]) {
    this.pool = pool;
    this.#ready = ready;
    this.#holds = new Int32Array(pool.count).fill(-1);
  }

  take(frame: number): PooledBuffer | null {
    const buffer = this.pool.tryAcquire();
    if (buffer === null) return null;
    if (this.#holds[buffer.index] !== frame) {
      buffer.bytes.set((this.#ready[frame] as Ready).bytes);
      this.#holds[buffer.index] = frame;
    }
    return buffer;
  }

  close(): void {}
}

/** Each frame in a buffer of its own, sent from there again and again. */
export class LoadedPool implements Loaded {
  readonly pool: BufferPool;
  readonly #buffers: PooledBuffer[];

  private constructor(pool: BufferPool, buffers: PooledBuffer[]) {
    this.pool = pool;
    this.#buffers = buffers;
  }

  /** @throws RangeError `ERR_ZEROSEND_NO_MEMORY` for more frames than there is memory for */
  static *load(ready: readonly Ready[]): Steps<LoadedPool> {
    const bufferSize = ready.reduce((most, { bytes }) => Math.max(most, bytes.length), 1);
    const pool = new BufferPool({ count: ready.length, bufferSize });
    const buffers: PooledBuffer[] = [];
    for (const { bytes } of ready) {
      const buffer = pool.tryAcquire() as PooledBuffer;
      buffer.bytes.set(bytes);
      buffers.push(buffer);
      if (buffers.length % STEP === 0) yield;
    }
    return new LoadedPool(pool, buffers);
  }

  take(frame: number): PooledBuffer {
    return (this.#buffers[frame] as PooledBuffer).retain();
  }

  close(): void {
    for (const buffer of this.#buffers) buffer[Symbol.dispose]();
    void this.pool.close();
  }
}
