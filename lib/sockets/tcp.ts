import { isFailure, native } from '../addon/addon.js';
import type { Endpoint, OpenedSocket, OpenRequest, Settings } from '../addon/contract.js';
import { reactor } from '../addon/reactor.js';
import { abortCalls } from '../base/abort-groups.js';
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
   * The numeric address of this host to connect from: bind(2). Only addresses of the peer of the
   * same family are tried. By default the route decides.
   */
  localAddress?: string | undefined;
  /** The port to connect from, 0 to 65535. Default 0: any free one. */
  localPort?: number | undefined;
  /** Aborts connecting. Has no effect once connected. */
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

/**
 * The interval, in ms, at which a closing socket looks whether the peer has acknowledged data that
 * was sent inline.
 */
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
    abortCalls.add(signal, onAbort);
    try {
      const error = await new Promise<CodedError | null>((settle) => {
        socket.#settled = settle;
        reactor.poll(socket.#core.completions); // it may be connected already
      });
      if (error !== null) throw error;
      signal?.throwIfAborted();
    } catch (error) {
      // closed by a reset: a connection to itself would keep its port in TIME_WAIT
      native.abort(opened.handle);
      socket.#core.completions.closing.discard();
      throw error;
    } finally {
      socket.#settled = null;
      abortCalls.delete(signal, onAbort);
    }
    return announce(socket);
  }

  /**
   * Sets an option of the open connection: setsockopt(2). `info().settings` returns the values in
   * force.
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
    // A reset may have arrived right after the connection. Its error is emitted only when the
    // caller of `connect` has had the chance to add a listener; otherwise it would be thrown.
    state.isBeingHandedOver = true;
    setImmediate(() => {
      state.isBeingHandedOver = false;
      completions.settle();
    });
  }

  /**
   * Data that was sent inline has completed but may still be on its way: if the socket were closed
   * before it is acknowledged, data from the peer would turn the close into a reset. The only event
   * for an acknowledgement is the FIN with which most peers answer (Record::kPeerEnded), so this
   * looks again after a while. The timer does not keep the process alive: the reactor alone decides
   * what does.
   */
  #lingers(): boolean {
    const { completions, state } = this.#core;
    // after a reset nothing more will be acknowledged
    if (native.conclude(state.handle) !== 0) return false;
    if (native.unacknowledged(state.handle) === 0) return false;
    this.#lingerTimer ??= setTimeout(() => {
      this.#lingerTimer = undefined;
      completions.settle();
    }, LINGER_POLL_MS).unref();
    return true;
  }
}

/** The local address to connect from, for each family; undefined where the kernel chooses. */
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
 * The error for a socket that has connected to itself. TCP does so (simultaneous open, RFC 9293,
 * 3.5) when nothing listens at a port of this host and the system chooses the very same port for
 * this end.
 */
function connectedToItself(target: Endpoint): CodedError {
  const error = systemError(ECONNREFUSED, 'connect', target);
  error.message += ': nobody listens there, and the socket has connected to itself';
  return error;
}
