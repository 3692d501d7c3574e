import type { ZeroCopySocket } from '../index.js';
import { sleepUntil } from './sleep.js';

/** For how long a socket that takes no more sends is waited for to say why, in ms. */
const PATIENCE_MS = 5000;
const LONGEST_TIMEOUT_MS = 2 ** 31 - 1;

/** Hears of the end of a socket while a run uses it. */
export class Death {
  readonly #socket: ZeroCopySocket;
  readonly #closed = new AbortController();
  readonly #tell: (cause: Error) => void;
  #cause: Error | null = null;

  /** @param tell is called once the socket has closed */
  constructor(socket: ZeroCopySocket, tell: (cause: Error) => void) {
    this.#socket = socket;
    this.#tell = tell;
    socket.on('error', this.#onError);
    socket.on('close', this.#onClose);
  }

  forget(): void {
    this.#socket.off('error', this.#onError);
    this.#socket.off('close', this.#onClose);
  }

  /**
   * Why a run ends that was refused a send or a buffer: these say only that the socket or its pool
   * is closed, and the socket tells what closed it when it has ended.
   */
  async causeOf(refusal: unknown): Promise<unknown> {
    const { code } = (refusal ?? {}) as { code?: string };
    if (code === 'ERR_ZEROSEND_SOCKET_CLOSED') {
      // It is closing already, or has closed: this only waits for it.
      void this.#socket.close({ timeout: LONGEST_TIMEOUT_MS }).then(() => this.#closed.abort());
      await sleepUntil(performance.now() + PATIENCE_MS, this.#closed.signal);
    } else if (code !== 'ERR_ZEROSEND_POOL_CLOSED') {
      return this.#named(refusal as Error);
    }
    return this.#cause ?? refusal;
  }

  readonly #onError = (error: Error): void => {
    this.#cause = this.#named(error);
  };

  /** Errors of system calls do not say on their own what they are about. */
  #named(error: Error): Error {
    const { interface: name, remote } = this.#socket.info();
    if (!(error instanceof Error && 'syscall' in error && Object.isExtensible(error))) return error;
    const about = name ?? (remote && `${remote.address} port ${remote.port}`);
    if (about === undefined || error.message.includes(about)) return error;
    error.message += ` (${about})`;
    return Object.assign(error, name === undefined ? remote : { interface: name });
  }

  readonly #onClose = (): void => {
    this.#cause ??= Object.assign(new Error('the socket was closed before the run had ended'), {
      code: 'ERR_ZEROSEND_SOCKET_CLOSED',
    });
    this.#closed.abort();
    this.#tell(this.#cause);
  };
}
