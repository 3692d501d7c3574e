// captures: reading pcap and pcapng files, whatever is in them, without an object for each frame.

import { readFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { buffer } from 'node:stream/consumers';
import { types } from 'node:util';
import { invalidArgument } from '../../base/errors.js';
import { rangeError } from '../base/errors.js';
import { objectsThatFit } from '../base/heap-room.js';
import { atOnce, inTurns, type Steps } from '../base/steps.js';
import { type CapturedFrame, type CaptureProblem, captureError } from './captured-frame.js';
import { isPipe, openPipe } from './chunks.js';
import { decompressed } from './compressed.js';
import { FrameIndex } from './frame-index.js';
import { parserOf } from './parser.js';
import { cutOff } from './records.js';

const STEP = 4096;

/** What was found in a file. */
interface Read {
  format: Capture['format'];
  index: FrameIndex;
  skippedBlocks: number;
  problem: CaptureProblem | null;
}

/** What a capture file holds. */
export interface Capture {
  /** The format that the file has. */
  format: 'pcap' | 'pcapng';
  /**
   * Made when it is asked for, 230 bytes of the heap for each frame; `replay` sends a capture that
   * nobody has asked for its frames without. Throws RangeError `ERR_ZEROSEND_CAPTURE` where the heap
   * has not got that much.
   */
  frames: CapturedFrame[];
  /** Frames of which the end was not captured. */
  snapped: number;
  /** Blocks of a pcapng file that are not frames. */
  skippedBlocks: number;
  /**
   * Why reading ended before the end of the file: it is cut off, damaged, or has more frames than
   * are read (2^25, or 1024 without a byte in a row, as zeros at the end of a file are). The frames
   * before that are there.
   */
  problem: CaptureProblem | null;
}

/**
 * Reads a capture: pcap (draft-ietf-opsawg-pcap) in both byte orders, with microseconds or
 * nanoseconds, of its versions before 2.4 and as modified by Kuznetzov, or pcapng
 * (draft-ietf-opsawg-pcapng) in both byte orders, with several sections and interfaces; compressed by
 * gzip, and by zstd where Node.js has it (22.15). A file that is cut off gives the frames before the cut,
 * and `problem`. All of it is in memory: {@link openCapture} reads a file as it goes.
 * @param file the path of a file, or its content
 * @throws Error `ERR_ZEROSEND_CAPTURE` with `offset` when it is neither; the file system's errors
 * @example
 * ```js
 * import { readCapture } from 'zerosend/generator';
 *
 * const { format, frames, problem } = readCapture('capture.pcap');
 * console.log(format, frames.length, problem?.message ?? 'read to its end');
 * ```
 */
export function readCapture(file: string | URL | Uint8Array): Capture {
  return atOnce(captureOf(isPath(file) ? readFileSync(file) : file));
}

/** The same in pieces, between which the event loop has its turn. */
export async function readCaptureInTurns(file: string | URL | Uint8Array): Promise<Capture> {
  if (!isPath(file)) return inTurns(captureOf(file));
  return inTurns(captureOf(isPipe(file) ? await buffer(openPipe(file)) : await readFile(file)));
}

/** Gives out frames one by one, and keeps no object for any of them. */
export interface Frames {
  readonly length: number;
  frame(at: number): CapturedFrame;
}

/** What was read of files whose `frames` nobody has asked for yet, nor changed. */
const indexes = new WeakMap<Capture, FrameIndex>();

/** The frames of a capture; of one whose `frames` nobody has touched, straight from its index. */
export function framesOf(capture: Capture): Frames {
  const index = indexes.get(capture);
  if (index !== undefined) return index;
  const { frames } = capture;
  return { length: frames.length, frame: (at) => frames[at] as CapturedFrame };
}

function isPath(file: unknown): file is string | URL {
  if (typeof file === 'string' || file instanceof URL) return true;
  if (types.isUint8Array(file)) return false;
  throw invalidArgument('file', 'a path or a Uint8Array', file);
}

function* captureOf(content: Uint8Array): Steps<Capture> {
  const { buffer, byteOffset, byteLength } = decompressed(content);
  const bytes = Buffer.from(buffer, byteOffset, byteLength);
  const parser = parserOf(bytes);
  const index = new FrameIndex(bytes);
  const read: Read = { format: parser.format, index, skippedBlocks: 0, problem: null };
  let at = parser.fileHeader;
  for (let records = 1; at < bytes.length && read.problem === null; records++) {
    const length = parser.lengthAt(bytes, at);
    if (typeof length === 'number' && length <= bytes.length - at) {
      const found = parser.read(bytes, at, length);
      if (found === null) read.skippedBlocks += parser.isPassedOver(bytes, at) ? 1 : 0;
      else if (typeof found === 'string') read.problem = { offset: at, message: found };
      else read.problem = index.add(found);
      at += length;
    } else {
      const { record } = parser;
      const message =
        typeof length === 'string' ? length : cutOff(bytes.length - at, length, record);
      read.problem = { offset: at, message };
    }
    if (read.problem?.offset === 0) throw captureError(0, read.problem.message);
    if (records % STEP === 0) yield;
  }
  return lazily(read);
}

/** `frames` is an array as any other from when it is first asked for. */
function lazily({ format, index, skippedBlocks, problem }: Read): Capture {
  const be = (frames: CapturedFrame[]) => {
    indexes.delete(capture);
    const writable = { value: frames, writable: true, enumerable: true, configurable: true };
    Object.defineProperty(capture, 'frames', writable);
    return frames;
  };
  const capture: Capture = {
    format,
    get frames() {
      return be(framesFrom(index));
    },
    set frames(frames) {
      be(frames);
    },
    snapped: index.snapped,
    skippedBlocks,
    problem,
  };
  indexes.set(capture, index);
  return capture;
}

/** Bytes. */
const FRAME_ON_HEAP = 230;

function framesFrom(index: FrameIndex): CapturedFrame[] {
  if (index.length > objectsThatFit(FRAME_ON_HEAP)) {
    throw rangeError(
      'ERR_ZEROSEND_CAPTURE',
      `the heap does not hold the ${index.length} frames of the capture as objects ` +
        '(--max-old-space-size); replay() does without',
    );
  }
  return Array.from({ length: index.length }, (_, at) => index.frame(at));
}
