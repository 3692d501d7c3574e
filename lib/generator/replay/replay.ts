// replay: sending the frames of a capture again. Frames are rewritten (`rewrite`), made sendable
// (`sendable-frames`), laid into buffers (`frame-buffers`) and timed (`schedule`).

import { createHistogram, type RecordableHistogram } from 'node:perf_hooks';
import { clock } from '../../base/timers.js';
import type { PooledBuffer } from '../../index.js';
import { withReport } from '../base/errors.js';
import { inTurns } from '../base/steps.js';
import type { CaptureProblem } from '../captures/captured-frame.js';
import { claimExclusiveUse } from '../runs/exclusive-use.js';
import type { GenerateReport } from '../runs/generate-report.js';
import { Session } from '../runs/session.js';
import { type FrameBuffers, PooledFrames, RingFrames } from './frame-buffers.js';
import type { NotRewritten } from './not-rewritten.js';
import {
  type CheckedReplay,
  checkReplay,
  type Plan,
  planReplay,
  type ReplayOptions,
} from './replay-options.js';
import type { SendableFrame, Skipped } from './sendable-frames.js';

/** Frames that are handed over at once at most. */
const BATCH = 64;

/**
 * What a replay has sent. `packets` and `bytes` count frames, each as often as it was sent; `ended` is
 * `'count'` after the loops.
 */
export interface ReplayReport extends Omit<GenerateReport, 'pacing' | 'templates' | 'refused'> {
  /** Frames of the capture that can be sent, and whole rounds of them. */
  frames: number;
  /** Whole rounds of these frames that were sent. */
  loops: number;
  /** Frames that were left out. */
  skipped: Skipped[];
  /**
   * Frames of the capture that are sent with addresses that `rewrite.addresses` does not reach, by
   * kind; a frame can be of two. With `rewrite.ethernet` alone only kinds whose MAC addresses stay,
   * without either none. Payloads of applications (DNS, DHCP, SIP) are not looked into.
   */
  notRewritten: NotRewritten;
  /** Frames whose time does not follow that of an earlier one, or that have none; sent right behind it. */
  unordered: number;
  /** Where and why the file could not be read to its end. */
  problem: CaptureProblem | null;
  /** Microseconds from when frames were due until the kernel had them; null when not timed. */
  lateness: {
    /** the median */
    p50: number;
    /** what 99 of 100 did not exceed */
    p99: number;
    /** the latest */
    max: number;
  } | null;
}

/**
 * Sends a capture again: with its own timing, faster or slower, at a rate, or flat out. Frames are
 * made ready and laid into buffers before the first is sent. Those that are due go together; none is left out
 * because it is late.
 * @throws rejects with TypeError or RangeError on bad options; Error `ERR_ZEROSEND_BUSY` while another
 * run uses the socket; Error `ERR_ZEROSEND_CAPTURE` for a file that is no capture, or none of whose
 * frames can be sent; and with what `send` throws or what ends the socket: with `report`, what was
 * sent until then
 * @example
 * ```js
 * import { PacketSocket } from 'zerosend';
 * import { replay } from 'zerosend/generator';
 *
 * const socket = await PacketSocket.open({ interface: 'zsx0' });
 * const report = await replay({ socket, capture: 'capture.pcap', speed: 2 });
 * console.log(report.frames, report.skipped, report.lateness);
 * await socket.close();
 * ```
 */
export async function replay(options: ReplayOptions): Promise<ReplayReport> {
  const checked = checkReplay(options);
  const { socket, pool } = checked;
  const leave = claimExclusiveUse(socket, pool);
  let buffers: FrameBuffers | null = null;
  try {
    const plan = await planReplay(checked);
    buffers = pool
      ? new RingFrames(pool, plan.ready)
      : await inTurns(PooledFrames.load(plan.ready));
    return await new Replay(checked, plan, buffers).toEnd();
  } finally {
    buffers?.close();
    leave();
  }
}

class Replay {
  readonly #options: CheckedReplay;
  readonly #plan: Plan;
  readonly #frames: FrameBuffers;
  readonly #session: Session;
  readonly #lateness: RecordableHistogram | null;
  readonly #buffers: PooledBuffer[] = new Array(BATCH);
  readonly #lengths: number[] = new Array(BATCH);
  /** the next frame, and when its loop began */
  #next = 0;
  #loop = 0;
  #began = 0;

  constructor(options: CheckedReplay, plan: Plan, buffers: FrameBuffers) {
    this.#options = options;
    this.#plan = plan;
    this.#frames = buffers;
    this.#lateness = plan.timed ? createHistogram({ lowest: 1, highest: 1e12 }) : null;
    this.#session = new Session({
      ...options,
      pool: buffers.pool,
      seconds: Number.POSITIVE_INFINITY,
      startAt: undefined,
      rateError: () => null,
      precision: 'spin',
    });
  }

  async toEnd(): Promise<ReplayReport> {
    try {
      await this.#session.run(() => this.#send());
    } catch (error) {
      throw withReport(error, this.#report());
    }
    return this.#report();
  }

  #report(): ReplayReport {
    const { ready, skipped, notRewritten, schedule, capture } = this.#plan;
    const histogram = this.#lateness;
    return {
      ended: this.#session.ended,
      frames: ready.length,
      loops: this.#loop,
      ...this.#session.meter.report(),
      skipped,
      notRewritten,
      unordered: schedule.unordered,
      problem: capture.problem,
      lateness: histogram && {
        p50: histogram.percentile(50) / 1000,
        p99: histogram.percentile(99) / 1000,
        max: histogram.max / 1000,
      },
    };
  }

  async #send(): Promise<void> {
    const session = this.#session;
    const { stop } = session;
    this.#began = clock();
    while (this.#loop < this.#options.loops && !stop.aborted) {
      const due = this.#due;
      const now = clock();
      if (due > now) {
        await session.sleepUntil(() => due);
        continue;
      }
      if (this.#sendDue(now) === 0) await session.room();
      await session.yieldIfDue();
    }
  }

  /** When the next frame is due. */
  get #due(): number {
    return this.#began + (this.#plan.schedule.due[this.#next] as number);
  }

  /** Sends frames that are due at `now`, at most a batch; returns how many. */
  #sendDue(now: number): number {
    const { socket, loops } = this.#options;
    const { ready, schedule } = this.#plan;
    if (socket.needDrain) return 0;
    const buffers = this.#buffers;
    const lengths = this.#lengths;
    const first = { next: this.#next, began: this.#began };
    let bytes = 0;
    let count = 0;
    while (count < BATCH && this.#loop < loops && this.#due <= now) {
      const buffer = this.#frames.take(this.#next);
      if (buffer === null) break;
      const frame = ready[this.#next] as SendableFrame;
      buffers[count] = buffer;
      lengths[count++] = frame.bytes.length;
      bytes += frame.length;
      if (++this.#next === ready.length) {
        this.#next = 0;
        this.#loop++;
        this.#began += schedule.period;
      }
    }
    if (count === 0) return 0;
    try {
      socket.sendMany(buffers.slice(0, count), lengths.slice(0, count));
    } catch (error) {
      for (let i = 0; i < count; i++) buffers[i]?.release();
      throw error;
    }
    this.#session.meter.sent(count, bytes, count);
    this.#noteLateness(first, count);
    return count;
  }

  #noteLateness({ next, began }: { next: number; began: number }, count: number): void {
    const histogram = this.#lateness;
    if (histogram === null) return;
    const { due, period } = this.#plan.schedule;
    const now = clock();
    let at = next;
    let start = began;
    for (let i = 0; i < count; i++) {
      const late = now - (start + (due[at] as number));
      histogram.record(Math.max(1, Math.round(late * 1e6)));
      if (++at === due.length) {
        at = 0;
        start += period;
      }
    }
  }
}
