// The sending loops (acquire, fill, send, until the run is over), and the measurements around them.
import { createHistogram } from 'node:perf_hooks';
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { BufferPool, CompletionRange, PooledBuffer, ZeroCopySocket } from '../../index.js';
import type { RepeatedPattern } from './checks.js';
import { IdBook } from './checks.js';

const TURN = 20; // ms that a loop may keep the event loop waiting

/** The limits of one sender: time, number of sends, and the signal that ends it early. */
export class Run {
  readonly count: number;
  readonly signal: AbortSignal;
  #started = Number.NaN;
  #paused = 0;
  #turnEnds = 0;
  #end = Number.POSITIVE_INFINITY;

  constructor({ count, signal }: { count: number; signal: AbortSignal }) {
    this.count = count;
    this.signal = signal;
  }

  /** Starts the clock: the sender goes on for `seconds`. */
  begin(seconds: number): void {
    this.#started = performance.now();
    this.#end = this.#started + seconds * 1e3;
    this.#turnEnds = this.#started + TURN;
  }

  /** Whether the sender has to go on. */
  goesOn(sent: number): boolean {
    return sent < this.count && !this.signal.aborted && performance.now() < this.#end;
  }

  /** Whether it is time to `await run.turn()`, so that timers, signals and messages are served. */
  get turnDue(): boolean {
    return performance.now() > this.#turnEnds;
  }

  async turn(): Promise<void> {
    await nextTurn();
    this.#turnEnds = performance.now() + TURN;
  }

  /** Stops the clock until the next begin(). */
  pause(): void {
    if (!Number.isNaN(this.#started)) this.#paused += performance.now() - this.#started;
    this.#started = Number.NaN;
  }

  /** Seconds for which it has been sending. */
  get seconds(): number {
    const since = Number.isNaN(this.#started) ? 0 : performance.now() - this.#started;
    return (this.#paused + since) / 1e3;
  }
}

const RING = 2 ** 16; // for how many ids the time is kept; far more than are ever in flight
const MASK = RING - 1;

/** Measures and checks each send and each completion. */
export class Meter {
  readonly ids = new IdBook();
  bytes = 0;
  ranges = 0;
  readonly how: Record<CompletionRange['how'], number> = {
    zerocopy: 0,
    copied: 0,
    inline: 0,
    revoked: 0,
    failed: 0,
  };
  /** By `id & MASK`: when a send was made, in ms, and its id. */
  readonly #times = new Float64Array(RING);
  readonly #owners = new Float64Array(RING).fill(-1);
  readonly #latency = createHistogram();

  /** Sends, and notes the time. If the send throws, the buffer stays with the caller. */
  send(socket: ZeroCopySocket, buffer: PooledBuffer, length: number): void {
    const before = performance.now();
    let id: number;
    try {
      id = socket.send(buffer, length);
    } catch (error) {
      buffer.release();
      throw error;
    }
    this.#times[id & MASK] = before;
    this.#owners[id & MASK] = id;
    this.ids.send(id);
    this.bytes += length;
  }

  /** Listens to `complete`. */
  readonly complete = (range: CompletionRange): void => {
    const { first, last, how } = range;
    const now = performance.now();
    this.ids.complete(range);
    this.ranges++;
    this.how[how] += last - first + 1;
    for (let id = first; id <= last; id++) {
      if (this.#owners[id & MASK] !== id) continue;
      const milliseconds = now - (this.#times[id & MASK] as number);
      this.#latency.record(Math.max(1, Math.round(milliseconds * 1e6)));
    }
  };

  /** From the call of send to the event, in µs; null before the first. */
  latency(): { p50: number; p99: number } | null {
    if (this.#latency.count === 0) return null;
    const at = (p: number) => this.#latency.percentile(p) / 1e3;
    return { p50: at(50), p99: at(99) };
  }
}

// ms without a message from the receiver, after which what is missing counts as lost
const LOST_AFTER = 500;

/**
 * UDP has no flow control: a sender without a limit only fills the receiver's socket and loses the
 * rest. So the receiver reports how many datagrams it has room for, and how far it has received.
 */
export class Credit {
  readonly #window: number;
  #received = 0;
  #wake: (() => void) | null = null;

  /** @param window datagrams that the receiver has room for */
  constructor(window: number) {
    this.#window = window;
  }

  /** Notes how far the receiver has come: the sequence number that it expects next. */
  received(next: number): void {
    this.#received = Math.max(this.#received, next);
    this.#wake?.();
  }

  /** @param next the sequence number of the next datagram */
  allows(next: number, datagrams: number): boolean {
    return next + datagrams - this.#received <= this.#window;
  }

  /**
   * Resolves when the receiver has received more, when it seems that it will not (then all that was
   * sent counts as received or lost), or when the signal is aborted.
   */
  news(next: number, signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const wake = () => {
        clearTimeout(timer);
        signal.removeEventListener('abort', wake);
        this.#wake = null;
        resolve();
      };
      const giveUp = () => {
        this.#received = next;
        wake();
      };
      const timer = setTimeout(giveUp, LOST_AFTER);
      signal.addEventListener('abort', wake);
      this.#wake = wake;
      if (signal.aborted) wake();
    });
  }
}

/** What a sending loop works with. A dry pool slows the loop down. */
export interface Sending {
  readonly run: Run;
  readonly meter: Meter;
  readonly pool: BufferPool;
  readonly socket: ZeroCopySocket;
  readonly pattern: RepeatedPattern;
}

/**
 * Sends trains of datagrams, at the pace at which the receiver takes them.
 * @returns datagrams sent
 */
export async function sendTrains(
  { run, meter, pool, socket, pattern }: Sending,
  credit: Credit,
  { size, segment }: { size: number; segment: number },
): Promise<number> {
  const datagrams = Math.ceil(size / segment);
  let sequence = 0;
  while (run.goesOn(meter.ids.sent)) {
    if (run.turnDue) await run.turn();
    if (!credit.allows(sequence, datagrams)) {
      await credit.news(sequence, run.signal);
      continue;
    }
    const buffer = pool.tryAcquire() ?? (await pool.acquire());
    sequence = pattern.fillTrain(buffer.bytes, size, segment, sequence);
    meter.send(socket, buffer, size);
  }
  return sequence;
}

/**
 * Sends a stream, in sends of the sizes that `nextSize` returns. TCP controls the flow by itself.
 */
export async function sendStream(
  { run, meter, pool, socket, pattern }: Sending,
  nextSize: () => number,
): Promise<void> {
  while (run.goesOn(meter.ids.sent)) {
    if (run.turnDue) await run.turn();
    const buffer = pool.tryAcquire() ?? (await pool.acquire());
    const size = nextSize();
    pattern.fillStream(buffer.bytes, size, meter.bytes);
    meter.send(socket, buffer, size);
  }
}

/** Sends buffers that are filled already. Only a number is written into each before it is sent. */
export async function sendPrepared(
  { run, meter, pool, socket }: Sending,
  size: number,
): Promise<void> {
  while (run.goesOn(meter.ids.sent)) {
    if (run.turnDue) await run.turn();
    const buffer = pool.tryAcquire() ?? (await pool.acquire());
    buffer.bytes.writeUInt32LE(meter.ids.sent % 2 ** 32);
    meter.send(socket, buffer, size);
  }
}

/**
 * Random sizes, evenly distributed on a logarithmic scale: as many from 1 to 2 as from 2^19 to
 * 2^20.
 * @param min and max bytes, both included
 */
export function mixedSizes(seed: number, min: number, max: number): () => number {
  const next = randomWords(seed);
  const [low, high] = [Math.log(min), Math.log(max + 1)];
  return () => {
    const size = Math.floor(Math.exp(low + (high - low) * (next() / 2 ** 32)));
    return Math.min(max, Math.max(min, size));
  };
}

/** A small generator of random numbers (mulberry32). */
function randomWords(seed: number): () => number {
  let state = seed | 0;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let x = Math.imul(state ^ (state >>> 15), state | 1);
    x ^= x + Math.imul(x ^ (x >>> 7), x | 61);
    return (x ^ (x >>> 14)) >>> 0;
  };
}
