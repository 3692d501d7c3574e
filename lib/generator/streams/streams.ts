// streams: many streams on one socket, each with a sequence, a pace and a payload of its own. `stream` is one
// of them, `departures` how packets of several are made and sent, and this file when.

import { invalidArgument, stateError } from '../../base/errors.js';
import { TimeHeap } from '../../base/time-heap.js';
import { clock } from '../../base/timers.js';
import { withReport } from '../base/errors.js';
import type { AnyField } from '../fields/fields.js';
import type { PacketDescription } from '../packets/description.js';
import type { Template } from '../packets/template.js';
import type { Progress } from '../runs/meter.js';
import type { MixPart, TemplateCount } from '../runs/mix.js';
import { skipOrThrow } from '../runs/run-options.js';
import { Session } from '../runs/session.js';
import { type Departed, Departures } from './departures.js';
import { Owners } from './owners.js';
import { type Owner, Running, Stream, type StreamEnded, type StreamReport } from './stream.js';
import {
  type Content,
  checkStream,
  mixOf,
  type StreamOptions,
  sequenceOf,
} from './stream-options.js';
import type { CheckedStreams, StreamsProgress } from './streams-options.js';
import type { StreamsReport } from './streams-report.js';

/** Reports of streams that have ended, which are kept for the report of all. */
const MOST_ENDED = 16_384;
const LONGEST_PHASE_MS = 1000;
/** Multiples of it, without their whole parts, spread evenly, however many there are. */
const GOLDEN = 0.618_033_988_749_895;

/** All streams of a socket: who is due next, and what all have sent. */
export class StreamsRun implements Owner {
  readonly #options: CheckedStreams;
  readonly #session: Session;
  readonly #departures: Departures;
  readonly #since = { at: 0, packets: 0, bytes: 0 };
  readonly #waiting = new TimeHeap<Running>();
  readonly #streams = new Map<Running, Stream>();
  readonly #ended: Running[] = [];
  #joined = 0;
  #endedBefore = 0;
  #refused = 0;
  #finishing = false;
  /** packets that were let go and are not sent yet, by their streams; and those of paused streams */
  #open: Running[] = [];
  #kept: Running[] = [];
  /** whether those may not be apart any more */
  #unsorted = false;
  /** no packet is looked for before that */
  #nextSlice = 0;
  readonly #owners = new Owners();

  constructor(options: CheckedStreams) {
    this.#options = options;
    const { outlet, onProgress } = options;
    const tell = onProgress && ((progress: Progress) => onProgress(this.#ofStreams(progress)));
    this.#session = new Session({
      ...options,
      ...outlet,
      startAt: undefined,
      rateError: () => null,
      onProgress: tell,
    });
    this.#departures = new Departures(outlet);
  }

  async toEnd(): Promise<StreamsReport> {
    const { socket } = this.#options.outlet;
    socket.on('complete', this.#owners.onComplete);
    try {
      await this.#session.run(() => this.#send());
    } catch (error) {
      this.#endAll();
      throw withReport(error, this.report());
    } finally {
      socket.off('complete', this.#owners.onComplete);
    }
    this.#endAll();
    return this.report();
  }

  // ---- what its user asks for ---------------------------------------------------------------------

  get streams(): IterableIterator<Stream> {
    return this.#streams.values();
  }

  get size(): number {
    return this.#streams.size;
  }

  join<C>(options: StreamOptions<C>): Stream<C> {
    const checked = checkStream(options, this.#options.outlet, this.#joined);
    if (this.#session.stop.aborted || this.#finishing) {
      const message = 'the streams have ended, or are to end: no other can join them';
      throw stateError('ERR_ZEROSEND_SOCKET_CLOSED', message);
    }
    const { number, rate } = checked;
    const { packets, burst } = rate;
    const period = Math.min((burst / packets) * 1000, LONGEST_PHASE_MS);
    const start = checked.startAt ?? clock() + ((number * GOLDEN) % 1) * period;
    const running = new Running(checked, start);
    const stream = new Stream<C>(running, this);
    this.#joined++;
    this.#streams.set(running, stream);
    this.changed(running);
    return stream;
  }

  finish(): void {
    this.#finishing = true;
    this.#session.wake();
  }

  stop(): void {
    this.#session.end('stop');
  }

  progress(): StreamsProgress {
    return this.#ofStreams(this.#session.progress(this.#since));
  }

  #ofStreams({ templates: _, rateError: __, ...progress }: Progress): StreamsProgress {
    return { ...progress, streams: this.size, refused: this.#refused };
  }

  report(): StreamsReport {
    const { meter, ended } = this.#session;
    const all = [...this.#ended, ...this.#streams.keys()];
    return {
      ended,
      ...meter.report(),
      refused: this.#refused,
      joined: this.#joined,
      streams: all.map((one): StreamReport => one.report()),
      streamsLeftOut: this.#endedBefore,
    };
  }

  // ---- what a stream asks for ---------------------------------------------------------------------

  changed(stream: Running): void {
    const before = this.#due;
    stream.setTime();
    this.#unsorted ||= stream.open > 0;
    if (stream.place < 0) {
      if (stream.time < Number.POSITIVE_INFINITY) this.#waiting.add(stream);
    } else if (stream.time < Number.POSITIVE_INFINITY) {
      this.#waiting.move(stream);
    } else {
      this.#waiting.remove(stream);
    }
    // Who is woken for nothing sleeps again, and many may join that are due later.
    if (this.#due < before) this.#session.wake();
  }

  left(stream: Running): void {
    this.#unsorted ||= stream.open > 0;
    this.#end(stream, 'left');
    this.#session.wake();
  }

  contentOf(
    packets: Template | PacketDescription | readonly MixPart[],
    fields: readonly AnyField[] | undefined,
    { options: { share } }: Running,
  ): Content {
    const { outlet } = this.#options;
    if (!Array.isArray(packets)) {
      return sequenceOf(packets as Template | PacketDescription, fields, share, outlet);
    }
    if (fields !== undefined) throw invalidArgument('fields', 'left out with a mix', fields);
    return mixOf(packets as readonly MixPart[], undefined, share, outlet);
  }

  #end(stream: Running, why: StreamEnded): void {
    if (stream.place >= 0) this.#waiting.remove(stream);
    stream.end(why, clock());
    this.#streams.delete(stream);
    this.#ended.push(stream);
    if (this.#ended.length <= MOST_ENDED) return;
    this.#ended.shift();
    this.#endedBefore++;
  }

  #endAll(): void {
    for (const stream of [...this.#streams.keys()]) this.#end(stream, 'all');
  }

  // ---- the loop -----------------------------------------------------------------------------------

  async #send(): Promise<void> {
    const session = this.#session;
    const { stop } = session;
    const { slice, batch } = this.#options;
    while (!stop.aborted) {
      const now = clock();
      if (this.#unsorted) this.#sort();
      if (this.#open.length === 0 && now >= this.#nextSlice) {
        this.#letGo(now);
        if (this.#open.length < batch) this.#nextSlice = now + slice;
      }
      if (this.#open.length === 0) {
        if (this.#finishing && this.size === 0) return;
        await session.sleepUntil(() => this.#due);
        continue;
      }
      if (!this.#sendOpen()) await session.room();
      await session.yieldIfDue();
    }
  }

  /** When there is something to do next. */
  get #due(): number {
    if (this.#unsorted || (this.#finishing && this.size === 0)) return 0;
    const { first } = this.#waiting;
    return first === undefined ? Number.POSITIVE_INFINITY : Math.max(first.time, this.#nextSlice);
  }

  /** What was let go of a stream stays with it while it is paused, and is gone when it has left. */
  #sort(): void {
    this.#unsorted = false;
    const all = [...this.#kept, ...this.#open].filter(({ ended }) => ended === null);
    this.#kept = all.filter(({ pace }) => pace.paused);
    this.#open = all.filter(({ pace }) => !pace.paused);
  }

  /** Those that are due let their packets go, the longest due first, as many as one call takes. */
  #letGo(now: number): void {
    const open = this.#open;
    const { batch } = this.#options;
    for (let left = batch; left > 0; ) {
      const { first: stream } = this.#waiting;
      if (stream === undefined || stream.time > now) return;
      // One burst at a time, or one that is far behind would keep the others waiting.
      const count = stream.take(now, Math.min(left, stream.pace.burst));
      for (let i = 0; i < count; i++) open.push(stream);
      left -= count;
      if (count === 0 && stream.isOver(now)) this.#endInTime(stream);
      else if (stream.time < Number.POSITIVE_INFINITY) this.#waiting.move(stream);
      else this.#waiting.remove(stream);
    }
  }

  /** One whose packets wait for room ends with the last of them. */
  #endInTime(stream: Running): void {
    if (stream.open === 0 || stream.pace.paused) this.#end(stream, 'seconds');
    else this.#waiting.remove(stream);
  }

  /** Sends what was let go, as far as there are buffers; returns whether there was any. */
  #sendOpen(): boolean {
    const open = this.#open;
    if (this.#options.outlet.socket.needDrain) return false;
    const departed = this.#departures.send(open, Math.min(open.length, this.#options.batch));
    const { done, refusals } = departed;
    this.#count(departed);
    for (let i = 0; i < done; i++) {
      const stream = open[i] as Running;
      if (--stream.open > 0 || stream.ended !== null) continue;
      if (stream.left === 0) this.#end(stream, 'count');
      else if (stream.place < 0 && stream.isOver(clock())) this.#end(stream, 'seconds');
    }
    for (const refusal of refusals) this.#leaveOut(refusal);
    open.splice(0, done);
    return done > 0;
  }

  #count({ done, lengths, ids, counts }: Departed): void {
    const { header } = this.#options.outlet;
    let sent = 0;
    let bytes = 0;
    for (let i = 0; i < done; i++) {
      const stream = this.#open[i] as Running;
      if (lengths[i] === 0) continue;
      const length = (lengths[i] as number) - header;
      const count = counts[i] as TemplateCount;
      count.packets++;
      count.bytes += length;
      bytes += length;
      sent++;
      this.#owners.note(ids[i] as number, stream);
    }
    if (sent > 0) this.#session.meter.sent(sent, bytes, sent);
  }

  #leaveOut({ error, from, packets }: Departed['refusals'][number]): void {
    this.#session.refused(error);
    skipOrThrow(this.#options.onError, error, packets);
    this.#refused += packets;
    for (let i = from; i < from + packets; i++) (this.#open[i] as Running).refused++;
  }
}
