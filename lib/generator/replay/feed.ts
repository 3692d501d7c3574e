import type { BufferPool, PooledBuffer } from '../../index.js';
import type { CaptureProblem } from '../captures/captured-frame.js';
import type { Skipped } from './frame-shape.js';
import type { NotRewritten } from './not-rewritten.js';

/** What is to be said of the capture that frames come from. */
export interface FeedReport {
  frames: number;
  loops: number;
  skipped: Skipped[];
  notRewritten: NotRewritten;
  unordered: number;
  problem: CaptureProblem | null;
}

/** Frames that are handed over at once at most. */
export const BATCH = 64;

/** What one socket is handed together. */
export class Batch {
  readonly buffers: PooledBuffer[] = new Array(BATCH);
  readonly lengths: number[] = new Array(BATCH);
  count = 0;
  /** without offload headers */
  bytes = 0;
  /** nothing more is to be queued for the socket */
  blocked = false;
}

/** Frames that are due, as they are taken from a feed. */
export class Due {
  readonly batches: readonly Batch[];
  /** when each of them was due */
  readonly times = new Float64Array(BATCH);
  count = 0;

  /** @param ways how many sockets there are */
  constructor(ways: number) {
    this.batches = Array.from({ length: ways }, () => new Batch());
  }

  /** @param sent bytes with an offload header */
  add(batch: Batch, buffer: PooledBuffer, sent: number, length: number, due: number): void {
    batch.buffers[batch.count] = buffer;
    batch.lengths[batch.count++] = sent;
    batch.bytes += length;
    this.times[this.count++] = due;
  }
}

/** The frames of a replay, in the order in which they are sent: loop after loop. */
export interface Feed {
  /** The pools that buffers come from, for each socket. */
  readonly pools: readonly BufferPool[];
  /** ms after the first frame of all; null: it is not known yet which one is next, or there is none */
  readonly due: number | null;
  /** Through which socket the next frame leaves. */
  readonly way: number;
  /** No frame will come any more. */
  readonly ended: boolean;
  /** Takes frames that are due at `until`, in their order, for as long as there are buffers and they fit a batch. */
  take(until: number, into: Due): void;
  /** Resolves when it is known what is next, or the signal is aborted. */
  more(signal: AbortSignal): Promise<void>;
  report(): FeedReport;
  /** Lets go of buffers and of what it reads. */
  close(): void;
}
