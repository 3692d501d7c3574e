import type { LinkDescription, SocketDescription } from '../addon/contract.js';
import { type CodedError, rangeError, systemError } from '../base/errors.js';
import type { BufferPool } from '../buffers/buffer-pool.js';
import type { Hooks } from '../engine/hooks.js';
import { describeSocket } from '../engine/kernel-facts.js';
import type { LinkInfo, SocketInfo } from '../engine/stats.js';

/** Names of the operational states, by the numbers IF_OPER_*. */
const OPERSTATES: readonly LinkInfo['operstate'][] = [
  'unknown',
  'notpresent',
  'down',
  'lowerlayerdown',
  'testing',
  'dormant',
  'up',
];

/**
 * The interface of a socket with a ring: what `info()` reports of it, warnings, and errors that
 * name it and its MTU.
 */
export class RingInterface implements Hooks {
  protected readonly handle: number;
  protected readonly pool: BufferPool;
  // As last reported by the kernel, for use when the socket is closed.
  #name: string;
  #mtu: number;
  #longest: number;
  readonly #tagLength: number;

  constructor(
    name: string,
    pool: BufferPool,
    opened: { handle: number; mtu: number; maxLength: number; tagLength?: number },
  ) {
    this.handle = opened.handle;
    this.pool = pool;
    this.#name = name;
    this.#mtu = opened.mtu;
    this.#longest = opened.maxLength;
    this.#tagLength = opened.tagLength ?? 0;
  }

  /** @param kernel what the addon reports now; nothing once the socket is closed */
  protected look(kernel: SocketDescription): SocketDescription {
    const { link, mtu, maxLength } = kernel;
    if (link !== undefined) this.#name = link.name;
    if (mtu !== undefined && mtu > 0) this.#mtu = mtu;
    if (maxLength !== undefined) this.#longest = maxLength;
    return kernel;
  }

  protected get mtu(): number {
    return this.#mtu;
  }

  about(): { interface: string } {
    this.look(describeSocket(this.handle));
    return { interface: this.#name };
  }

  explain(error: CodedError, length: number, index: number | undefined): Error {
    if (error.code === 'EMSGSIZE') return this.tooLong(length, index);
    if (error.code !== 'EINVAL') return error;
    const malformed = rangeError(
      'ERR_ZEROSEND_FRAME_MALFORMED',
      `a frame of ${length} bytes is shorter than its headers, or its offload header is wrong`,
    );
    return ofBatch(malformed, index);
  }

  /** @param most the most bytes that could be sent; by default those of a frame */
  tooLong(length: number, index?: number, most?: number): Error {
    this.look(describeSocket(this.handle));
    const longest = most ?? this.#longest;
    const fewer =
      this.#tagLength > 0 && longest < this.pool.bufferSize
        ? ` (${this.#tagLength} fewer without a VLAN tag)`
        : '';
    return ofBatch(
      rangeError(
        'ERR_ZEROSEND_FRAME_TOO_LONG',
        `a frame must have at most ${longest} bytes${fewer} on ` +
          `${this.#name}, whose MTU is ${this.#mtu}; received ${length}`,
      ),
      index,
    );
  }

  fatal(errno: number, syscall: string): CodedError {
    const { link } = this.look(describeSocket(this.handle));
    const error = systemError(errno, syscall, { interface: this.#name });
    if (link?.gone) {
      const anew =
        link.namesake === 0 ? '' : `; another has that name now (index ${link.namesake})`;
      error.message += `: interface '${link.name}' (index ${link.index}) is gone${anew}; open a new socket`;
    }
    return error;
  }

  linkDown(): void {
    const { link } = this.look(describeSocket(this.handle));
    process.emitWarning(`interface '${this.#name}' ${howItIsDown(link)}`, {
      type: 'ZeroSendWarning',
      code: 'ZEROSEND_LINK_DOWN',
    });
  }

  details(kernel: SocketDescription): Partial<SocketInfo> {
    const { link } = this.look(kernel);
    return {
      interface: this.#name,
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

/** Adds to an error which of several frames it is about, in `index` and in the message. */
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
