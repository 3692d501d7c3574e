import type { OpenedXdp, SocketDescription } from '../addon/contract.js';
import { type CodedError, outOfRange, systemError } from '../base/errors.js';
import type { BufferPool } from '../buffers/buffer-pool.js';
import { describeSocket } from '../engine/kernel-facts.js';
import type { SocketInfo } from '../engine/stats.js';
import { RingInterface } from './ring-interface.js';

/** Bytes of a link header with a VLAN tag, which the MTU does not count. */
const TAGGED_HEADER = 18;

export const MODES = ['best', 'zerocopy', 'copy'] as const;
export type Mode = (typeof MODES)[number];

/** The interface of an AF_XDP socket, and the packets out of several frames that it allows. */
export class XdpPackets extends RingInterface {
  readonly #granted: NonNullable<SocketInfo['xdp']>;

  constructor(
    name: string,
    pool: BufferPool,
    opened: OpenedXdp,
    asked: { queue: number; mode: Mode },
  ) {
    super(name, pool, opened);
    this.#granted = {
      queue: asked.queue,
      granted: opened.zeroCopy ? 'zerocopy' : 'copy',
      reason: reasonFor(opened.zeroCopy, asked.mode),
      multiFrame: {
        granted: opened.multiFrameErrno === 0,
        maxFrames: opened.maxFrames,
        maxLength: 0, // replaced by #longest
        reason: reasonForFrames(opened.multiFrameErrno),
      },
    };
  }

  /** Throws for a packet out of more frames than the kernel takes. */
  checkFrames(count: number): void {
    const { granted, maxFrames, reason } = this.#granted.multiFrame;
    if (count >= 1 && count <= maxFrames) return;
    const expected = granted ? `from 1 to ${maxFrames}` : `1 on this socket (${reason})`;
    throw outOfRange('buffers.length', expected, count);
  }

  override explain(error: CodedError, length: number, index: number | undefined): Error {
    // A length beyond a frame is that of a packet out of several.
    if (error.code !== 'EMSGSIZE' || length <= this.pool.bufferSize) {
      return super.explain(error, length, index);
    }
    return this.tooLong(length, index, this.#longest(describeSocket(this.handle)));
  }

  override details(kernel: SocketDescription): Partial<SocketInfo> {
    const { multiFrame } = this.#granted;
    const maxLength = this.#longest(kernel);
    return {
      ...super.details(kernel),
      xdp: { ...this.#granted, multiFrame: { ...multiFrame, maxLength } },
    };
  }

  /** Bytes of the longest packet. It is computed at each call, since the MTU can change. */
  #longest(kernel: SocketDescription): number {
    this.look(kernel);
    const { maxFrames } = this.#granted.multiFrame;
    return Math.min(this.mtu + TAGGED_HEADER, maxFrames * this.pool.bufferSize);
  }
}

function reasonForFrames(errno: number): string {
  return errno === 0
    ? 'the kernel takes packets out of several frames'
    : `bind(XDP_USE_SG): ${systemError(errno, 'bind').code}`;
}

function reasonFor(zeroCopy: boolean, mode: Mode): string {
  if (zeroCopy) return 'the driver transmits from the UMEM in place';
  return mode === 'copy'
    ? "the option mode is 'copy'"
    : 'the driver has no zero copy for this queue';
}
