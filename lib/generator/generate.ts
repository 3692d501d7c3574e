import type { PooledBuffer, ZeroCopySocket } from '../index.js';
import { type CheckedGenerate, checkGenerate, type GenerateOptions } from './generate-options.js';
import { Meter, type Progress } from './meter.js';
import { Pacer, type PacerReport } from './pacer.js';
import type { PacketSequence } from './sequence.js';
import { nextTurn, sleepUntil } from './sleep.js';

/** For how long packets are made before others have their turn, in ms. */
const TURN_MS = 5;
/** For how long the last completions are waited for, in ms. */
const SETTLE_MS = 5000;

/** What a run has sent. */
export interface GenerateReport {
  /** Why it ended. */
  ended: 'count' | 'seconds' | 'signal';
  packets: number;
  /** Bytes of these packets, without offload headers. */
  bytes: number;
  /** Until the last was sent. */
  seconds: number;
  packetsPerSecond: number;
  bitsPerSecond: number;
  /** The socket's ids of this run, and of those how many failed or were revoked. */
  sends: number;
  failed: number;
  /** Ids that had not completed five seconds after the last send. */
  unfinished: number;
  /** How often no buffer was free, so that sending had to wait. */
  dry: number;
  /** How the rate was kept; null without one. */
  pacing: PacerReport | null;
}

/**
 * Sends the packets of a template through a UDP, packet or XDP socket: laid into each buffer once,
 * changed in place, in batches, at a rate or as fast as the socket takes them. A pool that has run
 * dry is waited for. The event loop has its turn every few milliseconds.
 *
 * Until it ends, the buffers of the pool must not be written to by others.
 * @returns when all packets are sent and their ids have completed
 * @throws rejects with TypeError or RangeError on bad options, and with what `send` throws
 */
export async function generate(options: GenerateOptions): Promise<GenerateReport> {
  return runChecked(checkGenerate(options));
}

/** @internal */
export async function runChecked(checked: CheckedGenerate): Promise<GenerateReport> {
  try {
    return await new Run(checked).toEnd();
  } finally {
    if (checked.ownPool) void checked.pool.close();
  }
}

class Run {
  readonly #options: CheckedGenerate;
  readonly #socket: ZeroCopySocket;
  readonly #packets: PacketSequence;
  readonly #pacer: Pacer | null;
  readonly #meter: Meter;
  /** the pool's buffers that hold the template */
  readonly #laid: Uint8Array;
  readonly #batch: PooledBuffer[];
  readonly #stop = new AbortController();
  #ended: GenerateReport['ended'] = 'count';
  #left: number;
  #turnEnds = 0;

  constructor(options: CheckedGenerate) {
    this.#options = options;
    this.#socket = options.socket;
    this.#packets = options.packets;
    this.#pacer = options.rate === null ? null : new Pacer(options.rate, options.pacer);
    this.#meter = new Meter(options.socket, options.packetBytes);
    this.#laid = new Uint8Array(options.pool.count);
    this.#batch = new Array(options.batch);
    this.#left = options.count;
  }

  async toEnd(): Promise<GenerateReport> {
    const { signal, seconds, onProgress, progressInterval } = this.#options;
    const onAbort = () => this.#end('signal');
    signal?.addEventListener('abort', onAbort, { once: true });
    if (signal?.aborted) onAbort();
    this.#meter.start();
    this.#pacer?.start(this.#options.startAt ?? performance.now());
    const ends = (this.#options.startAt ?? performance.now()) + seconds * 1000;
    // For a run that waits; one that is busy looks at the clock.
    const timer = Number.isFinite(seconds)
      ? setTimeout(() => this.#end('seconds'), Math.max(0, ends - performance.now()))
      : undefined;
    let failure: unknown;
    const report =
      onProgress &&
      this.#reporter(onProgress, (error) => {
        failure ??= error;
        this.#stop.abort();
      });
    const ticker = report && setInterval(report, progressInterval);
    try {
      await this.#send(ends);
      this.#meter.stop();
    } finally {
      clearInterval(ticker);
      clearTimeout(timer);
      signal?.removeEventListener('abort', onAbort);
    }
    if (failure !== undefined) throw failure;
    await this.#settle();
    return {
      ended: this.#ended,
      ...this.#meter.report(),
      pacing: this.#pacer?.report(this.#meter.stopped) ?? null,
    };
  }

  #reporter(onProgress: (progress: Progress) => void, onError: (error: unknown) => void) {
    return () => {
      try {
        onProgress(this.#meter.progress(this.#pacer));
      } catch (error) {
        onError(error);
      }
    };
  }

  #end(why: GenerateReport['ended']): void {
    if (this.#stop.signal.aborted) return;
    this.#ended = why;
    this.#stop.abort();
  }

  async #send(ends: number): Promise<void> {
    const stop = this.#stop.signal;
    const { startAt } = this.#options;
    if (startAt !== undefined && this.#pacer === null) await sleepUntil(startAt, stop);
    let now = performance.now();
    this.#turnEnds = now + TURN_MS;
    while (this.#left > 0 && !stop.aborted) {
      const due = this.#pacer ? this.#pacer.take(now) : this.#left;
      if (due > 0) {
        await this.#sendDue(Math.min(due, this.#left), ends);
      } else {
        await this.#pacer?.wait(stop);
        this.#turnEnds = performance.now() + TURN_MS;
      }
      now = performance.now();
    }
  }

  /** Sends so many packets now, batch after batch. */
  async #sendDue(due: number, ends: number): Promise<void> {
    const stop = this.#stop.signal;
    let open = due;
    while (open > 0 && !stop.aborted) {
      const sent = this.#sendBatch(open);
      open -= sent;
      this.#left -= sent;
      const now = performance.now();
      if (now >= ends) this.#end('seconds');
      // Waiting for room may end without a turn of the event loop.
      if (sent === 0) await this.#room();
      if (now < this.#turnEnds) continue;
      await nextTurn();
      this.#turnEnds = performance.now() + TURN_MS;
    }
  }

  /** Sends what there are buffers for, at most a batch; returns how many packets. */
  #sendBatch(most: number): number {
    const { pool, train, batch } = this.#options;
    const socket = this.#socket;
    if (socket.needDrain) return 0;
    const packets = this.#packets;
    const buffers = this.#batch;
    const wanted = train === 1 ? Math.min(most, batch) : Math.min(Math.ceil(most / train), batch);
    let held = 0;
    while (held < wanted) {
      const buffer = pool.tryAcquire();
      if (buffer === null) break;
      if (this.#laid[buffer.index] === 0) {
        packets.layTrain(buffer.bytes, train);
        this.#laid[buffer.index] = 1;
      }
      buffers[held++] = buffer;
    }
    if (held === 0) return 0;
    const count = Math.min(most, held * train);
    // Only the last train of a run can be shorter than the others.
    const whole = Math.floor(count / train);
    packets.stampMany(buffers, whole, train);
    if (whole < held) packets.stampMany([buffers[whole] as PooledBuffer], 1, count % train);
    try {
      this.#hand(held, count);
    } catch (error) {
      for (let i = 0; i < held; i++) buffers[i]?.[Symbol.dispose]();
      throw error;
    }
    this.#meter.sent(count, held);
    return count;
  }

  #hand(held: number, count: number): void {
    const { train, batch } = this.#options;
    const full = this.#packets.length * train;
    const buffers = held === batch ? this.#batch : this.#batch.slice(0, held);
    const rest = count % train;
    if (rest === 0) {
      this.#socket.sendMany(buffers, full);
      return;
    }
    const lengths = new Array(held).fill(full);
    lengths[held - 1] = rest * this.#packets.length;
    this.#socket.sendMany(buffers, lengths);
  }

  /** Waits until a buffer is free, or what is queued has left. */
  async #room(): Promise<void> {
    this.#meter.dry();
    const stop = this.#stop.signal;
    if (this.#socket.needDrain) {
      await drained(this.#socket, stop);
      return;
    }
    try {
      const buffer = await this.#options.pool.acquire({ signal: stop });
      buffer.release(); // it is the next one that tryAcquire gives
    } catch (error) {
      if (!stop.aborted) throw error;
    }
  }

  async #settle(): Promise<void> {
    this.#socket.poll();
    const signal = AbortSignal.timeout(SETTLE_MS);
    await this.#socket.flush({ signal }).catch((error) => {
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
