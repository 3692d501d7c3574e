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
import { readOne, type SendOptions } from '../engine/send-options.js';
import { coreOf, ZeroCopySocket } from '../engine/socket.js';
import type { Protocol } from '../engine/state.js';
import { RingParts } from './ring-parts.js';

const IFNAMSIZ = 16;
const KICK_EVERY = 64;

/** Options that sockets with a ring do not offer: each frame is sent in place. */
const RING_OPTIONS: Omit<CheckedSocketOptions, keyof RingOptions> = {
  zeroCopy: 'always',
  zeroCopyThreshold: 0,
  sendBufferSize: 0,
  maxQueuedSends: 65_536, // never reached, since the ring itself is the queue
  maxPacingRate: 0,
  interface: undefined,
};

/** Options that they do offer. */
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
        // the MTU can change, so it is checked when a frame is put into the ring
        maxLength: pool.bufferSize,
        segmentSize: 0,
        // a poll kicks the kernel, so it should not come before the kick is due
        reapEvery: KICK_EVERY,
        pool,
      },
    );
    this.#core = coreOf(this);
    this.#pool = pool;
    this.#parts = new RingParts(this.#core, pool);
  }

  /** The frames. Only these can be sent; a plain array is copied into one. */
  get pool(): BufferPool {
    return this.#pool;
  }

  /**
   * Puts one packet out of parts into the ring. Parts that are frames of this ring are sent in
   * place, and plain arrays are copied.
   *
   * A packet of the transmit ring is one frame, so at most one part may be a frame. The other parts
   * are copied into that frame, before and behind it, so its offset has to leave exactly the room
   * that they need: `send([header, { buffer: frame, offset: 42, length: 1000 }])` with a header of
   * 42 bytes. A packet of AF_XDP can be several frames, so the parts may be up to
   * `info().xdp.multiFrame.maxFrames` frames, from any offset on, and plain arrays are copied into
   * free frames.
   *
   * Where no part is a frame, all are copied into free ones.
   * @throws as the other `send`; RangeError `ERR_ZEROSEND_OUT_OF_RANGE` for more frames than make a packet,
   * and for a frame's part that is not at its place
   */
  override send(parts: readonly SendPart[], lengths?: PartLengths, options?: SendOptions): number;
  /**
   * Puts a frame into the ring and returns its id. A plain array is copied into the next free frame
   * (its completion says `'inline'`); where there is none this throws `ERR_ZEROSEND_QUEUE_FULL`.
   *
   * The kernel is notified of new frames in batches: after 64, at the end of the turn of the event
   * loop, and by {@link ZeroCopySocket.poll}.
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
    const { tag, offset } = readOne(options);
    checkOffset(offset, 0, this.#pool);
    return this.#core.state.tagged(this.#put(buffer, length), tag);
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
      // checked again, since listeners that ran when the pool was dry may have transferred it
      checkPlain(bytes);
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

/** The options of a pool over memory that exists already. */
export function withInit(init: BufferPoolOptions['init'] | undefined): BufferPoolOptions {
  return { init };
}
