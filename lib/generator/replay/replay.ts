// replay: sending the frames of a capture again. Frames are told apart (`split`), rewritten (`rewrite`), made
// sendable (`sendable-frames`) and timed (`schedule`): all before the first is sent (`kept-feed`), or while
// others are (`passing-feed`).

import { createHistogram, type RecordableHistogram } from 'node:perf_hooks';
import { types } from 'node:util';
import { clock } from '../../base/timers.js';
import { withReport } from '../base/errors.js';
import { type Capture, readCaptureInTurns } from '../captures/capture.js';
import { CaptureReader } from '../captures/capture-reader.js';
import type { CaptureProblem } from '../captures/captured-frame.js';
import type { Warp } from '../pace/frame-rate.js';
import { claimExclusiveUse } from '../runs/exclusive-use.js';
import type { GenerateReport } from '../runs/generate-report.js';
import { type Batch, Due, type Feed } from './feed.js';
import type { Skipped } from './frame-shape.js';
import { KeptFeed } from './kept-feed.js';
import type { NotRewritten } from './not-rewritten.js';
import { PassingFeed } from './passing-feed.js';
import {
  type CheckedReplay,
  checkReplay,
  type ReplayOptions,
  type ReplayWay,
} from './replay-options.js';
import { SessionPair } from './session-pair.js';

/**
 * What a replay has sent, through both interfaces where there are two. `packets` and `bytes` count frames,
 * each as often as it was sent; `ended` is `'count'` after the loops.
 */
export interface ReplayReport extends Omit<GenerateReport, 'pacing' | 'templates' | 'refused'> {
  /** Frames of the capture that can be sent, and whole rounds of them. */
  frames: number;
  /** Whole rounds of these frames that were sent. */
  loops: number;
  /** Frames that were left out. */
  skipped: Skipped[];
  /**
   * Frames of the capture that are sent with addresses that rewriting does not reach, by kind; a frame
   * can be of two. With `rewrite.ethernet` alone only kinds whose MAC addresses stay, without either
   * none. Payloads of applications (DNS, DHCP, SIP) are not looked into.
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
 * Sends a capture again: with its own timing, faster or slower, at a rate, or flat out; through one interface,
 * or clients through one and servers through another. Frames are made ready and laid into buffers before the
 * first is sent; of what `openCapture` has opened, and with other addresses in each loop, while others are
 * sent. Those that are due go together; none is left out because it is late.
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
  return runReplay(checkReplay(options));
}

/**
 * The same of checked options.
 * @param begin called when the first frame is ready to be sent; tells when to begin, in ms of performance.now()
 * @internal
 */
export async function runReplay(
  checked: CheckedReplay,
  begin?: () => Promise<number>,
): Promise<ReplayReport> {
  const leave: (() => void)[] = [];
  let feed: Feed | null = null;
  try {
    for (const { socket, pool } of checked.ways) leave.push(claimExclusiveUse(socket, pool));
    feed = await feedOf(checked);
    if (begin === undefined) return await new Replay(checked, feed).toEnd();
    await feed.more(checked.signal ?? NEVER);
    return await new Replay({ ...checked, startAt: await begin() }, feed).toEnd();
  } finally {
    feed?.close();
    for (const each of leave) each();
  }
}

/** @throws Error `ERR_ZEROSEND_CAPTURE` for a file that is no capture, or has no frame to send */
async function feedOf(checked: CheckedReplay): Promise<KeptFeed | PassingFeed> {
  const { capture: given, ways } = checked;
  if (given instanceof CaptureReader) return new PassingFeed(checked, given);
  const capture = isCapture(given) ? given : await readCaptureInTurns(given);
  const changes = checked.loops > 1 && ways.some(({ rewriter }) => rewriter.changesEachLoop);
  return changes ? new PassingFeed(checked, capture) : KeptFeed.make(checked, capture);
}

function isCapture(value: unknown): value is Capture {
  if (typeof value !== 'object' || value === null || types.isUint8Array(value)) return false;
  // Of a capture that was read, the frames are not to be made only to look at them.
  const frames = Object.getOwnPropertyDescriptor(value, 'frames');
  return frames?.get !== undefined || Array.isArray((value as Capture).frames);
}

class Replay {
  readonly #options: CheckedReplay;
  readonly #feed: Feed;
  readonly #sessions: SessionPair;
  readonly #lateness: RecordableHistogram | null;
  readonly #taken: Due;
  /** at a rate that changes: of the next frame, and of those that were sent last */
  readonly #ahead: Warp | null;
  readonly #behind: Warp | null;
  #began = 0;

  constructor(options: CheckedReplay, feed: Feed) {
    this.#ahead = options.warp?.() ?? null;
    this.#behind = options.warp?.() ?? null;
    this.#options = options;
    this.#feed = feed;
    this.#lateness = options.timed ? createHistogram({ lowest: 1, highest: 1e12 }) : null;
    this.#sessions = new SessionPair(options, feed.pools);
    this.#taken = new Due(options.ways.length);
  }

  async toEnd(): Promise<ReplayReport> {
    try {
      // The time begins with the first frame, which may have to be read first.
      if (this.#feed.due === null) await this.#feed.more(this.#options.signal ?? NEVER);
      await this.#sessions.run(() => this.#send());
    } catch (error) {
      throw withReport(error, this.#report());
    }
    return this.#report();
  }

  #report(): ReplayReport {
    const histogram = this.#lateness;
    const { frames, loops, skipped, notRewritten, unordered, problem } = this.#feed.report();
    return {
      ended: this.#sessions.ended,
      frames,
      loops,
      ...this.#sessions.report(),
      skipped,
      notRewritten,
      unordered,
      problem,
      lateness: histogram && {
        p50: histogram.percentile(50) / 1000,
        p99: histogram.percentile(99) / 1000,
        max: histogram.max / 1000,
      },
    };
  }

  async #send(): Promise<void> {
    const sessions = this.#sessions;
    const feed = this.#feed;
    const { stop } = sessions;
    this.#began = this.#options.startAt ?? clock();
    while (!feed.ended && !stop.aborted) {
      const { due } = feed;
      if (due === null) {
        await feed.more(stop);
        continue;
      }
      const now = clock();
      const at = this.#began + (this.#ahead?.timeOf(due, now - this.#began) ?? due);
      if (at > now) {
        await sessions.sleepUntil(at);
        continue;
      }
      const passed = now - this.#began;
      // Within rounding, the frame that is due may be one that is not yet.
      const until = Math.max(due, this.#ahead?.markAt(passed) ?? passed);
      if (this.#sendDue(until) === 0) await sessions.room(feed.way);
      await sessions.yieldIfDue();
    }
  }

  /** Sends frames that are due until then, as the feed has it, at most a batch; returns how many. */
  #sendDue(until: number): number {
    const { ways } = this.#options;
    const taken = this.#taken;
    taken.count = 0;
    for (const [way, batch] of taken.batches.entries()) {
      batch.count = batch.bytes = 0;
      batch.blocked = (ways[way] as ReplayWay).socket.needDrain;
    }
    this.#feed.take(until, taken);
    if (taken.count === 0) return 0;
    for (const [way, batch] of taken.batches.entries())
      if (batch.count > 0) this.#handOver(way, batch);
    this.#noteLateness(taken);
    return taken.count;
  }

  #handOver(way: number, { buffers, lengths, count, bytes }: Batch): void {
    try {
      const { socket } = this.#options.ways[way] as ReplayWay;
      socket.sendMany(buffers.slice(0, count), lengths.slice(0, count));
    } catch (error) {
      for (const batch of this.#taken.batches.slice(way)) {
        for (let i = 0; i < batch.count; i++) batch.buffers[i]?.release();
      }
      this.#sessions.refused(way, error);
      throw error;
    }
    this.#sessions.sent(way, count, bytes);
  }

  #noteLateness({ times, count }: Due): void {
    const histogram = this.#lateness;
    if (histogram === null) return;
    const now = clock() - this.#began;
    for (let i = 0; i < count; i++) {
      const due = times[i] as number;
      const late = now - (this.#behind?.timeOf(due, now) ?? due);
      histogram.record(Math.max(1, Math.round(late * 1e6)));
    }
  }
}

/** For who has no signal. */
const NEVER = new AbortController().signal;
