import { isFailure, native } from '../addon/addon.js';
import type { Endpoint, OpenedSocket, OpenRequest } from '../addon/contract.js';
import { type CodedError, systemError } from '../base/errors.js';
import { setImmediate, setTimeout } from '../base/timers.js';
import { checkInteger, checkSignal, checkString, readOptions } from '../base/validate.js';
import { announce } from '../engine/announce.js';
import type { Core } from '../engine/core.js';
import { checkOpened, markOpened } from '../engine/opening.js';
import {
  type CheckedSocketOptions,
  checkSocketOptions,
  SOCKET_OPTIONS,
  type SocketOptions,
} from '../engine/options.js';
import { coreOf, ZeroCopySocket } from '../engine/socket.js';
import { familyOf, resolve } from './address.js';
import { openError } from './open-error.js';

/** Options of {@link TcpSocket.connect}. */
export interface TcpOptions extends SocketOptions {
  /** Name or address of the host; all its addresses are tried in the system's order. */
  host: string;
  /** 1 to 65535 */
  port: number;
  /** Gives up connecting. Has no effect afterwards. */
  signal?: AbortSignal | undefined;
}

const TCP_OPTIONS = ['host', 'port', 'signal', ...SOCKET_OPTIONS] as const;

/** How often a closing socket looks whether the peer has acknowledged inline data, in ms. */
const LINGER_POLL_MS = 2;

/**
 * A TCP connection that sends from your memory (tcp(7)). Nagle's algorithm is off (TCP_NODELAY).
 * What the peer sends is read and dropped.
 * @example
 * ```js
 * import { once } from 'node:events';
 * import { TcpSocket } from 'zerosend';
 *
 * const socket = await TcpSocket.connect({ host: '198.18.0.2', port: 9 });
 * socket.on('complete', ({ first, last, how }) => console.log(`ids ${first} to ${last}: ${how}`));
 * for (let sent = 0; sent < 10; sent++) {
 *   if (socket.needDrain) await once(socket, 'drain');
 *   socket.send(new Uint8Array(1_000_000)); // is yours again when its id has completed
 * }
 * console.log(await socket.close()); // when the peer has acknowledged everything
 * ```
 */
export class TcpSocket extends ZeroCopySocket {
  readonly #core: Core;
  readonly #target: Endpoint;
  #settled: ((error: CodedError | null) => void) | null = null;
  #lingerTimer: NodeJS.Timeout | undefined;

  private constructor(opened: OpenedSocket, options: CheckedSocketOptions, target: Endpoint) {
    super('tcp', checkOpened(opened, 'TcpSocket.connect(options)'), options, {
      maxLength: 2 ** 32 - 1,
      segmentSize: 0,
    });
    this.#core = coreOf(this);
    this.#target = target;
    this.#core.state.hooks = {
      connected: () => this.#connected(),
      connectFailed: (errno) => this.#settled?.(systemError(errno, 'connect', target)),
      lingers: () => this.#lingers(),
    };
  }

  /**
   * Connects: socket(2), SO_ZEROCOPY, connect(2) without blocking.
   * @throws rejects with TypeError or RangeError on bad options, the error of name resolution
   * (`ENOTFOUND`), the error of the last address that was tried (`ECONNREFUSED`, `ETIMEDOUT`,
   * `EMFILE`, `ENODEV` for an `interface` that does not exist; `ECONNREFUSED` also where the socket has
   * connected to itself, as TCP does at a free port of this host), or the signal's reason
   */
  static async connect(options: TcpOptions): Promise<TcpSocket> {
    const given = readOptions('options', options, TCP_OPTIONS);
    const checked = checkSocketOptions(given);
    const host = checkString('options.host', given.host);
    const port = checkInteger('options.port', given.port, 1, 65_535);
    const signal = checkSignal(given.signal);
    signal?.throwIfAborted();
    let failure: CodedError | undefined;
    for (const address of await resolve(host, 0, signal)) {
      try {
        return await TcpSocket.#connectTo({ address, port }, checked, signal);
      } catch (error) {
        if (signal?.aborted) throw error;
        failure = error as CodedError;
      }
    }
    throw failure as CodedError;
  }

  static async #connectTo(
    target: Endpoint,
    options: CheckedSocketOptions,
    signal: AbortSignal | undefined,
  ): Promise<TcpSocket> {
    signal?.throwIfAborted();
    const request: OpenRequest = {
      remote: target,
      family: familyOf(target.address),
      interface: options.interface,
      sendBufferSize: options.sendBufferSize,
      segmentSize: 0,
      zeroCopy: options.zeroCopy !== 'never',
      maxQueuedSends: options.maxQueuedSends,
      timestamps: options.timestamps,
      maxPacingRate: options.maxPacingRate,
    };
    const opened = native.openTcp(request);
    if (isFailure(opened)) throw openError(opened, request);
    const socket = new TcpSocket(markOpened(opened), options, target);
    const onAbort = () => socket.#settled?.(null);
    signal?.addEventListener('abort', onAbort, { once: true });
    try {
      const error = await new Promise<CodedError | null>((settle) => {
        socket.#settled = settle;
      });
      if (error !== null) throw error;
      signal?.throwIfAborted();
    } catch (error) {
      native.abort(opened.handle); // or a connection to itself would keep its port in TIME_WAIT
      socket.#core.completions.closing.discard();
      throw error;
    } finally {
      socket.#settled = null;
      signal?.removeEventListener('abort', onAbort);
    }
    return announce(socket);
  }

  #connected(): void {
    const { completions, state } = this.#core;
    const { local, remote } = state.look(state.describe());
    if (local && remote && local.address === remote.address && local.port === remote.port) {
      this.#settled?.(connectedToItself(this.#target));
      return;
    }
    state.phase = 'open';
    this.#settled?.(null);
    // A reset may have come with the connection. Whoever awaits it gets to listen first, or the
    // error would be thrown.
    state.isBeingHandedOver = true;
    setImmediate(() => {
      state.isBeingHandedOver = false;
      completions.settle();
    });
  }

  /**
   * Inline data has completed but may still be on its way: a close before it is acknowledged would
   * turn into a reset if the peer talks. There is no event for that, so look again. The timer does not
   * keep the process alive: what does is decided in one place, the reactor.
   */
  #lingers(): boolean {
    const { completions, state } = this.#core;
    if (native.conclude(state.handle) !== 0) return false; // a reset: nothing more will be
    if (native.unacknowledged(state.handle) === 0) return false;
    this.#lingerTimer ??= setTimeout(() => {
      this.#lingerTimer = undefined;
      completions.settle();
    }, LINGER_POLL_MS).unref();
    return true;
  }
}

const ECONNREFUSED = 111;

/**
 * Nobody listens, and the system has chosen the very port of the target, which was free, for this end:
 * TCP connects a socket to itself then (simultaneous open, RFC 9293, 3.5).
 */
function connectedToItself(target: Endpoint): CodedError {
  const error = systemError(ECONNREFUSED, 'connect', target);
  error.message += ': nobody listens there, and the socket has connected to itself';
  return error;
}
