import type { LinkDescription, OpenedSocket, SocketDescription } from '../addon/contract.js';
import { type CodedError, rangeError, stateError, systemError } from '../base/errors.js';
import { checkString } from '../base/validate.js';
import { type BufferPool, type BufferPoolOptions, memoryOf } from '../buffers/buffer-pool.js';
import { checkNotPooled, checkPlain, startOf } from '../buffers/plain-array.js';
import { isPooled, type PooledBuffer } from '../buffers/pooled-buffer.js';
import type { CheckedSocketOptions } from '../engine/options.js';
import { type Protocol, ZeroCopySocket } from '../engine/socket.js';
import { describeSocket, type LinkInfo, type SocketInfo } from '../engine/stats.js';

const IFNAMSIZ = 16;
const KICK_EVERY = 64;
/** Bytes of a link header with a VLAN tag, which the MTU leaves out. */
export const TAGGED_HEADER = 18;
/** By IF_OPER_*. */
const OPERSTATES: readonly LinkInfo['operstate'][] = [
  'unknown',
  'notpresent',
  'down',
  'lowerlayerdown',
  'testing',
  'dormant',
  'up',
];

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
  readonly #tagLength: number;
  // As last told, for when the socket is closed.
  #interface: string;
  #mtu: number;
  #longest: number;

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
        maxLength: pool.bufferSize, // the MTU, which can change, is minded where frames are put
        segmentSize: 0,
        reapEvery: KICK_EVERY, // a poll kicks, so it should not come before the kick is due
        pool,
      },
    );
    this.pool = pool;
    this.#interface = interfaceName;
    this.#mtu = opened.mtu;
    this.#tagLength = opened.tagLength ?? 0;
    this.#longest = opened.maxLength;
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
    if (isPooled(buffer)) return this._send(buffer, length, 0);
    return this.#sendCopy(buffer, length);
  }

  #sendCopy(bytes: Uint8Array, length: number | undefined): number {
    const available = checkPlain(bytes);
    checkNotPooled(bytes, memoryOf(this.pool).map.memory);
    const count = length === undefined ? available : length;
    this._checkLength(count, available);
    const frame = this._state === 'open' ? this.pool.tryAcquire() : null;
    if (frame === null) {
      throw this._state === 'open'
        ? stateError('ERR_ZEROSEND_QUEUE_FULL', 'no frame of the ring is free to copy into')
        : this._refusedClosed();
    }
    try {
      checkPlain(bytes); // again: a dry pool's listeners may have transferred it
      frame.bytes.set(startOf(bytes, count));
      return this._send(frame, count, 0, true);
    } catch (error) {
      frame.release();
      throw error;
    }
  }

  /** @internal */
  protected override _explain(error: CodedError, length: number, index?: number): Error {
    if (error.code === 'EMSGSIZE') return this._tooLong(length, undefined, index);
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

  /** @internal `most`: bytes of what was sent, at most */
  protected override _tooLong(length: number, most?: number, index?: number): Error {
    this.#look(describeSocket(this._handle));
    const longest = most ?? this.#longest;
    const fewer =
      this.#tagLength > 0 && longest < this.pool.bufferSize
        ? ` (${this.#tagLength} fewer without a VLAN tag)`
        : '';
    return ofBatch(
      rangeError(
        'ERR_ZEROSEND_FRAME_TOO_LONG',
        `a frame must have at most ${longest} bytes${fewer} on ` +
          `${this.#interface}, whose MTU is ${this.#mtu}; received ${length}`,
      ),
      index,
    );
  }

  /** @internal */
  protected override _fatal(errno: number, syscall: string): CodedError {
    const { link } = this.#look(describeSocket(this._handle));
    const error = systemError(errno, syscall, { interface: this.#interface });
    if (link?.gone) {
      const anew =
        link.namesake === 0 ? '' : `; another has that name now (index ${link.namesake})`;
      error.message += `: interface '${link.name}' (index ${link.index}) is gone${anew}; open a new socket`;
    }
    return error;
  }

  /** @internal */
  protected override _linkDown(): void {
    const { link } = this.#look(describeSocket(this._handle));
    process.emitWarning(`interface '${this.#interface}' ${howItIsDown(link)}`, {
      type: 'ZeroSendWarning',
      code: 'ZEROSEND_LINK_DOWN',
    });
  }

  /** @internal */
  protected override _about(): { interface: string } {
    this.#look(describeSocket(this._handle));
    return { interface: this.#interface };
  }

  #look(kernel: SocketDescription): SocketDescription {
    const { link, mtu, maxLength } = kernel;
    if (link !== undefined) this.#interface = link.name;
    if (mtu !== undefined && mtu > 0) this.#mtu = mtu;
    if (maxLength !== undefined) this.#longest = maxLength;
    return kernel;
  }

  /** @internal */
  protected override _details(kernel: SocketDescription): Partial<SocketInfo> {
    const { link } = this.#look(kernel);
    return {
      interface: this.#interface,
      mtu: this.#mtu,
      maxSendLength: this.#longest,
      ring: {
        frames: this.pool.count,
        frameSize: this.pool.bufferSize,
        ...(kernel.waiting && { waiting: kernel.waiting, waitsFor: kernel.missing }),
      },
      ...(link && {
        link: {
          index: link.index,
          up: link.up,
          carrier: link.carrier,
          operstate: OPERSTATES[link.operstate] ?? 'unknown',
        },
      }),
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

function howItIsDown(link: LinkDescription | undefined): string {
  if (link?.gone) return 'is gone';
  if (link?.carrier) return 'was down for a moment: what was sent meanwhile may be lost';
  return link?.up
    ? 'has no carrier: it drops what it is given, and stats().interfaceDropped counts that'
    : 'is down: frames wait in the ring until it is up again';
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
