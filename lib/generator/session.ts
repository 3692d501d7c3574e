import type { BufferPool, ZeroCopySocket } from '../index.js';
import { Meter, type Progress } from './meter.js';
import { nextTurn } from './sleep.js';

/** For how long packets are made before others have their turn, in ms. */
const TURN_MS = 5;
/** For how long the last completions are waited for, in ms. */
const SETTLE_MS = 5000;

export type Ended = 'count' | 'seconds' | 'signal';

export interface SessionOptions {
  socket: ZeroCopySocket;
  pool: BufferPool;
  signal: AbortSignal | undefined;
  /** Infinity: no end by time */
  seconds: number;
  onProgress: ((progress: Progress) => void) | undefined;
  /** ms */
  progressInterval: number;
  /** ms of performance.now() */
  startAt: number | undefined;
  rateError: () => number | null;
}

/** What all that send packets do alike: when to end, to wait, to yield and to report. */
export class Session {
  readonly meter: Meter;
  readonly #options: SessionOptions;
  readonly #stop = new AbortController();
  #ended: Ended = 'count';
  #ends = Number.POSITIVE_INFINITY;
  #turnEnds = 0;
  #failure: unknown;

  constructor(options: SessionOptions) {
    this.#options = options;
    this.meter = new Meter(options.socket);
  }

  /** Aborted when it is to end. */
  get stop(): AbortSignal {
    return this.#stop.signal;
  }

  get ended(): Ended {
    return this.#ended;
  }

  /** Runs `send` to its end, and waits for what it has sent. */
  async run(send: () => Promise<void>): Promise<void> {
    const { signal, seconds, onProgress, progressInterval, startAt } = this.#options;
    const onAbort = () => this.#end('signal');
    signal?.addEventListener('abort', onAbort, { once: true });
    if (signal?.aborted) onAbort();
    const start = startAt ?? performance.now();
    this.meter.start(start);
    this.#ends = start + seconds * 1000;
    // For a run that waits; one that is busy looks at the clock. A timer may be 1 ms early.
    const timer = Number.isFinite(seconds)
      ? setTimeout(() => this.#end('seconds'), Math.ceil(this.#ends - performance.now()) + 1)
      : undefined;
    const ticker = onProgress && setInterval(() => this.#report(onProgress), progressInterval);
    try {
      this.ranTurn();
      await send();
      this.meter.stop();
    } finally {
      clearInterval(ticker);
      clearTimeout(timer);
      signal?.removeEventListener('abort', onAbort);
    }
    if (this.#failure !== undefined) throw this.#failure;
    await this.#settle();
  }

  /** To be called after each batch: ends by time, and lets the event loop run every so often. */
  async yieldIfDue(): Promise<void> {
    const now = performance.now();
    if (now >= this.#ends) this.#end('seconds');
    if (now < this.#turnEnds) return;
    await nextTurn();
    this.ranTurn();
  }

  /** The event loop has just had its turn. */
  ranTurn(): void {
    this.#turnEnds = performance.now() + TURN_MS;
  }

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

  #end(why: Ended): void {
    if (this.stop.aborted) return;
    this.#ended = why;
    this.#stop.abort();
  }

  #report(onProgress: (progress: Progress) => void): void {
    try {
      onProgress(this.meter.progress(this.#options.rateError()));
    } catch (error) {
      this.#failure ??= error;
      this.#stop.abort();
    }
  }

  async #settle(): Promise<void> {
    const { socket } = this.#options;
    socket.poll();
    const signal = AbortSignal.timeout(SETTLE_MS);
    await socket.flush({ signal }).catch((error) => {
      if (!signal.aborted) throw error;
    });
  }
}

function drained(socket: ZeroCopySocket, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
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
