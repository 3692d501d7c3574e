import { withOwn } from '../../base/errors.js';
import { clock } from '../../base/timers.js';
import type { ZeroCopySocket } from '../../index.js';
import { sleepUntil } from '../base/sleep.js';

/**
 * For how long a socket that takes no more sends may take to say why, in ms: more than the five
 * seconds for which it waits itself for what is on its way.
 */
const PATIENCE_MS = 10_000;
const LONGEST_TIMEOUT_MS = 2 ** 31 - 1;

/** Listens for `error` and `close` of a socket while a run uses it, and finds out why the socket ended. */
export class SocketEnd {
  readonly #socket: ZeroCopySocket;
  readonly #closed = new AbortController();
  readonly #tell: (cause: Error | null) => void;
  #cause: Error | null = null;

  /** @param tell is called once the socket has closed; with null when somebody has closed it */
  constructor(socket: ZeroCopySocket, tell: (cause: Error | null) => void) {
    this.#socket = socket;
    this.#tell = tell;
    socket.on('error', this.#onError);
    socket.on('close', this.#onClose);
  }

  /** Removes the listeners. */
  forget(): void {
    this.#socket.off('error', this.#onError);
    this.#socket.off('close', this.#onClose);
  }

  /**
   * Adds to an error that a send has thrown which interface or remote it is about. An error that only
   * says that the socket is closed is returned when the socket has closed, so that its own error, the
   * cause, comes first.
   */
  async explain(refusal: unknown): Promise<unknown> {
    if ((refusal as { code?: string } | null)?.code === 'ERR_ZEROSEND_SOCKET_CLOSED') {
      // It is closing already, or has closed: this only waits for it.
      void this.#socket.close({ timeout: LONGEST_TIMEOUT_MS }).then(() => this.#closed.abort());
      await sleepUntil(clock() + PATIENCE_MS, this.#closed.signal);
    }
    return refusal instanceof Error ? this.#named(refusal) : refusal;
  }

  readonly #onError = (error: Error): void => {
    this.#cause = this.#named(error);
  };

  /** Errors of system calls do not say on their own what they are about. */
  #named(error: Error): Error {
    const { interface: name, remote } = this.#socket.info();
    if (!('syscall' in error && Object.isExtensible(error))) return error;
    const about = name ?? (remote && `${remote.address} port ${remote.port}`);
    if (about === undefined || error.message.includes(about)) return error;
    error.message += ` (${about})`;
    return withOwn(error, name === undefined ? { ...remote } : { interface: name });
  }

  readonly #onClose = (): void => {
    this.#closed.abort();
    this.#tell(this.#cause);
  };
}
