import { nextTurn } from '../../base/timers.js';
import { BufferPool } from '../../index.js';
import { atOnce } from '../base/steps.js';
import { type Capture, framesOf } from '../captures/capture.js';
import { CaptureReader } from '../captures/capture-reader.js';
import type { CapturedFrame } from '../captures/captured-frame.js';
import { BATCH, type Batch, type Due, type Feed, type FeedReport } from './feed.js';
import { nothingToSend } from './kept-feed.js';
import { type CheckedReplay, makerOf } from './replay-options.js';
import type { Timing } from './schedule.js';
import { type FrameMaker, OTHERS, type SendableFrame } from './sendable-frames.js';

/** Frames and bytes that are made ready ahead of those that are sent. */
const AHEAD = { frames: 4096, bytes: 2 ** 23 };
/** Frames that are made in one go: with more, those that are due would wait for them. */
const STRETCH = 64;
/** Of a capture in memory, as many as a reader hands over together. */
const IN_MEMORY = 1024;
/** Of a socket that has no pool. */
const POOL = { count: 128, bufferSize: 65_536 };

/** Where frames are read of, as often as there are loops. */
type Source = Capture | CaptureReader;

/**
 * Frames that are read, rewritten and made ready while others are sent: of a file of any length, or with
 * other addresses in each loop.
 */
export class PassingFeed implements Feed {
  readonly pools: readonly BufferPool[];
  readonly #checked: CheckedReplay;
  readonly #source: Source;
  readonly #maker: FrameMaker;
  readonly #own: BufferPool[] = [];
  /** what is ready, and when each is due; those before the head were sent */
  #queue: SendableFrame[] = [];
  #due: number[] = [];
  #head = 0;
  #bytes = 0;
  /** the loop that is read: its frames, its number, when it begins */
  #batches: AsyncIterator<CapturedFrame[]>;
  #timing: Timing;
  #loop = 0;
  #began = 0;
  #filling = false;
  #done = false;
  #failure: { error: unknown } | null = null;
  #wake = () => {};
  /** frames of the first loop; of all loops, those of all workers, those that were made, and those that were sent */
  #frames = 0;
  #known = 0;
  #made = 0;
  #sent = 0;
  /** how many had been made at the end of each loop that has not been sent yet */
  readonly #ends: number[] = [];
  #loopsSent = 0;
  #unordered = 0;

  constructor(checked: CheckedReplay, source: Source) {
    this.#checked = checked;
    this.#source = source;
    this.#maker = makerOf(checked);
    this.pools = checked.ways.map(({ pool, destination: { maxLength } }) => {
      if (pool !== null) return pool;
      const bufferSize = Math.min(POOL.bufferSize, maxLength);
      const made = new BufferPool({ count: POOL.count, bufferSize });
      this.#own.push(made);
      return made;
    });
    this.#timing = checked.timing();
    this.#batches = batchesOf(source);
    this.#fill();
  }

  get due(): number | null {
    this.#fill();
    return this.#due[this.#head] ?? null;
  }

  /** What could not be read is told first, by `more`. */
  get ended(): boolean {
    return this.#done && this.#head === this.#queue.length && this.#failure === null;
  }

  get way(): number {
    return this.#queue[this.#head]?.way ?? 0;
  }

  take(until: number, into: Due): void {
    while (into.count < BATCH && this.#head < this.#queue.length) {
      const at = this.#due[this.#head] as number;
      if (at > until) break;
      const { bytes, length, way } = this.#queue[this.#head] as SendableFrame;
      const batch = into.batches[way] as Batch;
      // Frames of the other way, which come before it, are to leave before it.
      if (batch.count < into.count) break;
      const buffer = batch.blocked ? null : (this.pools[way] as BufferPool).tryAcquire();
      if (buffer === null) break;
      buffer.bytes.set(bytes);
      into.add(batch, buffer, bytes.length, length, at);
      this.#bytes -= bytes.length;
      this.#head++;
      this.#sent++;
    }
    this.#countLoops();
    this.#fill();
  }

  async more(signal: AbortSignal): Promise<void> {
    this.#fill();
    if (this.#filling && !signal.aborted) {
      await new Promise<void>((resolve) => {
        const onAbort = () => resolve();
        signal.addEventListener('abort', onAbort);
        this.#wake = () => {
          signal.removeEventListener('abort', onAbort);
          resolve();
        };
      });
    }
    if (this.#failure !== null) throw this.#failure.error;
  }

  report(): FeedReport {
    return {
      frames: this.#frames,
      loops: this.#loopsSent,
      skipped: this.#maker.skipped,
      notRewritten: this.#maker.notRewritten,
      unordered: this.#unordered,
      problem: this.#source.problem,
    };
  }

  close(): void {
    const wasDone = this.#done;
    this.#done = true;
    if (!wasDone && this.#source instanceof CaptureReader) this.#source._abandon();
    // It may wait for a stream from which nothing comes.
    void this.#batches.return?.().catch(() => {});
    for (const pool of this.#own) void pool.close();
  }

  #fill(): void {
    if (this.#filling || this.#done || this.#isFull) return;
    this.#filling = true;
    void this.#readOn()
      .catch((error: unknown) => {
        this.#failure = { error };
        this.#done = true;
      })
      .finally(() => {
        this.#filling = false;
        this.#wake();
      });
  }

  get #isFull(): boolean {
    return this.#queue.length - this.#head >= AHEAD.frames || this.#bytes >= AHEAD.bytes;
  }

  async #readOn(): Promise<void> {
    while (!this.#done && !this.#isFull) {
      const { value, done } = await this.#batches.next();
      if (this.#done) return;
      if (done) this.#endLoop();
      else await this.#add(value);
      this.#wake();
    }
  }

  async #add(frames: readonly CapturedFrame[]): Promise<void> {
    const ready: SendableFrame[] = [];
    for (const [i, frame] of frames.entries()) {
      this.#maker.make(frame, ready);
      if (i % STRETCH === STRETCH - 1) await nextTurn();
    }
    const due = atOnce(this.#timing.take(ready));
    this.#queue = this.#queue.slice(this.#head);
    this.#due = this.#due.slice(this.#head);
    this.#head = 0;
    let ours = 0;
    for (const [i, frame] of ready.entries()) {
      if (frame.way === OTHERS) continue;
      ours++;
      this.#queue.push(frame);
      this.#due.push(this.#began + (due[i] as number));
      this.#bytes += frame.bytes.length;
    }
    this.#made += ours;
    this.#known += ready.length;
    if (this.#loop > 0) return;
    this.#frames = this.#made;
    this.#unordered = this.#timing.unordered;
  }

  #endLoop(): void {
    if (this.#known === 0) throw nothingToSend(this.#maker.skipped, this.#source.problem);
    this.#ends.push(this.#made);
    this.#countLoops();
    this.#began += this.#timing.period;
    // Of a worker without a flow: it would read loop after loop, and never have enough.
    const none = this.#made === 0;
    if (++this.#loop === this.#checked.loops || none) {
      this.#done = true;
      return;
    }
    this.#maker.loop = this.#loop;
    this.#timing = this.#checked.timing();
    this.#batches = batchesOf(this.#source);
  }

  #countLoops(): void {
    while (this.#ends.length > 0 && this.#sent >= (this.#ends[0] as number)) {
      this.#ends.shift();
      this.#loopsSent++;
    }
  }
}

function batchesOf(source: Source): AsyncIterator<CapturedFrame[]> {
  return source instanceof CaptureReader ? source._batches() : batchesInMemory(source);
}

async function* batchesInMemory(capture: Capture): AsyncGenerator<CapturedFrame[]> {
  const frames = framesOf(capture);
  for (let from = 0; from < frames.length; from += IN_MEMORY) {
    const length = Math.min(IN_MEMORY, frames.length - from);
    yield Array.from({ length }, (_, i) => frames.frame(from + i));
  }
}
