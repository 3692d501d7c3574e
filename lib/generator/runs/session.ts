import { abortCalls } from '../../base/abort-groups.js';
import { stateError } from '../../base/errors.js';
import { clearInterval, clock, setInterval } from '../../base/timers.js';
import type { BufferPool, PoolShare, ZeroCopySocket } from '../../index.js';
import { sleepUntil } from '../base/sleep.js';
import { type Precision, Sleeper } from '../base/sleeper.js';
import { yieldIfDue } from '../base/yield.js';
import { Meter, type Progress, type Since } from './meter.js';
import type { Observed } from './run-options.js';
import { SocketEnd } from './socket-end.js';

/** For how long a run waits for its last completions, in ms. */
const SETTLE_MS = 5000;
/** The same while the interface is down, where nothing completes. */
const SETTLE_DOWN_MS = 1000;
const SETTLE_LOOK_MS = 100;

/** Why a run ended. `'stop'`: by its handle; `'error'`: of the report that the error of a failed run has. */
export type Ended = 'count' | 'seconds' | 'signal' | 'stop' | 'error';

export interface SessionOptions extends Observed<(progress: Progress) => void> {
  socket: ZeroCopySocket;
  pool: BufferPool | PoolShare;
  /** Infinity: no end by time */
  seconds: number;
  /** ms of performance.now() */
  startAt: number | undefined;
  rateError: () => number | null;
  /** how it waits for what is due */
  precision: Precision;
}

/**
 * One run of a socket, from its first send to the completion of its last id: when it ends, what it
 * waits for, its turns of the event loop, and its counts. Generating and replaying differ in what they
 * send.
 */
export class Session {
  readonly meter: Meter;
  readonly #options: SessionOptions;
  readonly #stop = new AbortController();
  readonly #sleeper = new Sleeper();
  readonly #isStopped = () => this.#stop.signal.aborted;
  #ended: Ended = 'count';
  #ends = Number.POSITIVE_INFINITY;
  #failure: unknown;
  #refusal: unknown;
  readonly #reported: Since = { at: 0, packets: 0, bytes: 0 };

  constructor(options: SessionOptions) {
    this.#options = options;
    this.meter = new Meter(options.socket, options.pool);
    this.stop.addEventListener('abort', this.wake, { once: true });
  }

  /** Aborted when it is to end. */
  get stop(): AbortSignal {
    return this.#stop.signal;
  }

  get ended(): Ended {
    return this.#ended;
  }

  /**
   * Runs `send` to its end, and waits for what it has sent, also after an error: the report of the
   * run holds what came of it.
   */
  async run(send: () => Promise<void>): Promise<void> {
    const { signal, seconds, onProgress, progressInterval, startAt } = this.#options;
    const onAbort = () => this.end('signal');
    abortCalls.add(signal, onAbort);
    const start = startAt ?? clock();
    this.meter.start(start);
    this.#ends = start + seconds * 1000;
    const over = new AbortController();
    if (Number.isFinite(seconds)) void this.#endInTime(over.signal);
    const ticker = onProgress && setInterval(() => this.#report(onProgress), progressInterval);
    const socketEnd = new SocketEnd(this.#options.socket, (cause) => this.#died(cause));
    try {
      await send();
      this.meter.stop();
      this.#stop.abort();
    } catch (error) {
      this.meter.stop();
      this.#fail(error === this.#refusal ? await socketEnd.explain(error) : error);
    }
    over.abort();
    clearInterval(ticker);
    abortCalls.delete(signal, onAbort);
    await this.#settle();
    socketEnd.forget();
    if (this.#ended === 'error') throw this.#failure;
  }

  /** For a run that waits; one that is busy looks at the clock by itself. */
  async #endInTime(over: AbortSignal): Promise<void> {
    await sleepUntil(this.#ends, over);
    if (!over.aborted) this.end('seconds');
  }

  /**
   * To be called after each batch: ends by time, and lets the event loop run every so often.
   * @returns what is to be awaited, where there is something
   */
  yieldIfDue(): Promise<void> | undefined {
    this.endIfOver();
    return yieldIfDue();
  }

  /** Ends by time, to the packet: the timer that does so for one that waits is up to 2 ms late. */
  endIfOver(): void {
    if (clock() >= this.#ends) this.end('seconds');
  }

  /**
   * Resolves at a time of `performance.now()`, which is asked again after each `wake`, or when the run is to
   * end.
   */
  sleepUntil(time: () => number): Promise<void> {
    return this.#sleeper.sleep(time, this.#options.precision, undefined, this.#isStopped);
  }

  /** What is waited for may be due earlier now. */
  readonly wake = (): void => this.#sleeper.wake();

  /** Waits until a buffer is free, or what is queued has left. */
  async room(): Promise<void> {
    this.meter.dry();
    const { socket, pool } = this.#options;
    if (socket.needDrain) {
      await drained(socket, this.stop);
      return;
    }
    try {
      const buffer = await pool.acquire({ signal: this.stop });
      buffer.release(); // it is the next one that tryAcquire gives
    } catch (error) {
      if (!this.stop.aborted) throw error;
    }
  }

  /**
   * Notes what the socket has thrown: what it is about is added where the run ends by it. What else ends a
   * run, such as a function of the user's, may be about another socket, or about none.
   */
  refused(error: unknown): void {
    this.#refusal = error;
  }

  /** Ends it, unless it has ended already. */
  end(why: Ended): void {
    if (this.stop.aborted) return;
    this.#ended = why;
    this.#stop.abort();
  }

  /** @param since whose rates it has: it is moved on */
  progress(since: Since): Progress {
    return this.meter.progress(this.#options.rateError(), since);
  }

  #report(onProgress: (progress: Progress) => void): void {
    try {
      onProgress(this.progress(this.#reported));
    } catch (error) {
      this.#fail(error);
    }
  }

  /** A socket that closes without an error fails the run, unless the run has stopped already. */
  #died(cause: Error | null): void {
    if (cause !== null) {
      this.#fail(cause);
    } else if (!this.stop.aborted) {
      const message = 'the socket was closed before the run had ended';
      this.#fail(stateError('ERR_ZEROSEND_SOCKET_CLOSED', message));
    }
  }

  #fail(error: unknown): void {
    if (this.#ended === 'error') return;
    this.#failure = error;
    this.#ended = 'error';
    this.#stop.abort();
  }

  async #settle(): Promise<void> {
    const { socket } = this.#options;
    socket.poll();
    const end = new AbortController();
    const began = clock();
    let lastUp = began;
    const timer = setInterval(() => {
      const now = clock();
      if (!socket.info().linkDown) lastUp = now;
      if (now - began >= SETTLE_MS || now - lastUp >= SETTLE_DOWN_MS) end.abort();
    }, SETTLE_LOOK_MS);
    // What it could not wait for is in the report, as failed or unfinished.
    await socket.flush({ signal: end.signal }).catch(() => {});
    clearInterval(timer);
  }
}

function drained(socket: ZeroCopySocket, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    // A function that is asked for the rate may have stopped the run.
    if (signal.aborted) {
      resolve();
      return;
    }
    const done = () => {
      socket.off('drain', done);
      socket.off('close', done);
      signal.removeEventListener('abort', done);
      resolve();
    };
    socket.on('drain', done);
    socket.on('close', done);
    signal.addEventListener('abort', done);
  });
}
