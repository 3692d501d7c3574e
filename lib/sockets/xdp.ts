import { isFailure, native } from '../addon/addon.js';
import type { OpenedXdp } from '../addon/contract.js';
import { invalidArgument } from '../base/errors.js';
import { clock, delay } from '../base/timers.js';
import { checkInteger, checkOneNumber, checkOneOf, readOptions } from '../base/validate.js';
import { BufferPool, memoryOf } from '../buffers/buffer-pool.js';
import { giveBack, readBuffers, readLengths } from '../buffers/given-arrays.js';
import type { Part } from '../buffers/parts.js';
import { isPooled, type PooledBuffer, slotOf } from '../buffers/pooled-buffer.js';
import { mapSlab } from '../buffers/slab.js';
import { LowestOrder } from '../buffers/slot-order.js';
import { announce } from '../engine/announce.js';
import { checkOpened, markOpened } from '../engine/opening.js';
import { checkWatching, WATCH_OPTIONS } from '../engine/options.js';
import { checkOffset } from '../engine/refusals.js';
import { readOne, type SendOptions } from '../engine/send-options.js';
import type { Sends } from '../engine/sends.js';
import { coreOf } from '../engine/socket.js';
import type { SubmitMode } from '../engine/submit-mode.js';
import { queueFailure } from './open-error.js';
import { refusePacing } from './pacing.js';
import { checkInterface, type RingOptions, RingSocket, withInit } from './ring.js';
import { MODES, XdpPackets } from './xdp-packets.js';

const EBUSY = 16;
/**
 * For how long bind(2) is tried again where a queue answers EBUSY, since it may have been closed
 * just now.
 */
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
   * lose completions) is given up: its id completes as `'revoked'`, and its chunk is retired. It is
   * given up only once a frame that was sent later has come back, or no frame has for as long; this
   * is noticed at most an eighth of the time later. A frame that the kernel has not taken waits. 0
   * waits for ever; default 5000.
   */
  completionTimeout?: number | undefined;
  /** As of {@link SocketOptions.measureLatency}. */
  measureLatency?: boolean | undefined;
  /** As of {@link SocketOptions.stallAfter}. */
  stallAfter?: number | undefined;
  /** As of {@link SocketOptions.submit}. */
  submit?: SubmitMode | undefined;
  /** Called once for each frame, to write a template into it. */
  init?: ((bytes: Buffer, index: number) => void) | undefined;
}

// `maxPacingRate` is among them, since it is refused with an error of its own.
const XDP_OPTIONS = [
  'interface',
  'queue',
  'mode',
  'frames',
  'frameSize',
  'completionTimeout',
  ...WATCH_OPTIONS,
  'init',
  'maxPacingRate',
] as (keyof XdpOptions)[];

/**
 * Whole frames through AF_XDP (Documentation/networking/af_xdp.rst), transmit only: no BPF program
 * is needed. The pool's memory is the UMEM. Frames may complete in any order: as `'copied'` in copy
 * mode, and as `'zerocopy'` in zero-copy mode.
 *
 * The pages of a UMEM are shared with the kernel, so those of a frame that is given up cannot be
 * replaced: its chunk is retired. A new socket gets new memory.
 *
 * A packet that is longer than one frame goes out of several: {@link XdpSocket.sendPacket}.
 * @example
 * ```js
 * import { XdpSocket } from 'zerosend';
 *
 * const socket = await XdpSocket.open({ interface: 'zsx0', queue: 0 });
 * console.log(socket.info().xdp); // what was granted, and why
 * const run = await socket.pool.acquireRun(64);
 * for (let i = 0; i < run.count; i++) run.bytes(i).fill(0xff, 0, 14);
 * socket.sendMany(run, 64);
 * await socket.flush();
 * await socket.close();
 * ```
 */
export class XdpSocket extends RingSocket {
  readonly #sender: Sends;
  readonly #packets: XdpPackets;

  private constructor(
    opened: OpenedXdp,
    pool: BufferPool,
    packets: XdpPackets,
    options: RingOptions,
  ) {
    super('xdp', checkOpened(opened, 'XdpSocket.open(options)'), pool, options);
    const { sender, state } = coreOf(this);
    this.#sender = sender;
    this.#packets = packets;
    state.hooks = packets;
  }

  /**
   * Opens a socket on a queue of an interface: socket(2), XDP_UMEM_REG, XDP_TX_RING, mmap(2),
   * bind(2). A queue that is in use is tried again for a second, since it may have been closed just
   * now.
   * @throws rejects with TypeError or RangeError on bad options, Error
   * `ERR_ZEROSEND_PACING_UNSUPPORTED` for a `maxPacingRate`, `EPERM` without CAP_NET_RAW, `ENODEV`
   * or `EINVAL` for an interface or queue that does not exist, `ENOTSUP` (what Node.js calls
   * EOPNOTSUPP) where `mode: 'zerocopy'` is not possible, `EBUSY` for a queue in use, `ENOBUFS`
   * beyond RLIMIT_MEMLOCK. `interface` of the error is the name that was given; of bind(2) it has
   * `queue`, and `queues`, the number that the interface has, where the kernel tells
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
    const watching = checkWatching(given);
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
      if (!isFailure(opened)) {
        const packets = new XdpPackets(name, pool, opened, { queue, mode });
        const options = { timestamps: 0, ...watching };
        return announce(new XdpSocket(markOpened(opened), pool, packets, options));
      }
      if (opened.errno !== EBUSY || clock() >= deadline) {
        void pool.close();
        throw queueFailure(opened, name, queue);
      }
      await delay(20);
    }
  }

  /**
   * Sends one packet out of several frames, in their order (XDP_USE_SG, Linux 6.6): one id, one
   * completion, and all buffers are back when it has completed. Each send uses up one lease of each
   * buffer. The packet is sent whole or not at all, and the MTU bounds it as any other.
   *
   * The frames may be of any lengths (headers in one, the payload in others), but the first has to
   * hold the link header of 14 bytes.
   *
   * A packet that fits into one frame is cheaper copied into it, and sent by {@link
   * ZeroCopySocket.send}: measured in copy mode, 1.0 to 1.3 µs of CPU time for lengths from 256 to
   * 4000 bytes, against 2.1 to 2.4 µs as a header and a payload in two frames. Several frames are
   * worth it where one is too short.
   * @param buffers of this socket's pool; at most `info().xdp.multiFrame.maxFrames`, which is 1 where
   * the kernel does not take more
   * @param length bytes of the packet, which fill one buffer after the other and must need them all;
   * or bytes of each buffer
   * @returns the id
   * @throws as {@link ZeroCopySocket.send}; nothing is sent and no buffer is taken
   */
  sendPacket(
    buffers: readonly PooledBuffer[],
    length: number | ArrayLike<number>,
    options?: SendOptions,
  ): number {
    this.#sender.reapIfDue();
    if (options === undefined) return this.#sendPacket(buffers, length);
    const { tag, offset } = readOne(options);
    checkOffset(offset, 0, this.pool);
    return coreOf(this).state.tagged(this.#sendPacket(buffers, length), tag);
  }

  #sendPacket(buffers: readonly PooledBuffer[], length: number | ArrayLike<number>): number {
    if (!Array.isArray(buffers)) throw invalidArgument('buffers', 'an array', buffers);
    const count = buffers.length;
    this.#packets.checkFrames(count);
    const scratch = readBuffers(buffers, count);
    const own = scratch.slice(0, count) as PooledBuffer[]; // kept until the packet completes
    giveBack(scratch, count);
    const lengths = typeof length === 'number' ? length : readLengths(length, count);
    // From here on no code of the program runs.
    const { parts, total } = layOut(own, lengths, this.pool.bufferSize);
    return this.#sender.parts.frames(parts, total);
  }
}

/** The part of the packet that each frame has, and the length of the whole. */
function layOut(
  buffers: readonly unknown[],
  lengths: number | readonly unknown[] | Uint32Array,
  size: number,
): { parts: Part[]; total: number } {
  const count = buffers.length;
  const whole = typeof lengths === 'number';
  if (whole) checkInteger('length', lengths, (count - 1) * size + 1, count * size);
  const parts: Part[] = [];
  let total = 0;
  for (let i = 0; i < count; i++) {
    const buffer = buffers[i];
    if (!isPooled(buffer)) {
      throw invalidArgument(`buffers[${i}]`, 'a PooledBuffer', buffer);
    }
    const given = whole ? Math.min(size, lengths - total) : lengths[i];
    const bytes = checkInteger(`length[${i}]`, given, 1, size);
    parts.push({ buffer, slot: slotOf(buffer), offset: 0, length: bytes });
    total += bytes;
  }
  return { parts, total };
}
