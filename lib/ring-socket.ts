import type { BufferPool, BufferPoolOptions } from './buffer-pool.js';
import { type CodedError, rangeError, stateError, systemError } from './errors.js';
import type { Failure, OpenedSocket } from './native.js';
import type { CheckedSocketOptions } from './options.js';
import { checkPlain } from './plain-array.js';
import { PooledBuffer } from './pooled-buffer.js';
import { type Protocol, ZeroCopySocket } from './socket.js';
import type { SocketInfo } from './socket-stats.js';
import { checkString } from './validate.js';

const IFNAMSIZ = 16;
const KICK_EVERY = 64;

/** What the frames of a ring cannot choose: each goes out from the ring, in place. */
const RING_OPTIONS: CheckedSocketOptions = {
  timestamps: 0,
  zeroCopy: 'always',
  zeroCopyThreshold: 0,
  sendBufferSize: 0,
  maxQueuedSends: 65_536, // the ring itself is the queue
  maxPacingRate: 0,
  interface: undefined,
};

/** What {@link PacketSocket} and {@link XdpSocket} share: the ring is the pool. */
export abstract class RingSocket extends ZeroCopySocket {
  /** The frames. Only these can be sent; a plain array is copied into one. */
  readonly pool: BufferPool;
  readonly #interface: string;
  readonly #mtu: number;
  readonly #tagLength: number;

  /** @internal */
  protected constructor(
    protocol: Protocol,
    opened: OpenedSocket & { mtu: number; maxLength: number; tagLength?: number },
    pool: BufferPool,
    interfaceName: string,
    timestamps = 0,
  ) {
    super(
      protocol,
      opened,
      { ...RING_OPTIONS, timestamps },
      {
        maxLength: opened.maxLength,
        segmentSize: 0,
        reapEvery: KICK_EVERY, // a poll kicks, so it should not come before the kick is due
        pool,
      },
    );
    this.pool = pool;
    this.#interface = interfaceName;
    this.#mtu = opened.mtu;
    this.#tagLength = opened.tagLength ?? 0;
    pool._attach(this);
    this.once('close', () => void pool.close());
  }

  /**
   * Puts a frame into the ring and returns its id. A plain array is copied into the next free frame
   * (its completion says `'inline'`); where there is none this throws `ERR_ZEROSEND_QUEUE_FULL`.
   *
   * The kernel is told of frames in batches: after 64, at the end of the turn of the event loop, and
   * by {@link poll}.
   * @throws as {@link ZeroCopySocket.send}; TypeError `ERR_ZEROSEND_WRONG_POOL`, RangeError
   * `ERR_ZEROSEND_FRAME_TOO_LONG`, RangeError `ERR_ZEROSEND_FRAME_MALFORMED`
   */
  override send(buffer: PooledBuffer | Uint8Array, length?: number): number {
    this._reapIfDue();
    if (buffer instanceof PooledBuffer) return this._send(buffer, length, 0);
    return this.#sendCopy(buffer, length);
  }

  #sendCopy(bytes: Uint8Array, length: number | undefined): number {
    checkPlain(bytes);
    this._checkLength(length === undefined ? bytes.length : length, bytes.length);
    const frame = this._state === 'open' ? this.pool.tryAcquire() : null;
    if (frame === null) {
      throw this._state === 'open'
        ? stateError('ERR_ZEROSEND_QUEUE_FULL', 'no frame of the ring is free to copy into')
        : stateError('ERR_ZEROSEND_SOCKET_CLOSED', `the socket is ${this._state}`);
    }
    try {
      frame.bytes.set(length === undefined ? bytes : bytes.subarray(0, length));
      return this._send(frame, length ?? bytes.length, 0, true);
    } catch (error) {
      frame.release();
      throw error;
    }
  }

  /** @internal */
  protected override _explain(error: CodedError, length: number, index?: number): Error {
    if (error.code === 'EMSGSIZE') return this._tooLong(length, this._maxLength, index);
    if (error.code === 'EINVAL') {
      return ofBatch(
        rangeError(
          'ERR_ZEROSEND_FRAME_MALFORMED',
          `a frame of ${length} bytes is shorter than its headers, or its offload header is wrong`,
        ),
        index,
      );
    }
    return error;
  }

  /** @internal */
  protected override _tooLong(length: number, most = this._maxLength, index?: number): Error {
    const fewer = this.#tagLength > 0 ? ` (${this.#tagLength} fewer without a VLAN tag)` : '';
    return ofBatch(
      rangeError(
        'ERR_ZEROSEND_FRAME_TOO_LONG',
        `a frame must have at most ${most} bytes${fewer} on ` +
          `${this.#interface}, whose MTU is ${this.#mtu}; received ${length}`,
      ),
      index,
    );
  }

  /** @internal */
  protected override _details(): Partial<SocketInfo> {
    return {
      interface: this.#interface,
      mtu: this.#mtu,
      ring: { frames: this.pool.count, frameSize: this.pool.bufferSize },
    };
  }
}

/** Says which of several frames an error is about, in `index` and in the message. */
function ofBatch(error: CodedError, index: number | undefined): CodedError {
  if (index === undefined) return error;
  error.message = `buffers[${index}]: ${error.message}`;
  error.index = index;
  return error;
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
  return init === undefined ? {} : { init };
}

/** The error of an open call; one about privilege names the capability. */
export function openFailure(failure: Failure, interfaceName: string, capability: string): Error {
  const error = systemError(failure.errno, failure.syscall);
  if (error.code === 'EPERM' || error.code === 'EACCES') error.message += `; needs ${capability}`;
  else if (failure.syscall === 'if_nametoindex')
    error.message += `: no interface '${interfaceName}'`;
  return error;
}
