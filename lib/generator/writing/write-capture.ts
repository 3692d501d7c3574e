// writing: packets into a capture file in place of a socket. `packets-to-write` makes them, `byte-sink` takes
// the bytes.

import { abortCalls } from '../../base/abort-groups.js';
import { clock, nextTurn } from '../../base/timers.js';
import { rangeError, withReport } from '../base/errors.js';
import { type CaptureEncoder, encoderOf, LONGEST_FRAME } from '../captures/capture-format.js';
import { type FrameRate, Marks, Warp } from '../pace/frame-rate.js';
import { type ByteSink, openSink } from './byte-sink.js';
import { checkPacket, type PacketToWrite, type Source } from './packets-to-write.js';
import {
  type Checked,
  checkOptions,
  type WriteCaptureOptions,
  type WriteProgress,
} from './write-options.js';

/** What was written. */
export interface WriteReport extends WriteProgress {
  /** Why it ended: `'count'` and `'seconds'` as asked for, `'end'` of the sequence. */
  ended: 'end' | 'count' | 'seconds' | 'signal' | 'error';
  /** From the time of the first packet to that of the last, or at a rate to where the next would be. */
  seconds: number;
}

/** Bytes that are written at once. */
const CHUNK = 2 ** 18;

/**
 * Writes packets to a capture file in place of a socket: any sequence of them, or those of templates, as
 * they would be sent. What kernel or device would do to frames with an offload header is done: checksums
 * are finished, and segments are frames of their own.
 * @throws rejects with TypeError or RangeError on bad options or packets, Error `ERR_ZEROSEND_CAPTURE`
 * where pcap would need two link types, and the errors of the file, with `report`, what was written until then
 * @example
 * ```js
 * import { openCapture, writeCapture } from 'zerosend/generator';
 *
 * await writeCapture({
 *   file: 'flood.pcapng',
 *   template: {
 *     ethernet: { source: '02:00:00:00:00:01', destination: '02:00:00:00:00:02' },
 *     ipv4: { source: '198.18.0.1', destination: '198.18.0.2' },
 *     udp: { source: 1024, destination: 9 },
 *   },
 *   fields: [{ target: 'ipv4.source', counter: { count: 250 } }],
 *   count: 1000,
 *   rate: 10_000,
 * });
 * // Any sequence: here the frames of another capture that are short.
 * async function* short() {
 *   for await (const frame of openCapture('flood.pcapng')) {
 *     if (frame.bytes.length < 100) yield frame;
 *   }
 * }
 * console.log(await writeCapture({ file: 'short.pcap', packets: short() }));
 * ```
 */
export async function writeCapture(options: WriteCaptureOptions): Promise<WriteReport> {
  const checked = checkOptions(options);
  const sink = await openSink(options.file);
  const writing = new Writing(checked, sink);
  try {
    await writing.toEnd();
    return writing.report();
  } catch (error) {
    throw withReport(error, { ...writing.report(), ended: 'error' });
  } finally {
    await sink.close();
  }
}

/** One file while it is written. */
class Writing {
  readonly #options: Checked;
  readonly #source: Source;
  readonly #sink: ByteSink;
  #encoder: CaptureEncoder | null = null;
  #chunk = Buffer.allocUnsafe(CHUNK);
  #filled = 0;
  #ended: WriteReport['ended'] = 'end';
  #packets = 0;
  #frames = 0;
  #bytes = 0;
  /** what the file has of it */
  #written: WriteProgress = { packets: 0, frames: 0, bytes: 0 };
  readonly #times: Times | null;
  #firstTime: bigint | null = null;
  #lastTime = 0n;
  #told = clock();

  constructor(options: Checked, sink: ByteSink) {
    this.#options = options;
    this.#source = options.source;
    this.#sink = sink;
    this.#times = options.rate && new Times(options.rate);
  }

  async toEnd(): Promise<void> {
    const { packets } = this.#source;
    try {
      if (!this.#isOver()) {
        if (Symbol.asyncIterator in packets) await this.#takeAsTheyCome(packets);
        else await this.#takeAll(packets);
      }
    } finally {
      // What came before a packet that cannot be written is there as well.
      if (this.#encoder === null) this.#begin(this.#options.linkType);
      if (this.#filled > 0) await this.#flush();
    }
  }

  async #takeAll(packets: Iterable<PacketToWrite>): Promise<void> {
    for (const packet of packets) {
      this.#take(packet);
      if (this.#filled >= CHUNK) await this.#flush();
      if (this.#isOver()) return;
    }
  }

  /** The signal ends the waiting for a packet that does not come, too. */
  async #takeAsTheyCome(packets: AsyncIterable<PacketToWrite>): Promise<void> {
    const { signal } = this.#options;
    const iterator = packets[Symbol.asyncIterator]();
    let wake = () => {};
    const onAbort = () => wake();
    abortCalls.add(signal, onAbort);
    const next = () =>
      new Promise<IteratorResult<PacketToWrite, unknown> | null>((resolve, reject) => {
        wake = () => resolve(null);
        Promise.resolve(iterator.next()).then(resolve, reject);
      });
    let done = false;
    try {
      while (!this.#isOver()) {
        const step = await next();
        if (step === null) continue;
        done = step.done === true;
        if (step.done) return;
        this.#take(step.value);
        if (this.#filled >= CHUNK) await this.#flush();
      }
    } finally {
      abortCalls.delete(signal, onAbort);
      // One that is still waiting for a packet would make us wait for it.
      if (!done) void (async () => iterator.return?.())().catch(() => {});
    }
  }

  report(): WriteReport {
    const next = this.#times?.next ?? Number.NaN;
    const between = this.#firstTime === null ? 0 : Number(this.#lastTime - this.#firstTime);
    return {
      ended: this.#ended,
      ...this.#written,
      seconds: (Number.isFinite(next) ? next : between) / 1e9,
    };
  }

  #take(given: PacketToWrite): void {
    const { linkType: standard } = this.#options;
    const packet = checkPacket(given, this.#packets);
    const frames = this.#source.framesOf(packet.bytes);
    const time = packet.time ?? this.#timeOf(packet.bytes.length - this.#source.offload);
    this.#firstTime ??= time;
    this.#lastTime = time;
    const { linkType = standard } = packet;
    for (const bytes of frames) {
      const originalLength = packet.originalLength ?? bytes.length;
      this.#put({ bytes, originalLength, time, linkType });
    }
    this.#packets++;
  }

  #timeOf(bytes: number): bigint {
    const { own, startTime } = this.#options;
    if (this.#times === null) return own ? BigInt(Date.now()) * 1_000_000n : startTime;
    return startTime + BigInt(Math.round(this.#times.take(bytes)));
  }

  #put(frame: Parameters<CaptureEncoder['lay']>[2]): void {
    const { length } = frame.bytes;
    if (length > LONGEST_FRAME) {
      const message = `a frame of a capture has at most ${LONGEST_FRAME} bytes; received ${length}`;
      throw rangeError('ERR_ZEROSEND_FRAME_TOO_LONG', message);
    }
    const encoder = this.#encoder ?? this.#begin(frame.linkType);
    this.#reserve(encoder.overhead + length);
    this.#filled = encoder.lay(this.#chunk, this.#filled, frame);
    this.#frames++;
    this.#bytes += length;
  }

  /** A file begins with its first frame, since pcap says there what link type all have. */
  #begin(linkType: number): CaptureEncoder {
    const encoder = encoderOf(this.#options.format, linkType);
    const header = encoder.begin();
    this.#chunk.set(header);
    this.#filled = header.length;
    this.#encoder = encoder;
    return encoder;
  }

  /** The frames of one packet go together, however many they are. */
  #reserve(bytes: number): void {
    const wanted = this.#filled + bytes;
    if (wanted <= this.#chunk.length) return;
    const larger = Buffer.allocUnsafe(Math.max(wanted, 2 * this.#chunk.length));
    this.#chunk.copy(larger, 0, 0, this.#filled);
    this.#chunk = larger;
  }

  #isOver(): boolean {
    const { count, until, signal } = this.#options;
    const next = this.#times?.next ?? 0;
    if (signal?.aborted) this.#ended = 'signal';
    else if (this.#packets >= count) this.#ended = 'count';
    else if (next >= until && next < Number.POSITIVE_INFINITY) this.#ended = 'seconds';
    else if (next === Number.POSITIVE_INFINITY)
      this.#ended = 'end'; // a rest without end
    else return false;
    return true;
  }

  async #flush(): Promise<void> {
    const { onProgress, progressInterval } = this.#options;
    const bytes = this.#chunk.subarray(0, this.#filled);
    this.#filled = 0;
    await this.#sink.write(bytes);
    this.#written = { packets: this.#packets, frames: this.#frames, bytes: this.#bytes };
    const now = clock();
    if (onProgress !== undefined && now - this.#told >= progressInterval) {
      this.#told = now;
      onProgress(this.#written);
    }
    await nextTurn();
  }
}

/** The times of packets at a rate, in ns from the start. */
class Times {
  readonly #rate: FrameRate;
  readonly #marks: Marks;
  /** of bursts, and of what follows them, which may be before the next burst by chance */
  readonly #warp: Warp | null;
  readonly #after: Warp | null;

  constructor(rate: FrameRate) {
    this.#rate = rate;
    this.#marks = new Marks(rate);
    this.#warp = rate.perSecond === null ? new Warp(rate) : null;
    this.#after = rate.perSecond === null ? new Warp(rate) : null;
  }

  /** Of the next packet, which has so many bytes. */
  take(bytes: number): number {
    return this.#timeOf(this.#marks.next(bytes), this.#warp);
  }

  /** Of where the next packet is due. */
  get next(): number {
    return this.#timeOf(this.#marks.before, this.#after);
  }

  /** By a quotient, as steps would add up errors. */
  #timeOf(mark: number, warp: Warp | null): number {
    const { perSecond, scale } = this.#rate;
    if (perSecond !== null) return (mark * 1e9) / perSecond;
    return (warp as Warp).timeOf(mark * scale) * 1e6;
  }
}
