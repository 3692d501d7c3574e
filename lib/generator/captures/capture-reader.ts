import { Readable } from 'node:stream';
import { type CapturedFrame, type CaptureProblem, captureError } from './captured-frame.js';
import { type CaptureSource, checkSource, chunksOf, isOnce, rawChunks } from './chunks.js';
import { MOST_EMPTY } from './frame-index.js';
import { FILE_HEADER, parserOf } from './parser.js';
import { cutOff, type RecordParser } from './records.js';
import { Window } from './window.js';

/** Frames that are handed over together at most. */
const BATCH = 1024;
/** Bytes of a record that tell whether it is passed over. */
const PASSABLE = 12;
/** Bytes at the end of a block, which say its length again. */
const END = 4;

/**
 * A capture that is read as it goes, in memory for a few pieces of it: made by {@link openCapture}. Each
 * loop over a file begins at its first frame; a stream can be read once.
 */
export class CaptureReader implements AsyncIterable<CapturedFrame> {
  readonly #source: CaptureSource;
  #format: 'pcap' | 'pcapng' | null = null;
  #frames = 0;
  #snapped = 0;
  #skippedBlocks = 0;
  #problem: CaptureProblem | null = null;
  /** what is read; null: nothing was yet */
  #raw: AsyncIterable<Uint8Array> | null = null;

  /** @internal */
  constructor(source: CaptureSource) {
    this.#source = source;
  }

  /** The format that it has; null: nothing was read of it yet. */
  get format(): 'pcap' | 'pcapng' | null {
    return this.#format;
  }

  /** Frames that were read so far, of the loop that began last. */
  get frames(): number {
    return this.#frames;
  }

  /** Of them, those of which the end was not captured. */
  get snapped(): number {
    return this.#snapped;
  }

  /** Blocks of pcapng that were passed over: name resolution, statistics, custom ones, and their like. */
  get skippedBlocks(): number {
    return this.#skippedBlocks;
  }

  /** Why reading ended before the end; the frames before that place were given. */
  get problem(): CaptureProblem | null {
    return this.#problem;
  }

  /** Whether it is a stream, which is gone once it was read. @internal */
  get _once(): boolean {
    return isOnce(this.#source);
  }

  /** Ends a stream that is read, also one from which nothing comes. @internal */
  _abandon(): void {
    const stream = this.#raw ?? (this.#source === '-' ? process.stdin : this.#source);
    if (stream instanceof Readable) stream.destroy();
  }

  /** The frames from the first one on, each as soon as it is there. */
  async *[Symbol.asyncIterator](): AsyncGenerator<CapturedFrame, void, void> {
    for await (const frames of this._batches()) yield* frames;
  }

  /** The same, several frames at a time. @internal */
  async *_batches(): AsyncGenerator<CapturedFrame[], void, void> {
    if (this.#raw !== null && this._once) throw captureError(0, 'a stream can be read only once');
    this.#raw = rawChunks(this.#source);
    this.#format = null;
    this.#frames = this.#snapped = this.#skippedBlocks = 0;
    this.#problem = null;
    const window = new Window(chunksOf(this.#raw));
    try {
      yield* this.#read(window);
    } finally {
      await window.close();
    }
  }

  async *#read(window: Window): AsyncGenerator<CapturedFrame[], void, void> {
    await window.want(FILE_HEADER);
    const parser = parserOf(window.bytes);
    this.#format = parser.format;
    window.at = parser.fileHeader;
    let batch: CapturedFrame[] = [];
    let empty = 0;
    for (;;) {
      let length = this.#lengthOfNext(parser, window);
      if (length !== null && length > window.left) {
        // What is there is not to wait for what has yet to be read.
        if (batch.length > 0) yield batch;
        batch = [];
        length = await this.#readOn(parser, window, length);
      }
      if (length === null) break;
      const found = length === 0 ? null : this.#record(parser, window, length);
      if (found !== null) {
        empty = found.bytes.length === 0 ? empty + 1 : 0;
        batch.push(found);
      }
      if (empty > MOST_EMPTY) {
        this.#stop(
          window.offset,
          `more than ${MOST_EMPTY} frames without a byte: the file is damaged`,
        );
      }
      if (this.#problem !== null) break;
      if (batch.length >= BATCH) {
        yield batch;
        batch = [];
      }
    }
    if (batch.length > 0) yield batch;
  }

  /** As of the parser; null: it says what is wrong, which is noted. */
  #lengthOfNext(parser: RecordParser, { bytes, at, offset }: Window): number | null {
    const length = parser.lengthAt(bytes, at);
    if (typeof length === 'number') return length;
    this.#stop(offset, length);
    return null;
  }

  /**
   * Reads on until the next record is there as a whole, or passes over it.
   * @param wanted bytes of it, as far as that is known
   * @returns its length; 0: it was passed over; null: none is left, or it is cut off
   */
  async #readOn(parser: RecordParser, window: Window, wanted: number): Promise<number | null> {
    let length: number | null = wanted;
    try {
      while (length !== null && length > window.left) {
        if (window.left >= PASSABLE && parser.isPassedOver(window.bytes, window.at)) {
          return await this.#passOver(parser, window, length);
        }
        await window.want(length);
        if (window.left === 0) return null;
        if (window.left < length) {
          return this.#stop(window.offset, cutOff(window.left, length, parser.record));
        }
        length = this.#lengthOfNext(parser, window);
      }
      return length;
    } catch (error) {
      // Damage of what is compressed is damage of the file.
      const { code, offset = 0, message } = error as Error & { code?: string; offset?: number };
      if (code !== 'ERR_ZEROSEND_CAPTURE' || offset === 0) throw error;
      return this.#stop(offset, message);
    }
  }

  /** A record of any length, of which only the end is looked at. */
  async #passOver(parser: RecordParser, window: Window, length: number): Promise<0 | null> {
    const { offset } = window;
    const passed = await window.skip(length - END);
    await window.want(END);
    const there = passed + Math.min(END, window.left);
    if (there < length) return this.#stop(offset, cutOff(there, length, parser.record));
    const wrong = parser.endProblem(window.bytes, window.at, length);
    if (wrong !== null) return this.#stop(offset, wrong);
    window.at += END;
    this.#skippedBlocks++;
    return 0;
  }

  #record(parser: RecordParser, window: Window, length: number): CapturedFrame | null {
    const { bytes, at, offset } = window;
    const found = parser.read(bytes, at, length);
    window.at += length;
    if (typeof found === 'string') this.#stop(offset, found);
    if (found === null && parser.isPassedOver(bytes, at)) this.#skippedBlocks++;
    if (found === null || typeof found === 'string') return null;
    const { start, captured, original: originalLength, time, linkType } = found;
    this.#frames++;
    if (captured < originalLength) this.#snapped++;
    return {
      bytes: bytes.subarray(start, start + captured),
      originalLength,
      time,
      linkType,
      offset,
    };
  }

  /** @throws Error `ERR_ZEROSEND_CAPTURE` where not even the first block can be read */
  #stop(offset: number, message: string): null {
    if (offset === 0) throw captureError(0, message);
    this.#problem = { offset, message };
    return null;
  }
}

/**
 * Reads a capture as it goes, whatever its length, in a few hundred kilobytes of memory: formats and
 * compressions are as of {@link readCapture}. The bytes of a frame are a view on a piece of the file, which
 * is there for as long as one of its frames is kept.
 * @param file a path, `'-'` for standard input, the content, or any stream of bytes
 * @throws TypeError `ERR_ZEROSEND_INVALID_ARGUMENT`; iterating rejects with Error `ERR_ZEROSEND_CAPTURE`
 * for what is no capture, and with the errors of the file system or the stream
 * @example
 * ```js
 * import { openCapture, writeCapture } from 'zerosend/generator';
 *
 * const packets = [{ bytes: new Uint8Array(60), time: 1_700_000_000_000_000_000n }];
 * await writeCapture({ file: 'capture.pcapng', packets });
 * const capture = openCapture('capture.pcapng');
 * for await (const { bytes, time } of capture) console.log(bytes.length, time);
 * console.log(capture.frames, capture.problem?.message ?? 'read to its end');
 * ```
 */
export function openCapture(file: CaptureSource): CaptureReader {
  return new CaptureReader(checkSource(file));
}
