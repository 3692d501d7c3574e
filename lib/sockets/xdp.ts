import { isEnd, isFailure, KIND_FAILURE, KIND_RETIRED, native } from '../addon/addon.js';
import type { OpenedXdp, SocketDescription } from '../addon/contract.js';
import { writeRequest } from '../addon/mailbox.js';
import { type CodedError, invalidArgument, outOfRange, systemError } from '../base/errors.js';
import { clock, delay } from '../base/timers.js';
import { checkInteger, checkOneNumber, checkOneOf, readOptions } from '../base/validate.js';
import { BufferPool, memoryOf } from '../buffers/buffer-pool.js';
import { giveBack, readBuffers, readLengths } from '../buffers/given-arrays.js';
import { isPooled, type PooledBuffer, slotOf } from '../buffers/pooled-buffer.js';
import { mapSlab } from '../buffers/slab.js';
import type { Slot } from '../buffers/slot.js';
import { LowestOrder } from '../buffers/slot-order.js';
import { checkOpened, markOpened } from '../engine/opening.js';
import { describeSocket, type SocketInfo } from '../engine/stats.js';
import { queueFailure } from './open-error.js';
import { refusePacing } from './pacing.js';
import { checkInterface, RingSocket, TAGGED_HEADER, withInit } from './ring.js';

const MODES = ['best', 'zerocopy', 'copy'] as const;
const EBUSY = 16;
/** For how long a queue that was just closed may answer EBUSY. */
const BUSY_FOR_MS = 1000;

/** Options of {@link XdpSocket.open}. */
export interface XdpOptions {
  /** Name of the network interface. */
  interface: string;
  /** Transmit queue of the interface, 0 to 65535; default 0. */
  queue?: number | undefined;
  /**
   * `'zerocopy'` requires a driver that transmits from the frames in place, `'copy'` has the kernel
   * copy, `'best'` takes what there is; `info().xdp` says what was granted. Default `'best'`.
   */
  mode?: 'best' | 'zerocopy' | 'copy' | undefined;
  /** Frames, which are the chunks of the UMEM. 1 to 65536; default 1024. */
  frames?: number | undefined;
  /** Bytes of a chunk: 2048 or 4096; default 2048. */
  frameSize?: 2048 | 4096 | undefined;
  /**
   * Milliseconds after which a frame that the kernel took and never gave back (a device reset can
   * swallow completions) is given up: its id completes as `'revoked'`, its chunk is retired. That is
   * when a frame sent later has come back, or nothing has for as long; at the latest an eighth of the
   * time later. A frame that the kernel has not taken waits. 0 waits for ever; default 5000.
   */
  completionTimeout?: number | undefined;
  /** Lays a template into each frame once. */
  init?: ((bytes: Buffer, index: number) => void) | undefined;
}

// With one that is refused for a reason of its own.
const XDP_OPTIONS = [
  'interface',
  'queue',
  'mode',
  'frames',
  'frameSize',
  'completionTimeout',
  'init',
  'maxPacingRate',
] as (keyof XdpOptions)[];

/**
 * Whole frames through AF_XDP (Documentation/networking/af_xdp.rst), transmit only: no BPF program
 * is needed. The pool's memory is the UMEM. Completions come in any order. In copy mode they say
 * `'copied'`, in zero-copy mode `'zerocopy'`.
 *
 * The pages of a UMEM are pinned, so those of a frame that is given up cannot be replaced: its chunk
 * is retired, and a new socket gets new memory.
 *
 * A packet that is longer than one frame goes out of several: {@link XdpSocket.sendPacket}.
 */
export class XdpSocket extends RingSocket {
  readonly #granted: NonNullable<SocketInfo['xdp']>;
  #mtu: number;
  // The slots of each packet in flight, but for the first, which the id itself holds.
  readonly #others = new Map<number, readonly Slot[]>();

  private constructor(
    opened: OpenedXdp,
    pool: BufferPool,
    options: { interface: string; queue: number; mode: (typeof MODES)[number] },
  ) {
    super('xdp', checkOpened(opened, 'XdpSocket.open(options)'), pool, options.interface);
    this.#mtu = opened.mtu;
    this.#granted = {
      queue: options.queue,
      granted: opened.zeroCopy ? 'zerocopy' : 'copy',
      reason: reasonFor(opened.zeroCopy, options.mode),
      multiFrame: {
        granted: opened.multiFrameErrno === 0,
        maxFrames: opened.maxFrames,
        maxLength: 0, // see #longestPacket
        reason: reasonForFrames(opened.multiFrameErrno),
      },
    };
  }

  /**
   * Opens a socket on a queue of an interface: socket(2), XDP_UMEM_REG, XDP_TX_RING, mmap(2),
   * bind(2). A queue that was closed a moment ago is tried again for a second.
   * @throws rejects with TypeError or RangeError on bad options, Error
   * `ERR_ZEROSEND_PACING_UNSUPPORTED` for a `maxPacingRate`, `EPERM` without CAP_NET_RAW,
   * `ENODEV` or `EINVAL` for an interface or queue that does not exist, `ENOTSUP` (what Node.js calls
   * EOPNOTSUPP) where `mode: 'zerocopy'` cannot be had, `EBUSY` for a queue in use, `ENOBUFS` beyond
   * RLIMIT_MEMLOCK. `interface` of the error is the name that was given; of bind(2) it has `queue`, and
   * `queues`, the number that the interface has, where the kernel tells
   */
  static async open(options: XdpOptions): Promise<XdpSocket> {
    const given: XdpOptions & { maxPacingRate?: unknown } = readOptions(
      'options',
      options,
      XDP_OPTIONS,
    );
    const name = checkInterface(given.interface);
    refusePacing(given.maxPacingRate, 'AF_XDP goes past every queueing discipline');
    const { queue = 0, mode = 'best', frames = 1024, frameSize = 2048 } = given;
    const { completionTimeout = 5000, init } = given;
    checkInteger('options.queue', queue, 0, 65_535);
    checkOneOf('options.mode', mode, MODES);
    checkInteger('options.frames', frames, 1, 65_536);
    checkInteger('options.completionTimeout', completionTimeout, 0, 2 ** 31 - 1);
    checkOneNumber('options.frameSize', frameSize, [2048, 4096]);
    if (init !== undefined && typeof init !== 'function') {
      throw invalidArgument('options.init', 'a function', init);
    }
    const umem = mapSlab(frameSize, frames, 'transparent');
    const pool = new BufferPool(withInit(init), umem, new LowestOrder(frames));
    const deadline = clock() + BUSY_FOR_MS;
    for (;;) {
      const opened = native.openXdp({
        interface: name,
        queue,
        mode: MODES.indexOf(mode),
        slab: memoryOf(pool).slab,
        deadline: completionTimeout,
      });
      if (!isFailure(opened))
        return new XdpSocket(markOpened(opened), pool, { interface: name, queue, mode });
      if (opened.errno !== EBUSY || clock() >= deadline) {
        void pool.close();
        throw queueFailure(opened, name, queue);
      }
      await delay(20);
    }
  }

  /**
   * Sends one packet out of several frames, in their order (XDP_USE_SG, Linux 6.6): one id, one
   * completion, and all buffers are back when it has completed. Each uses up one lease. The packet
   * goes out whole or not at all; the MTU bounds it as any other.
   *
   * The frames may be of any lengths (headers in one, the payload in others), but the first has to
   * hold the link header of 14 bytes.
   *
   * A packet that fits into one frame is cheaper copied into it, and sent by {@link send}: measured in
   * copy mode, 1.0 to 1.3 µs of CPU time for lengths from 256 to 4000 bytes, against 2.1 to 2.4 µs as a
   * header and a payload in two frames. Several frames pay where one is too short.
   * @param buffers of this socket's pool; at most `info().xdp.multiFrame.maxFrames`, which is 1 where
   * the kernel does not take more
   * @param length bytes of the packet, which fill one buffer after the other and must need them all;
   * or bytes of each buffer
   * @returns the id
   * @throws as {@link RingSocket.send}; nothing is sent and no buffer is taken
   */
  sendPacket(buffers: readonly PooledBuffer[], length: number | ArrayLike<number>): number {
    this._reapIfDue();
    if (!Array.isArray(buffers)) throw invalidArgument('buffers', 'an array', buffers);
    const count = buffers.length;
    this.#checkCount(count);
    const scratch = readBuffers(buffers, count);
    const own = scratch.slice(0, count) as PooledBuffer[]; // which is kept until its completion
    giveBack(scratch, count);
    const lengths = typeof length === 'number' ? length : readLengths(length, count);
    // From here on nothing runs that is not ours.
    const total = this.#layOut(own, lengths);
    const id = this._sendTogether(own, total);
    if (count > 1) this.#others.set(id, own.slice(1).map(slotOf));
    return id;
  }

  #checkCount(count: number): void {
    const { granted, maxFrames, reason } = this.#granted.multiFrame;
    if (count >= 1 && count <= maxFrames) return;
    const expected = granted ? `from 1 to ${maxFrames}` : `1 on this socket (${reason})`;
    throw outOfRange('buffers.length', expected, count);
  }

  /** Writes slot and length of each into `requests`. Returns the length of all. */
  #layOut(buffers: readonly unknown[], lengths: number | readonly unknown[]): number {
    const count = buffers.length;
    const size = this.pool.bufferSize;
    const whole = typeof lengths === 'number';
    if (whole) checkInteger('length', lengths, (count - 1) * size + 1, count * size);
    let total = 0;
    for (let i = 0; i < count; i++) {
      const buffer = buffers[i];
      if (!isPooled(buffer)) {
        throw invalidArgument(`buffers[${i}]`, 'a PooledBuffer', buffer);
      }
      const given = whole ? Math.min(size, lengths - total) : lengths[i];
      const bytes = checkInteger(`length[${i}]`, given, 1, size);
      const slot = slotOf(buffer);
      writeRequest(i, slot.slab, slot.index, bytes, 0);
      total += bytes;
    }
    return total;
  }

  /** @internal */
  protected override _explain(error: CodedError, length: number, index?: number): Error {
    // Longer than a frame: it was a packet.
    if (error.code !== 'EMSGSIZE' || length <= this._maxLength)
      return super._explain(error, length, index);
    return this._tooLong(length, this.#longestPacket(describeSocket(this._handle)), index);
  }

  /** The MTU can change, so it is worked out anew. */
  #longestPacket({ mtu }: SocketDescription): number {
    if (mtu !== undefined && mtu > 0) this.#mtu = mtu;
    const { maxFrames } = this.#granted.multiFrame;
    return Math.min(this.#mtu + TAGGED_HEADER, maxFrames * this.pool.bufferSize);
  }

  /** @internal */
  override _reclaim(kind: number, first: number, last: number): number {
    const low = super._reclaim(kind, first, last);
    if (this.#others.size > 0) this.#reclaimOthers(kind, first, last);
    return low;
  }

  #reclaimOthers(kind: number, first: number, last: number): void {
    if (kind === KIND_RETIRED) {
      for (const slot of this.#others.get(first) ?? []) slot.slots.retire(slot.index);
      return;
    }
    if (!isEnd(kind)) return;
    for (let id = first; id <= last; id++) {
      const slots = this.#others.get(id);
      if (slots === undefined) continue;
      this.#others.delete(id);
      for (const slot of slots) slot.completed(id, kind >= KIND_FAILURE);
    }
  }

  /** @internal */
  protected override _details(kernel: SocketDescription): Partial<SocketInfo> {
    const { multiFrame } = this.#granted;
    const xdp = {
      ...this.#granted,
      multiFrame: { ...multiFrame, maxLength: this.#longestPacket(kernel) },
    };
    return { ...super._details(kernel), xdp };
  }
}

function reasonForFrames(errno: number): string {
  return errno === 0
    ? 'the kernel takes packets out of several frames'
    : `bind(XDP_USE_SG): ${systemError(errno, 'bind').code}`;
}

function reasonFor(zeroCopy: boolean, mode: (typeof MODES)[number]): string {
  if (zeroCopy) return 'the driver transmits from the UMEM in place';
  return mode === 'copy'
    ? "the option mode is 'copy'"
    : 'the driver has no zero copy for this queue';
}
