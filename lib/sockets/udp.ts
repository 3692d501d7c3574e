import { FLAG_DESTINATION, isFailure, native } from '../addon/addon.js';
import type { OpenedSocket, OpenRequest, SocketDescription } from '../addon/contract.js';
import { invalidArgument, rangeError } from '../base/errors.js';
import { checkInteger, checkOneNumber, checkString, readOptions } from '../base/validate.js';
import { BufferRun } from '../buffers/buffer-run.js';
import type { PartLengths, SendPart } from '../buffers/parts.js';
import type { PooledBuffer } from '../buffers/pooled-buffer.js';
import { announce } from '../engine/announce.js';
import type { Core } from '../engine/core.js';
import { describeEnds, describeSocket } from '../engine/kernel-facts.js';
import { checkOpened, markOpened } from '../engine/opening.js';
import { type CheckedSocketOptions, checkSocketOptions } from '../engine/options.js';
import { readOne, type SendManyOptions, type SendOptions } from '../engine/send-options.js';
import type { UdpSettings } from '../engine/settings.js';
import { coreOf, ZeroCopySocket } from '../engine/socket.js';
import { sendManyTagged } from '../engine/tagged.js';
import {
  checkAddress,
  type Family,
  familyOf,
  isMapped,
  resolveAll,
  type SocketAddress,
} from './address.js';
import { openError } from './open-error.js';
import { checkPacing } from './pacing.js';
import { applySetting, checkSettings, readSettings, UDP_LATER, UDP_SETTINGS } from './settings.js';
import { aimAt, isDestination, UdpAim, type UdpDestination } from './udp-destination.js';
import { explain, HEADERS, isOfAddress, tooLong } from './udp-errors.js';
import { UDP_OPTIONS, type UdpOptions } from './udp-options.js';

export type { UdpOptions } from './udp-options.js';

// The length fields have 16 bits. That of UDP counts the UDP header, and that of IPv4 the IP header
// as well.
const MAX_PAYLOAD = { 4: 65_507, 6: 65_527 } as const;

/**
 * A UDP socket that sends from your memory (udp(7)). It does not receive: a socket filter
 * (SO_ATTACH_FILTER) drops what is sent to it within the kernel, so that unread answers fill no
 * memory. ICMP errors still arrive.
 *
 * To receive answers, open this socket with `reuseAddress`, and after it a socket of `node:dgram`
 * with `reuseAddr: true`, bound to the same address and port, and connected to the same peer if
 * this one has a `remote`. Of sockets that share a port, the kernel delivers a datagram to the one
 * that matches it best, and among equals to the latest (compute_score in net/ipv4/udp.c). So a
 * socket that was opened before this one, or that is not connected where this one is, would receive
 * nothing.
 * @example
 * ```js
 * import { UdpSocket } from 'zerosend';
 *
 * const remote = { address: '198.18.0.9', port: 9 };
 * const socket = await UdpSocket.open({ remote, segmentSize: 1400 });
 * const id = socket.send(Buffer.alloc(64_400, 'frame ')); // leaves as 46 datagrams, which the kernel cuts
 * await socket.completed(id);
 * console.log(`send ${id} has completed`);
 * await socket.close();
 * ```
 */
export class UdpSocket extends ZeroCopySocket {
  readonly #core: Core;
  readonly #family: Family;
  #destination: SocketAddress = { address: '', port: 0 };

  private constructor(
    opened: OpenedSocket,
    options: CheckedSocketOptions,
    family: Family,
    most: number,
    segmentSize: number,
  ) {
    super('udp', checkOpened(opened, 'UdpSocket.open(options)'), options, {
      maxLength: segmentSize > 0 ? Math.min(most, segmentSize * native.maxSegments()) : most,
      segmentSize,
    });
    this.#core = coreOf(this);
    this.#family = family;
    const { state } = this.#core;
    state.hooks = {
      about: (flags) => ((flags & FLAG_DESTINATION) !== 0 ? this.#destination : state.remote()),
      details: ({ settings = {} }) => ({ settings: readSettings(settings, UDP_SETTINGS) }),
      explain: (error, length) => explain(state, family, error, length),
      tooLong: (length) => tooLong(state, length),
    };
  }

  /**
   * Opens a socket: socket(2), SO_ZEROCOPY, bind(2) and connect(2) where asked for. All addresses
   * of the remote host are tried in the system's order, until connect(2) finds a route to one of
   * them.
   * @throws rejects with TypeError or RangeError on bad options, RangeError
   * `ERR_ZEROSEND_SEGMENT_TOO_LONG` when a segment does not fit the path's MTU, Error
   * `ERR_ZEROSEND_PACING_UNSUPPORTED` for a `maxPacingRate` that nothing would enforce, the error
   * of name resolution, or the system's for the last address (`EADDRINUSE`, `EACCES`,
   * `ENETUNREACH`, `EMFILE`, …)
   */
  static async open(options: UdpOptions = {}): Promise<UdpSocket> {
    const given = readOptions('options', options, UDP_OPTIONS);
    const checked = checkSocketOptions(given);
    const { family: wanted, segmentSize: segments, port = 0 } = given;
    const asked = wanted === undefined ? 0 : checkOneNumber('options.family', wanted, [4, 6]);
    const segmentSize =
      segments === undefined ? 0 : checkInteger('options.segmentSize', segments, 1, MAX_PAYLOAD[4]);
    checkInteger('options.port', port, 0, 65_535);
    const settings = checkSettings(given, UDP_SETTINGS);
    const to =
      given.remote === undefined ? undefined : checkAddress('options.remote', given.remote, 1);
    const from =
      given.address === undefined ? undefined : checkString('options.address', given.address);
    const hosts = to && (await resolveAll('options.remote.address', to.address, asked));
    let failure: unknown;
    for (const host of hosts ?? [undefined]) {
      try {
        const remote = host === undefined ? undefined : { address: host, port: to?.port as number };
        const family = asked || (remote ? familyOf(remote.address) : 0);
        const address = from && (await resolveAll('options.address', from, family))[0];
        const actual: Family = family || (address ? familyOf(address) : 4);
        const any = actual === 4 ? '0.0.0.0' : '::';
        const local =
          address !== undefined || port > 0 ? { address: address ?? any, port } : undefined;
        return UdpSocket.#openTo(checked, {
          remote,
          local,
          family: actual,
          interface: checked.interface,
          sendBufferSize: checked.sendBufferSize,
          segmentSize,
          settings,
          zeroCopy: checked.zeroCopy !== 'never',
          maxQueuedSends: checked.maxQueuedSends,
          timestamps: checked.timestamps,
          maxPacingRate: checked.maxPacingRate,
        });
      } catch (error) {
        if (!isOfAddress(error)) throw error;
        failure = error;
      }
    }
    throw failure;
  }

  static #openTo(options: CheckedSocketOptions, request: OpenRequest): UdpSocket {
    const { remote, family, segmentSize } = request;
    if (options.maxPacingRate > 0) checkPacing(remote, options.interface);
    const opened = native.openUdp(request);
    if (isFailure(opened)) throw openError(opened, request);
    const { mtu = 0, remote: peer }: SocketDescription =
      segmentSize > 0 ? describeSocket(opened.handle) : describeEnds(opened.handle);
    const onWire: Family = peer && isMapped(peer.address) ? 4 : family;
    if (remote && mtu > 0 && segmentSize + HEADERS[onWire] > mtu) {
      native.close(opened.handle);
      throw rangeError(
        'ERR_ZEROSEND_SEGMENT_TOO_LONG',
        `options.segmentSize must be at most ${mtu - HEADERS[onWire]} on this path ` +
          `(MTU ${mtu}); received ${segmentSize}`,
      );
    }
    return announce(
      new UdpSocket(markOpened(opened), options, family, MAX_PAYLOAD[onWire], segmentSize),
    );
  }

  /** `send` of parts to an address of your choice: as the other `sendTo`. */
  sendTo(
    parts: readonly SendPart[],
    lengths: PartLengths | undefined,
    to: SocketAddress,
    options?: SendOptions,
  ): number;
  /**
   * `send` to an address of your choice, also on a connected socket. Repeating the last address
   * costs nothing, unless it has a zone (`fe80::1%eth0`), whose interface is looked up each time. A
   * {@link UdpDestination} is looked up once, when it is made.
   * @param to a numeric address of the socket's family, and a port from 1 to 65535
   * @throws as {@link ZeroCopySocket.send}, with `address` and `port` of the destination in errors of
   * the system; RangeError `ERR_ZEROSEND_INVALID_ADDRESS`
   */
  sendTo(
    buffer: PooledBuffer | Uint8Array,
    length: number,
    to: SocketAddress,
    options?: SendOptions,
  ): number;
  sendTo(
    buffer: PooledBuffer | Uint8Array | readonly SendPart[],
    length: number | PartLengths | undefined,
    to: SocketAddress,
    options?: SendOptions,
  ): number {
    this.#core.sender.reapIfDue(); // done first, since its listeners may send elsewhere
    if (options === undefined) return this.#sendTo(buffer, length, to, undefined);
    const { tag, offset } = readOne(options);
    return this.#core.state.tagged(this.#sendTo(buffer, length, to, offset), tag);
  }

  #sendTo(
    buffer: PooledBuffer | Uint8Array | readonly SendPart[],
    length: number | PartLengths | undefined,
    to: SocketAddress,
    offset: number | undefined,
  ): number {
    const { sender } = this.#core;
    if (Array.isArray(buffer) && offset === undefined) {
      return sender.parts.send(buffer, length, FLAG_DESTINATION, () => this.#aimAt(to));
    }
    this.#aimAt(to);
    return sender.from(buffer, length, FLAG_DESTINATION, offset);
  }

  #aimAt(to: SocketAddress): void {
    this.#destination = aimAt(to, this.#destination, this.#family);
  }

  /**
   * Sets an option of the open socket, for what is sent from then on: setsockopt(2).
   * `info().settings` returns the values in force.
   * @param name `ttl`, `tos`, `priority`, `mark`, `broadcast`, `multicastTtl`, `multicastLoop` or
   * `multicastInterface`
   * @param value as the option of `open` of that name
   * @throws TypeError `ERR_ZEROSEND_INVALID_ARGUMENT`, RangeError `ERR_ZEROSEND_OUT_OF_RANGE`, Error
   * `ERR_ZEROSEND_SOCKET_CLOSED`, or the system's error (`EPERM`, `ENODEV`, …)
   */
  setOption<K extends keyof UdpSettings>(name: K, value: NonNullable<UdpSettings[K]>): this {
    applySetting(this.#core.state, name, value, UDP_LATER);
    return this;
  }

  /** As {@link ZeroCopySocket.sendMany}, to the peer. */
  override sendMany(
    buffers: readonly PooledBuffer[] | BufferRun,
    length: number | ArrayLike<number>,
    options?: SendManyOptions,
  ): { first: number; last: number };
  /**
   * As `sendMany`, to other destinations than the peer, also on a connected socket, with as few
   * system calls: each datagram to a destination of its own, or all to one.
   *
   * As with a peer, all are accepted or none: where the kernel refuses the first, nothing is sent,
   * and the error names its destination. A later one that it refuses completes as `'failed'`, with
   * the errno's name as `code`, and the others go out.
   * @param to a destination, or as many as there are buffers, in their order
   * @throws as {@link ZeroCopySocket.sendMany}, with `address`, `port` and `index`; RangeError
   * `ERR_ZEROSEND_INVALID_ADDRESS` for a destination of the other family
   */
  override sendMany(
    buffers: readonly PooledBuffer[] | BufferRun,
    length: number | ArrayLike<number>,
    to: UdpDestination | readonly UdpDestination[],
    options?: SendManyOptions,
  ): { first: number; last: number };
  override sendMany(
    buffers: readonly PooledBuffer[] | BufferRun,
    length: number | ArrayLike<number>,
    to?: SendManyOptions | UdpDestination | readonly UdpDestination[],
    options?: SendManyOptions,
  ): { first: number; last: number } {
    if (to === undefined || !(isDestination(to) || Array.isArray(to))) {
      if (options !== undefined) throw invalidArgument('to', 'a UdpDestination, or an array', to);
      return super.sendMany(buffers, length, to as SendManyOptions | undefined);
    }
    const { batches } = this.#core;
    const aim = new UdpAim(to, this.#family);
    if (options !== undefined) return sendManyTagged(this.#core, buffers, length, options, aim);
    return buffers instanceof BufferRun
      ? batches.run(buffers, length, undefined, aim)
      : batches.many(buffers, length, undefined, aim);
  }
}
