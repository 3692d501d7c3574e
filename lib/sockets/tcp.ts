import { isFailure, native } from '../addon/addon.js';
import type { Endpoint, OpenedSocket, OpenRequest, Settings } from '../addon/contract.js';
import { reactor } from '../addon/reactor.js';
import { type CodedError, rangeError, systemError } from '../base/errors.js';
import { setImmediate, setTimeout } from '../base/timers.js';
import { checkInteger, checkSignal, checkString, readOptions } from '../base/validate.js';
import { announce } from '../engine/announce.js';
import type { Core } from '../engine/core.js';
import { describeEnds } from '../engine/kernel-facts.js';
import { checkOpened, markOpened } from '../engine/opening.js';
import {
  type CheckedSocketOptions,
  checkSocketOptions,
  SOCKET_OPTIONS,
  type SocketOptions,
} from '../engine/options.js';
import type { BindSettings, TcpSettings } from '../engine/settings.js';
import { coreOf, ZeroCopySocket } from '../engine/socket.js';
import { type Family, familyOf, isNumeric, resolve } from './address.js';
import { openError } from './open-error.js';
import { applySetting, checkSettings, readSettings, TCP_LATER, TCP_SETTINGS } from './settings.js';

/** Options of {@link TcpSocket.connect}. */
export interface TcpOptions extends SocketOptions, TcpSettings, BindSettings {
  /** Name or address of the host; all its addresses are tried in the system's order. */
  host: string;
  /** 1 to 65535 */
  port: number;
  /**
   * The numeric address of this host to connect from: bind(2). Of the peer's addresses only those of its
   * family are tried. Default: the route's.
   */
  localAddress?: string | undefined;
  /** The port to connect from, 0 to 65535; default 0, a free one. */
  localPort?: number | undefined;
  /** Gives up connecting. Has no effect afterwards. */
  signal?: AbortSignal | undefined;
}

const TCP_OPTIONS = [
  'host',
  'port',
  'signal',
  'localAddress',
  'localPort',
  ...TCP_SETTINGS,
  ...SOCKET_OPTIONS,
] as const;

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
      details: ({ settings = {} }) => ({ settings: readSettings(settings, TCP_SETTINGS) }),
    };
  }

  /**
   * Connects: socket(2), SO_ZEROCOPY, bind(2) where asked for, connect(2) without blocking.
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
    const settings = checkSettings(given, TCP_SETTINGS);
    const local = checkLocal(given);
    const signal = checkSignal(given.signal);
    signal?.throwIfAborted();
    const { localAddress } = given;
    let failure: CodedError | undefined;
    for (const address of await resolve(host, 0, signal)) {
      const family = familyOf(address);
      if (localAddress !== undefined && familyOf(localAddress) !== family) {
        failure ??= otherFamily(localAddress, host);
        continue;
      }
      const request = requestOf({ address, port }, local(family), settings, checked);
      try {
        return await TcpSocket.#connectTo(request, checked, signal);
      } catch (error) {
        if (signal?.aborted) throw error;
        failure = error as CodedError;
      }
    }
    throw failure as CodedError;
  }

  static async #connectTo(
    request: OpenRequest,
    options: CheckedSocketOptions,
    signal: AbortSignal | undefined,
  ): Promise<TcpSocket> {
    signal?.throwIfAborted();
    const opened = native.openTcp(request);
    if (isFailure(opened)) throw openError(opened, request);
    const socket = new TcpSocket(markOpened(opened), options, request.remote as Endpoint);
    const onAbort = () => socket.#settled?.(null);
    signal?.addEventListener('abort', onAbort, { once: true });
    try {
      const error = await new Promise<CodedError | null>((settle) => {
        socket.#settled = settle;
        reactor.poll(socket.#core.completions); // it may be up already
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

  /**
   * Sets an option of the connection, from now on: setsockopt(2). `info().settings` tells what holds.
   * @param name `ttl`, `tos`, `priority`, `mark`, `keepAlive`, `keepAliveIdle`, `keepAliveInterval`,
   * `keepAliveProbes` or `userTimeout`
   * @param value as the option of `connect` of that name
   * @throws TypeError `ERR_ZEROSEND_INVALID_ARGUMENT`, RangeError `ERR_ZEROSEND_OUT_OF_RANGE`, Error
   * `ERR_ZEROSEND_SOCKET_CLOSED`, or the system's error (`EPERM`, …)
   */
  setOption<K extends keyof TcpSettings>(name: K, value: NonNullable<TcpSettings[K]>): this {
    applySetting(this.#core.state, name, value, TCP_LATER);
    return this;
  }

  #connected(): void {
    const { completions, state } = this.#core;
    const { local, remote } = state.look(describeEnds(state.handle));
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
   * turn into a reset if the peer talks. There is no event for that but the peer's own end, with which most
   * peers answer ours (Record::kPeerEnded): so look again. The timer does not keep the process alive: what
   * does is decided in one place, the reactor.
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

/** Where it is to connect from, for either family; undefined: the kernel chooses. */
function checkLocal({ localAddress, localPort = 0 }: TcpOptions) {
  checkInteger('options.localPort', localPort, 0, 65_535);
  if (localAddress !== undefined) {
    const family = familyOf(checkString('options.localAddress', localAddress));
    if (!isNumeric(localAddress, family)) throw notNumericAtAll(localAddress);
  } else if (localPort === 0) {
    return () => undefined;
  }
  return (family: Family): Endpoint => ({
    address: localAddress ?? (family === 4 ? '0.0.0.0' : '::'),
    port: localPort,
  });
}

function notNumericAtAll(address: string): RangeError {
  return rangeError(
    'ERR_ZEROSEND_INVALID_ADDRESS',
    `options.localAddress must be a numeric IP address; received '${address}'`,
  );
}

function otherFamily(localAddress: string, host: string): CodedError {
  return rangeError(
    'ERR_ZEROSEND_INVALID_ADDRESS',
    `options.localAddress must be of a family that '${host}' has; received '${localAddress}'`,
  );
}

function requestOf(
  remote: Endpoint,
  local: Endpoint | undefined,
  settings: Settings,
  options: CheckedSocketOptions,
): OpenRequest {
  return {
    remote,
    local,
    family: familyOf(remote.address),
    interface: options.interface,
    sendBufferSize: options.sendBufferSize,
    segmentSize: 0,
    settings,
    zeroCopy: options.zeroCopy !== 'never',
    maxQueuedSends: options.maxQueuedSends,
    timestamps: options.timestamps,
    maxPacingRate: options.maxPacingRate,
  };
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
