import { showAs } from '../../base/inspection.js';
import { LatencyHistogram } from '../../base/latency-histogram.js';
import type { Timed } from '../../base/time-heap.js';
import { clock } from '../../base/timers.js';
import type { AnyField } from '../fields/fields.js';
import { Pace } from '../pace/pace.js';
import { type PacerReport, pacingOf } from '../pace/pacer.js';
import type { Rate } from '../pace/rate.js';
import type { PacketDescription } from '../packets/description.js';
import type { Template } from '../packets/template.js';
import { meanRates } from '../runs/meter.js';
import { copyCounts, type MixPart, type TemplateCount } from '../runs/mix.js';
import type { CheckedStream, Content } from './stream-options.js';
import { checkStreamRate } from './stream-options.js';

/** Why a stream ended: as it was told to, because it has left, or with all of them. */
export type StreamEnded = 'count' | 'seconds' | 'left' | 'all';

/** What a stream has sent, and how it kept its pace. */
export interface StreamReport<C = unknown> {
  /** Its name, or its number. */
  name: string;
  /** What its user has tied to it. */
  context: C;
  /** Why it ended; null while it goes on. */
  ended: StreamEnded | null;
  /** Packets that the socket has accepted. */
  packets: number;
  /** Their bytes, without offload headers. */
  bytes: number;
  /** Of those, what was sent of each template: of a mix in its order, and behind those that it had before. */
  templates: readonly TemplateCount[];
  /** From its start to its end, or to now. */
  seconds: number;
  /** `packets / seconds` */
  packetsPerSecond: number;
  /** `8 * bytes / seconds` */
  bitsPerSecond: number;
  /** Packets that were refused, and left out (`onError`). */
  refused: number;
  /** Of the accepted packets, those whose ids failed or were revoked. */
  failed: number;
  /** How its rate was kept. */
  pacing: PacerReport;
  /** By how many microseconds the lateness of a packet differs from that of the one before, in the mean. */
  jitter: number;
}

/** What a stream asks of those that it belongs to. */
export interface Owner {
  /** It has another time, or none any more. */
  changed(stream: Running): void;
  left(stream: Running): void;
  contentOf(
    packets: Template | PacketDescription | readonly MixPart[],
    fields: readonly AnyField[] | undefined,
    running: Running,
  ): Content;
}

/** A stream at work: when it is due, and what it has done. */
export class Running implements Timed {
  /** when it has something to do: ms of performance.now() */
  time = Number.POSITIVE_INFINITY;
  place = -1;
  readonly options: CheckedStream;
  readonly pace: Pace;
  readonly name: string;
  content: Content;
  /** the next packet, and how many are left */
  next = 0;
  left: number;
  /** packets that were let go and are not done with */
  open = 0;
  ended: StreamEnded | null = null;
  refused = 0;
  failed = 0;
  /** of the packets before `replace` */
  readonly #earlier: TemplateCount[] = [];
  readonly #lateness = new LatencyHistogram();
  readonly #began: number;
  readonly #ends: number;
  #endedAt = Number.NaN;
  #lastLate = Number.NaN;
  #jitter = 0;
  #steps = 0;
  readonly done: Promise<void>;
  #resolve: () => void = () => {};

  /** @param start ms of performance.now() */
  constructor(options: CheckedStream, start: number) {
    this.options = options;
    this.name = options.name ?? `${options.number}`;
    this.content = options.content;
    this.left = options.count;
    this.pace = new Pace(options.rate);
    this.pace.start(start);
    this.#began = start;
    this.#ends = start + options.seconds * 1000;
    this.done = new Promise((resolve) => {
      this.#resolve = resolve;
    });
    this.setTime();
  }

  /** Finds out when it has something to do next: to send, or to end. */
  setTime(): void {
    const due = this.left > 0 ? this.pace.due : Number.POSITIVE_INFINITY;
    this.time = due < this.#ends ? due : this.#ends;
  }

  /** Whether its seconds are over. */
  isOver(now: number): boolean {
    return now >= this.#ends;
  }

  /** How many packets are let go at `now`. */
  take(now: number, most: number): number {
    const { pace } = this;
    // Behind its end nothing is due, also where it is late.
    const count = pace.due < this.#ends ? pace.take(now, Math.min(this.left, most), this.#ends) : 0;
    if (count > 0) {
      const { late } = pace;
      this.#lateness.record(Math.max(1, Math.round(late * 1e6)), 1);
      if (!Number.isNaN(this.#lastLate)) {
        this.#jitter += Math.abs(late - this.#lastLate);
        this.#steps++;
      }
      this.#lastLate = late;
      this.left -= count;
      this.open += count;
    }
    this.setTime();
    return count;
  }

  end(why: StreamEnded, now: number): void {
    this.ended = why;
    this.#endedAt = now;
    this.#resolve();
  }

  /** Sends other packets from the next one on. */
  replace(content: Content): void {
    this.#earlier.push(...this.content.counts);
    this.content = content;
  }

  report(): StreamReport {
    const { name, ended, refused, failed, pace } = this;
    const templates = copyCounts([...this.#earlier, ...this.content.counts]);
    const packets = templates.reduce((sum, one) => sum + one.packets, 0);
    const bytes = templates.reduce((sum, one) => sum + one.bytes, 0);
    const now = ended === null ? clock() : this.#endedAt;
    const seconds = Math.max(0, now - this.#began) / 1000;
    return {
      name,
      context: this.options.context,
      ended,
      packets,
      bytes,
      templates,
      seconds,
      ...meanRates(packets, bytes, seconds),
      refused,
      failed,
      pacing: pacingOf(pace, this.#lateness, Math.max(now, this.#began)),
      jitter: this.#steps === 0 ? 0 : (this.#jitter / this.#steps) * 1000,
    };
  }
}

/**
 * One of many streams on a socket: it has a sequence, a pace and a payload of its own. Made by
 * `join` of {@link Streams}. Once it has ended, its methods change nothing any more.
 */
export class Stream<C = unknown> {
  readonly #running: Running;
  readonly #owner: Owner;

  static {
    showAs(Stream, (stream) => {
      const { name, ended, packets, pacing } = stream.report();
      return { name, ended, packets, asked: pacing.asked, achieved: pacing.achieved };
    });
  }

  /** @internal */
  constructor(running: Running, owner: Owner) {
    this.#running = running;
    this.#owner = owner;
  }

  /** As it was given, or its number among those that have joined, from 0. */
  get name(): string {
    return this.#running.name;
  }

  /** What its user has tied to it. */
  get context(): C {
    return this.#running.options.context as C;
  }

  /** Whether it is paused. */
  get paused(): boolean {
    return this.#running.pace.paused;
  }

  /** Why it ended; null while it goes on. */
  get ended(): StreamEnded | null {
    return this.#running.ended;
  }

  /** Resolves when it has ended, with its report; what is in flight then completes later. */
  get done(): Promise<StreamReport<C>> {
    return this.#running.done.then(() => this.report());
  }

  /** What it has sent by now. */
  report(): StreamReport<C> {
    return this.#running.report() as StreamReport<C>;
  }

  /**
   * Goes on at another rate, without a burst ({@link Pacer.setRate}).
   * @throws TypeError `ERR_ZEROSEND_INVALID_ARGUMENT`; RangeError `ERR_ZEROSEND_OUT_OF_RANGE`
   */
  setRate(rate: Rate): void {
    const { pace, content, ended, options } = this.#running;
    const checked = checkStreamRate(rate, content.packetBytes, options.number);
    if (ended !== null) return;
    pace.setRate(checked, clock());
    this.#owner.changed(this.#running);
  }

  /** Sends nothing until `resume`; the others go on. */
  pause(): void {
    if (this.#running.ended !== null) return;
    this.#running.pace.pause(clock());
    this.#owner.changed(this.#running);
  }

  /** Goes on as if no time had passed: there is no burst. */
  resume(): void {
    if (this.#running.ended !== null) return;
    this.#running.pace.resume(clock());
    this.#owner.changed(this.#running);
  }

  /**
   * Sends other packets from the next one on, without a gap. Fields begin with their first values, or with
   * those of `share`. The rate stays as it is in packets.
   * @param packets a template, or the parts of a mix
   * @param fields of the template
   * @throws as `join`
   */
  replace(
    packets: Template | PacketDescription | readonly MixPart[],
    fields?: readonly AnyField[],
  ): void {
    const content = this.#owner.contentOf(packets, fields, this.#running);
    if (this.#running.ended === null) this.#running.replace(content);
  }

  /** Ends it. */
  leave(): void {
    if (this.#running.ended === null) this.#owner.left(this.#running);
  }
}
