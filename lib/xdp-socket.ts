import { setTimeout as delay } from 'node:timers/promises';
import { BufferPool } from './buffer-pool.js';
import { invalidArgument } from './errors.js';
import { native, type OpenedXdp } from './native.js';
import { checkInterface, openFailure, RingSocket } from './ring-socket.js';
import type { SocketInfo } from './socket-stats.js';
import { checkInteger, checkObject, checkOneNumber, checkOneOf } from './validate.js';

const MODES = ['best', 'zerocopy', 'copy'] as const;
const EBUSY = 16;
/** For how long a queue that was just closed may answer EBUSY. */
const BUSY_FOR_MS = 1000;

/** Options of {@link XdpSocket.open}. */
export interface XdpOptions {
  /** Name of the network interface. */
  interface: string;
  /** Transmit queue of the interface, 0 to 65535; default 0. */
  queue?: number;
  /**
   * `'zerocopy'` requires a driver that transmits from the frames in place, `'copy'` has the kernel
   * copy, `'best'` takes what there is; `info().xdp` says what was granted. Default `'best'`.
   */
  mode?: 'best' | 'zerocopy' | 'copy';
  /** Frames, which are the chunks of the UMEM. 1 to 65536; default 1024. */
  frames?: number;
  /** Bytes of a chunk: 2048 or 4096; default 2048. */
  frameSize?: 2048 | 4096;
  /**
   * Milliseconds after which a frame that the kernel took and never gave back (a device reset can
   * swallow completions) is given up: its id completes as `'revoked'`, its chunk is retired. 0 waits
   * for ever; default 5000.
   */
  completionTimeout?: number;
  /** Lays a template into each frame once. */
  init?: (bytes: Buffer, index: number) => void;
}

/**
 * Whole frames through AF_XDP (Documentation/networking/af_xdp.rst), transmit only: no BPF program
 * is needed. The pool's memory is the UMEM. Completions come in any order. In copy mode they say
 * `'copied'`, in zero-copy mode `'zerocopy'`.
 *
 * The pages of a UMEM are pinned, so those of a frame that is given up cannot be replaced: its chunk
 * is retired, and a new socket gets new memory.
 */
export class XdpSocket extends RingSocket {
  readonly #granted: NonNullable<SocketInfo['xdp']>;

  private constructor(
    opened: OpenedXdp,
    pool: BufferPool,
    options: { interface: string; queue: number; mode: (typeof MODES)[number] },
  ) {
    super('xdp', opened, pool, options.interface);
    this.#granted = {
      queue: options.queue,
      granted: opened.zeroCopy ? 'zerocopy' : 'copy',
      reason: reasonFor(opened.zeroCopy, options.mode),
    };
  }

  /**
   * Opens a socket on a queue of an interface: socket(2), XDP_UMEM_REG, XDP_TX_RING, mmap(2),
   * bind(2). A queue that was closed a moment ago is tried again for a second.
   * @throws rejects with TypeError or RangeError on bad options, `EPERM` without CAP_NET_RAW,
   * `ENODEV` or `EINVAL` for an interface or queue that does not exist, `EOPNOTSUPP` where
   * `mode: 'zerocopy'` cannot be had, `EBUSY` for a queue in use, `ENOBUFS` beyond RLIMIT_MEMLOCK
   */
  static async open(options: XdpOptions): Promise<XdpSocket> {
    checkObject('options', options);
    const name = checkInterface(options.interface);
    const { queue = 0, mode = 'best', frames = 1024, frameSize = 2048 } = options;
    const { completionTimeout = 5000, init } = options;
    checkInteger('options.queue', queue, 0, 65_535);
    checkOneOf('options.mode', mode, MODES);
    checkInteger('options.frames', frames, 1, 65_536);
    checkInteger('options.completionTimeout', completionTimeout, 0, 2 ** 31 - 1);
    checkOneNumber('options.frameSize', frameSize, [2048, 4096]);
    if (init !== undefined && typeof init !== 'function') {
      throw invalidArgument('options.init', 'a function', init);
    }
    const pool = BufferPool._forChunks(frameSize, frames, init);
    const deadline = Date.now() + BUSY_FOR_MS;
    for (;;) {
      const opened = native.openXdp({
        interface: name,
        queue,
        mode: MODES.indexOf(mode),
        slab: pool._slab,
        deadline: completionTimeout,
      });
      if (!('errno' in opened))
        return new XdpSocket(opened, pool, { interface: name, queue, mode });
      if (opened.errno !== EBUSY || Date.now() >= deadline) {
        void pool.close();
        throw openFailure(opened, name, 'CAP_NET_RAW');
      }
      await delay(20);
    }
  }

  /** @internal */
  protected override _details(): Partial<SocketInfo> {
    return { ...super._details(), xdp: this.#granted };
  }
}

function reasonFor(zeroCopy: boolean, mode: (typeof MODES)[number]): string {
  if (zeroCopy) return 'the driver transmits from the UMEM in place';
  return mode === 'copy'
    ? "the option mode is 'copy'"
    : 'the driver has no zero copy for this queue';
}
