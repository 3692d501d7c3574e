import type { OpenedSocket } from '../addon/contract.js';
import { rangeError, stateError } from '../base/errors.js';
import { checkString } from '../base/validate.js';
import { type BufferPool, type BufferPoolOptions, memoryOf } from '../buffers/buffer-pool.js';
import type { PartLengths, SendPart } from '../buffers/parts.js';
import { checkNotPooled, checkPlain, startOf } from '../buffers/plain-array.js';
import { isPooled, type PooledBuffer } from '../buffers/pooled-buffer.js';
import type { Core } from '../engine/core.js';
import type { CheckedSocketOptions, WatchOptions } from '../engine/options.js';
import { checkLength, checkOffset } from '../engine/refusals.js';
import type { SendOptions } from '../engine/send-options.js';
import { coreOf, ZeroCopySocket } from '../engine/socket.js';
import type { Protocol } from '../engine/state.js';
import { sendTagged } from '../engine/tagged.js';
import { RingParts } from './ring-parts.js';

const IFNAMSIZ = 16;
const KICK_EVERY = 64;

/** What the frames of a ring cannot choose: each goes out from the ring, in place. */
const RING_OPTIONS: Omit<CheckedSocketOptions, keyof RingOptions> = {
  zeroCopy: 'always',
  zeroCopyThreshold: 0,
  sendBufferSize: 0,
  maxQueuedSends: 65_536, // the ring itself is the queue
  maxPacingRate: 0,
  interface: undefined,
};

/** What they can. */
export type RingOptions = Pick<CheckedSocketOptions, 'timestamps' | keyof WatchOptions>;

/** What {@link PacketSocket} and {@link XdpSocket} share: the ring is the pool. */
export abstract class RingSocket extends ZeroCopySocket {
  readonly #core: Core;
  readonly #pool: BufferPool;
  readonly #parts: RingParts;

  /** @internal */
  protected constructor(
    protocol: Protocol,
    opened: OpenedSocket,
    pool: BufferPool,
    options: RingOptions,
  ) {
    super(
      protocol,
      opened,
      { ...RING_OPTIONS, ...options },
      {
        maxLength: pool.bufferSize, // the MTU, which can change, is minded where frames are put
        segmentSize: 0,
        reapEvery: KICK_EVERY, // a poll kicks, so it should not come before the kick is due
        pool,
      },
    );
    this.#core = coreOf(this);
    this.#pool = pool;
    this.#parts = new RingParts(this.#core, pool);
    this.once('close', () => void pool.close());
  }

  /** The frames. Only these can be sent; a plain array is copied into one. */
  get pool(): BufferPool {
    return this.#pool;
  }

  /**
   * Puts one packet out of parts into the ring. It goes out from the frames of this ring among them, and
   * plain arrays are copied.
   *
   * The transmit ring sends a frame as a packet, so one part may be a frame at most: what else there is
   * is copied into it, before and behind that part. It has to lie at its place, as in
   * `send([header, { buffer: frame, offset: 42, length: 1000 }])` with a header of 42 bytes. AF_XDP makes
   * one packet of several frames, so the parts may be as many frames as `info().xdp.multiFrame.maxFrames`
   * says, from any offset on, and a plain array takes a free frame of its own.
   *
   * Where no part is a frame, all are copied into the next free one.
   * @throws as the other `send`; RangeError `ERR_ZEROSEND_OUT_OF_RANGE` for more frames than make a packet,
   * and for a frame's part that is not at its place
   */
  override send(parts: readonly SendPart[], lengths?: PartLengths, options?: SendOptions): number;
  /**
   * Puts a frame into the ring and returns its id. A plain array is copied into the next free frame
   * (its completion says `'inline'`); where there is none this throws `ERR_ZEROSEND_QUEUE_FULL`.
   *
   * The kernel is told of frames in batches: after 64, at the end of the turn of the event loop, and
   * by {@link ZeroCopySocket.poll}.
   * @throws as {@link ZeroCopySocket.send}; TypeError `ERR_ZEROSEND_WRONG_POOL`, RangeError
   * `ERR_ZEROSEND_FRAME_TOO_LONG`, RangeError `ERR_ZEROSEND_FRAME_MALFORMED`
   */
  override send(buffer: PooledBuffer | Uint8Array, length?: number, options?: SendOptions): number;
  override send(
    buffer: PooledBuffer | Uint8Array | readonly SendPart[],
    length?: number | PartLengths,
    options?: SendOptions,
  ): number {
    this.#core.sender.reapIfDue();
    if (options === undefined) return this.#put(buffer, length);
    return sendTagged(this.#core, options, (offset) => {
      checkOffset(offset, 0, this.#pool);
      return this.#put(buffer, length);
    });
  }

  #put(
    buffer: PooledBuffer | Uint8Array | readonly SendPart[],
    length: number | PartLengths | undefined,
  ): number {
    if (isPooled(buffer)) return this.#core.sender.pooled(buffer, length as number, 0, false);
    return Array.isArray(buffer)
      ? this.#parts.send(buffer, length)
      : this.#sendCopy(buffer as Uint8Array, length as number | undefined);
  }

  #sendCopy(bytes: Uint8Array, length: number | undefined): number {
    const { sender, state } = this.#core;
    const available = checkPlain(bytes);
    checkNotPooled(bytes, memoryOf(this.#pool).map.memory);
    const count = length === undefined ? available : length;
    checkLength(state, count, available);
    const frame = state.phase === 'open' ? this.#pool.tryAcquire() : null;
    if (frame === null) {
      throw state.phase === 'open'
        ? stateError('ERR_ZEROSEND_QUEUE_FULL', 'no frame of the ring is free to copy into')
        : state.closedError();
    }
    try {
      checkPlain(bytes); // again: a dry pool's listeners may have transferred it
      frame.bytes.set(startOf(bytes, count));
      return sender.pooled(frame, count, 0, true);
    } catch (error) {
      frame.release();
      throw error;
    }
  }
}

export function checkInterface(name: unknown): string {
  const text = checkString('options.interface', name);
  if (Buffer.byteLength(text) >= IFNAMSIZ) {
    throw rangeError(
      'ERR_ZEROSEND_OUT_OF_RANGE',
      `options.interface must have at most ${IFNAMSIZ - 1} bytes; received '${text}'`,
    );
  }
  return text;
}

/** Options of a pool over memory that exists. */
export function withInit(init: BufferPoolOptions['init'] | undefined): BufferPoolOptions {
  return { init };
}
