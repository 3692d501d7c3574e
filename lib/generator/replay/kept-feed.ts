import type { BufferPool } from '../../index.js';
import { inTurns } from '../base/steps.js';
import type { Capture } from '../captures/capture.js';
import { type CaptureProblem, captureError } from '../captures/captured-frame.js';
import { BATCH, type Batch, type Due, type Feed, type FeedReport } from './feed.js';
import { type FrameBuffers, PooledFrames, RingFrames } from './frame-buffers.js';
import type { Skipped } from './frame-shape.js';
import { type CheckedReplay, makerOf } from './replay-options.js';
import type { Timing } from './schedule.js';
import { type FrameMaker, OTHERS, type SendableFrame } from './sendable-frames.js';

/** Frames that were made ready before the first is sent, and are the same in every loop. */
export class KeptFeed implements Feed {
  /** of each frame: through which socket, its bytes as sent, and without an offload header */
  readonly #ways: Uint8Array;
  readonly #sent: Uint32Array;
  readonly #lengths: Uint32Array;
  readonly #due: Float64Array;
  readonly #timing: Timing;
  readonly #period: number;
  readonly #buffers: readonly FrameBuffers[];
  readonly #loops: number;
  readonly #maker: FrameMaker;
  readonly #problem: CaptureProblem | null;
  /** the next frame, how many loops there were before its own, and when that began */
  #next = 0;
  #loop = 0;
  #began = 0;

  private constructor(
    { loops }: CheckedReplay,
    kept: {
      frames: readonly SendableFrame[];
      due: Float64Array;
      timing: Timing;
      buffers: readonly FrameBuffers[];
      maker: FrameMaker;
      problem: CaptureProblem | null;
    },
  ) {
    this.#ways = Uint8Array.from(kept.frames, ({ way }) => way);
    this.#sent = Uint32Array.from(kept.frames, ({ bytes }) => bytes.length);
    this.#lengths = Uint32Array.from(kept.frames, ({ length }) => length);
    this.#due = kept.due;
    this.#timing = kept.timing;
    this.#period = kept.timing.period;
    this.#buffers = kept.buffers;
    this.#maker = kept.maker;
    this.#problem = kept.problem;
    this.#loops = loops;
  }

  /**
   * Makes the frames ready and lays them into buffers, in pieces: the event loop has its turn every few
   * milliseconds, however large the file is.
   * @throws Error `ERR_ZEROSEND_CAPTURE` where no frame can be sent
   */
  static async make(checked: CheckedReplay, capture: Capture): Promise<KeptFeed> {
    const maker = makerOf(checked);
    const all = await inTurns(maker.makeAll(capture));
    if (all.length === 0) throw nothingToSend(maker.skipped, capture.problem);
    const timing = checked.timing();
    const times = await inTurns(timing.take(all));
    const frames = checked.share === null ? all : all.filter(({ way }) => way !== OTHERS);
    const due = checked.share === null ? times : times.filter((_, i) => all[i]?.way !== OTHERS);
    const buffers: FrameBuffers[] = [];
    try {
      for (const [way, { pool }] of checked.ways.entries()) {
        const made = pool
          ? new RingFrames(pool, frames)
          : await inTurns(PooledFrames.load(frames, way));
        buffers.push(made);
      }
    } catch (error) {
      for (const one of buffers) one.close();
      throw error;
    }
    const { problem } = capture;
    return new KeptFeed(checked, { frames, due, timing, buffers, maker, problem });
  }

  get due(): number | null {
    return this.ended ? null : this.#began + (this.#due[this.#next] as number);
  }

  get ended(): boolean {
    return this.#loop >= this.#loops || this.#due.length === 0;
  }

  get way(): number {
    return this.#ways[this.#next] as number;
  }

  take(until: number, into: Due): void {
    const due = this.#due;
    const ways = this.#ways;
    const last = due.length - 1;
    let next = this.#next;
    while (into.count < BATCH && this.#loop < this.#loops) {
      const at = this.#began + (due[next] as number);
      if (at > until) break;
      const way = ways[next] as number;
      const batch = into.batches[way] as Batch;
      if (batch.blocked || batch.count < into.count) break;
      const buffer = (this.#buffers[way] as FrameBuffers).take(next);
      if (buffer === null) break;
      into.add(batch, buffer, this.#sent[next] as number, this.#lengths[next] as number, at);
      if (next < last) {
        next++;
      } else {
        next = 0;
        this.#loop++;
        this.#began += this.#period;
      }
    }
    this.#next = next;
  }

  async more(): Promise<void> {}

  report(): FeedReport {
    return {
      frames: this.#due.length,
      loops: this.#loop,
      skipped: this.#maker.skipped,
      notRewritten: this.#maker.notRewritten,
      unordered: this.#timing.unordered,
      problem: this.#problem,
    };
  }

  close(): void {
    for (const buffers of this.#buffers) buffers.close();
  }

  get pools(): BufferPool[] {
    return this.#buffers.map(({ pool }) => pool);
  }
}

/** With what is wrong with the file, where something is: its first frame may have been the last. */
export function nothingToSend(skipped: readonly Skipped[], problem: CaptureProblem | null): Error {
  const left = skipped.map(({ reason, detail, frames }) =>
    detail === undefined ? `${frames} ${reason}` : `${frames} ${reason} (${detail})`,
  );
  const why = problem === null ? left : [problem.message, ...left];
  const offset = problem?.offset ?? skipped[0]?.firstOffset ?? 0;
  return captureError(offset, `no frame can be sent: ${why.join(', ') || 'there is none'}`);
}
