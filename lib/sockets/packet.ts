import { isFailure, native } from '../addon/addon.js';
import type { OpenedPacket, SocketDescription } from '../addon/contract.js';
import { invalidArgument, outOfRange } from '../base/errors.js';
import { checkBoolean, checkInteger, checkString, readOptions } from '../base/validate.js';
import { BufferPool } from '../buffers/buffer-pool.js';
import { RingOrder } from '../buffers/slot-order.js';
import { announce } from '../engine/announce.js';
import { checkOpened, markOpened } from '../engine/opening.js';
import {
  checkTimestamps,
  checkWatching,
  type SocketOptions,
  WATCH_OPTIONS,
} from '../engine/options.js';
import { coreOf } from '../engine/socket.js';
import type { SocketInfo } from '../engine/stats.js';
import type { SubmitMode } from '../engine/submit-mode.js';
import { MissingFrame } from './missing-frame.js';
import { openFailure } from './open-error.js';
import { refusePacing } from './pacing.js';
import { checkInterface, type RingOptions, RingSocket, withInit } from './ring.js';
import { RingInterface } from './ring-interface.js';

/**
 * Who writes the link header. With `'raw'` you do: a frame begins with its Ethernet header. With a
 * destination and a protocol the kernel does: a frame begins behind the link header (packet(7),
 * SOCK_DGRAM).
 */
export type LinkLayer =
  | 'raw'
  | {
      /** Ethernet address of the next hop, as `'02:00:00:00:00:01'` */
      destination: string;
      /** EtherType, such as 0x0800; 1 to 65535 */
      protocol: number;
    };

/** Options of {@link PacketSocket.open}. */
export interface PacketOptions {
  /** Name of the network interface. */
  interface: string;
  /** Frames of the ring, rounded up to whole blocks of 64 KiB. 1 to 65536; default 1024. */
  frames?: number | undefined;
  /**
   * Bytes that a frame must hold. The ring's frames are powers of two, 32 bytes of which are the
   * kernel's, so `pool.bufferSize` may be more. 64 to 131,040; default 2016 (2048 less 32).
   */
  frameSize?: number | undefined;
  /**
   * Hands frames to the driver past the queueing discipline, which is faster but cannot pace.
   * Default false.
   */
  qdiscBypass?: boolean | undefined;
  /**
   * Each frame begins with a virtio_net_hdr of 10 bytes, which asks the kernel for checksums and
   * segmentation: frames of up to 64 KB that leave as many. Only with the link layer `'raw'`. Default
   * false.
   */
  virtioNetHeader?: boolean | undefined;
  /** Default `'raw'`. */
  linkLayer?: LinkLayer | undefined;
  /** As of {@link SocketOptions.timestamps}. */
  timestamps?: 'software' | 'hardware' | undefined;
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
const PACKET_OPTIONS = [
  'interface',
  'frames',
  'frameSize',
  'qdiscBypass',
  'virtioNetHeader',
  'linkLayer',
  'timestamps',
  ...WATCH_OPTIONS,
  'init',
  'maxPacingRate',
] as (keyof PacketOptions)[];

/**
 * Whole frames through the mapped transmit ring of an AF_PACKET socket (packet(7), PACKET_TX_RING;
 * Documentation/networking/packet_mmap.rst). The ring is the pool: frames leave in the order in
 * which they were acquired. A frame that is sent before one that was acquired earlier waits for
 * that one. If the earlier frame is held, it waits until that is sent or released; after a second
 * the warning `ZEROSEND_FRAME_HELD` says so. If the earlier frame was released unsent, it waits a
 * moment only: that frame is the next one that the pool hands out, and if it is not acquired, the
 * ring goes past its place. Each frame can be sent once: `retain` throws. A completion means that
 * the kernel has released the frame, which is when it no longer reads it, except behind loopback
 * with receive packet steering, netem with a delay, and some drivers (docs/traffic/frames.md).
 *
 * A frame that the kernel refuses as malformed later on (for instance since the MTU has shrunk
 * after it was checked) completes as `'failed'`, alone. To get the ring past it, an empty frame of
 * 14 bytes is sent in its place to the loopback device, which drops it. Where that device is down,
 * the frames behind it fail as well, up to the first that had not been sent by then. Their places
 * are the next that the ring sends from, so what is acquired and sent next leaves before frames that
 * were sent earlier and wait, and before those that are held. Keep the loopback device up where
 * order matters.
 * @example
 * ```js
 * import { PacketSocket } from 'zerosend';
 *
 * const socket = await PacketSocket.open({ interface: 'zsx0' });
 * const frame = await socket.pool.acquire();
 * frame.bytes.fill(0xff, 0, 6); // to everybody
 * frame.bytes.fill(0x02, 6, 12); // from 02:02:02:02:02:02
 * frame.bytes.writeUInt16BE(0x88b5, 12); // an EtherType for experiments
 * await socket.completed(socket.send(frame, 64));
 * console.log(socket.stats());
 * await socket.close();
 * ```
 */
export class PacketSocket extends RingSocket {
  private constructor(
    opened: OpenedPacket,
    pool: BufferPool,
    interfaceName: string,
    options: RingOptions,
    virtioNetHeader: boolean,
    order: RingOrder,
  ) {
    super('packet', checkOpened(opened, 'PacketSocket.open(options)'), pool, options);
    const { completions, state } = coreOf(this);
    state.hooks = new PacketInterface(interfaceName, pool, opened, {
      virtioNetHeader,
      order,
      passed: () => void completions.poll(),
    });
  }

  /**
   * Opens a socket on an interface: socket(2), PACKET_VERSION, PACKET_TX_RING, bind(2), mmap(2).
   * @throws rejects with TypeError or RangeError on bad options, Error
   * `ERR_ZEROSEND_PACING_UNSUPPORTED` for a `maxPacingRate`, `EPERM` without CAP_NET_RAW,
   * `ENODEV` for an interface that does not exist, `ENOMEM` for a ring that does not fit
   */
  static async open(options: PacketOptions): Promise<PacketSocket> {
    const given: PacketOptions & { maxPacingRate?: unknown } = readOptions(
      'options',
      options,
      PACKET_OPTIONS,
    );
    const name = checkInterface(given.interface);
    const { frames = 1024, frameSize = 2016, linkLayer = 'raw' } = given;
    checkInteger('options.frames', frames, 1, 65_536);
    checkInteger('options.frameSize', frameSize, 64, 131_040);
    const qdiscBypass = checkBoolean('options.qdiscBypass', given.qdiscBypass);
    const virtioNetHeader = checkBoolean('options.virtioNetHeader', given.virtioNetHeader);
    if (given.init !== undefined && typeof given.init !== 'function') {
      throw invalidArgument('options.init', 'a function', given.init);
    }
    refusePacing(
      given.maxPacingRate,
      qdiscBypass
        ? 'qdiscBypass goes past every queueing discipline'
        : 'fq would pace each flow in the frames by itself, and not the socket',
    );
    const link = checkLinkLayer(linkLayer);
    // PACKET_VNET_HDR is for SOCK_RAW only
    if (virtioNetHeader && link !== null) {
      throw outOfRange('options.linkLayer', "'raw' with virtioNetHeader", linkLayer);
    }
    const timestamps = checkTimestamps(given.timestamps);
    const watching = checkWatching(given);
    const opened = native.openPacket({
      interface: name,
      frames,
      frameSize,
      qdiscBypass,
      virtioNetHeader,
      cooked: link !== null,
      protocol: link?.protocol ?? 0,
      destination: link?.destination,
      timestamps,
      sendBufferSize: 0,
    });
    if (isFailure(opened)) throw openFailure(opened, name);
    const order = new RingOrder(opened.slots);
    let pool: BufferPool;
    try {
      const memory = { ...opened, hugePageErrno: 0 };
      pool = new BufferPool(withInit(given.init), memory, order);
    } catch (error) {
      native.close(opened.handle); // reached when `init` throws
      throw error;
    }
    return announce(
      new PacketSocket(
        markOpened(opened),
        pool,
        name,
        { timestamps, ...watching },
        virtioNetHeader,
        order,
      ),
    );
  }
}

/** The interface of a packet socket, and the frame that later ones wait for. */
class PacketInterface extends RingInterface {
  readonly #virtioNetHeader: boolean;
  readonly #missing: MissingFrame;

  constructor(
    name: string,
    pool: BufferPool,
    opened: OpenedPacket,
    own: { virtioNetHeader: boolean; order: RingOrder; passed: () => void },
  ) {
    super(name, pool, opened);
    this.#virtioNetHeader = own.virtioNetHeader;
    this.#missing = new MissingFrame(opened.handle, own.order, {
      passed: own.passed,
      interfaceName: () => this.about().interface,
    });
  }

  waits(): void {
    this.#missing.watch();
  }

  override details(kernel: SocketDescription): Partial<SocketInfo> {
    return { ...super.details(kernel), virtioNetHeader: this.#virtioNetHeader };
  }
}

function checkLinkLayer(value: LinkLayer): { destination: Buffer; protocol: number } | null {
  if (value === 'raw') return null;
  const { destination, protocol } = readOptions('options.linkLayer', value, [
    'destination',
    'protocol',
  ]);
  checkInteger('options.linkLayer.protocol', protocol, 1, 65_535);
  checkString('options.linkLayer.destination', destination);
  if (!/^[\da-f]{2}(:[\da-f]{2}){5}$/i.test(destination)) {
    throw outOfRange(
      'options.linkLayer.destination',
      'an address like 02:00:00:00:00:01',
      destination,
    );
  }
  return { destination: Buffer.from(destination.replaceAll(':', ''), 'hex'), protocol };
}
