import { invalidArgument, outOfRange } from '../../base/errors.js';
import { checkInteger } from '../../base/validate.js';
import { type BufferPool, PacketSocket, XdpSocket, type ZeroCopySocket } from '../../index.js';
import { inTurns } from '../base/steps.js';
import { checkBoolean, checkKeys } from '../base/validate.js';
import { type Capture, readCaptureInTurns } from '../captures/capture.js';
import { captureError } from '../captures/captured-frame.js';
import type { Rate } from '../pace/rate.js';
import type { Progress } from '../runs/meter.js';
import {
  checkObserved,
  checkOffloadHeader,
  checkSocket,
  type Observed,
} from '../runs/run-options.js';
import { type Rewrite, Rewriter } from './rewrite.js';
import { checkFrameRate, rateSchedule, recordedSchedule, type Schedule } from './schedule.js';
import {
  type Destination,
  makeSendable,
  type SendableFrames,
  type Skipped,
} from './sendable-frames.js';

/** What {@link replay} sends, where and when. */
export interface ReplayOptions {
  /** An open packet or XDP socket for frames, or a UDP socket with a remote for their UDP payloads. */
  socket: ZeroCopySocket;
  /** The path or the content of a capture file, or what `readCapture` has made of one. */
  capture: string | URL | Uint8Array | Capture;
  /** How many times as fast as recorded; Infinity is as fast as the socket takes them. Default 1. */
  speed?: number;
  /** A rate that is kept in place of `speed`. One in bits goes by each frame's length. */
  rate?: Rate;
  /** How often the capture is sent; Infinity goes on until the signal. Default 1. */
  loops?: number;
  /** Milliseconds between the last frame of a loop and the next loop; default the mean distance. */
  loopGap?: number;
  /**
   * The longest that a gap between two frames may become, in milliseconds of the replay; a longer
   * one in the capture is made that long. Not with `rate`. Default: gaps stay as they are.
   */
  maxGap?: number;
  /** What is changed in the frames. By default they leave byte for byte as captured. */
  rewrite?: Rewrite;
  /** What becomes of frames whose end was not captured; `'pad'` fills them up with zeros. Default `'skip'`. */
  snapped?: 'skip' | 'send' | 'pad';
  /**
   * The packet socket was opened with `virtioNetHeader`: TCP frames that are longer than the
   * interface takes leave as segments. Default false; it has to be as of the socket.
   */
  virtioNetHeader?: boolean;
  /** Ends the replay, which then reports. */
  signal?: AbortSignal;
  /** Called while it runs; an error that it throws ends the replay. */
  onProgress?: (progress: Progress) => void;
  /** Milliseconds between two calls of `onProgress`; default 1000. */
  progressInterval?: number;
}

const KEYS = [
  'socket',
  'capture',
  'speed',
  'rate',
  'loops',
  'loopGap',
  'maxGap',
  'rewrite',
  'snapped',
  'virtioNetHeader',
  'signal',
  'onProgress',
  'progressInterval',
] as const satisfies readonly (keyof ReplayOptions)[];

/** Options that hold, with their defaults. */
export interface CheckedReplay extends Observed<(progress: Progress) => void> {
  socket: ZeroCopySocket;
  /** null: the frames get a pool of their own, as the socket has none */
  pool: BufferPool | null;
  capture: ReplayOptions['capture'];
  rewriter: Rewriter;
  destination: Destination;
  speed: number;
  /** in place of the speed */
  rate: Rate | undefined;
  loopGap: number | undefined;
  maxGap: number;
  loops: number;
}

/** What there is to send, and when. */
export interface Plan extends SendableFrames {
  capture: Capture;
  schedule: Schedule;
  /** frames have times at which they are due */
  timed: boolean;
}

/**
 * Checks all options but the capture, and makes the rewriter.
 * @throws TypeError `ERR_ZEROSEND_INVALID_ARGUMENT`; RangeError `ERR_ZEROSEND_OUT_OF_RANGE`,
 * `ERR_ZEROSEND_INVALID_ADDRESS`
 */
export function checkReplay(options: ReplayOptions): CheckedReplay {
  checkKeys('options', options, KEYS);
  const socket = checkSocket(options.socket);
  const { speed = 1, rate, loops = 1, loopGap, maxGap, snapped = 'skip' } = options;
  if (options.speed !== undefined && rate !== undefined) {
    throw invalidArgument('options', 'one with either speed or rate', { speed, rate });
  }
  if (maxGap !== undefined && rate !== undefined) {
    throw invalidArgument('options', 'one with either maxGap or rate', { maxGap, rate });
  }
  if (typeof speed !== 'number') throw invalidArgument('options.speed', 'a number', speed);
  if (!(speed > 0)) throw outOfRange('options.speed', 'above 0', speed);
  if (loops !== Number.POSITIVE_INFINITY) {
    checkInteger('options.loops', loops, 1, Number.MAX_SAFE_INTEGER);
  }
  checkGap('options.loopGap', loopGap);
  checkGap('options.maxGap', maxGap);
  if (rate !== undefined) checkFrameRate(rate);
  if (!['skip', 'send', 'pad'].includes(snapped)) {
    throw invalidArgument('options.snapped', "'skip', 'send' or 'pad'", snapped);
  }
  const virtioNetHeader = checkBoolean('options.virtioNetHeader', options.virtioNetHeader ?? false);
  checkOffloadHeader(socket, 'options.virtioNetHeader', virtioNetHeader);
  const observed = checkObserved(options);
  const ring = socket instanceof PacketSocket || socket instanceof XdpSocket ? socket : null;
  const { maxSendLength, mtu = 0, segmentSize } = socket.info();
  if (segmentSize > 0) {
    throw invalidArgument('options.socket', 'a UDP socket without segmentSize', { segmentSize });
  }
  return {
    socket,
    pool: ring?.pool ?? null,
    capture: options.capture,
    rewriter: new Rewriter(options.rewrite),
    destination: {
      kind: ring ? 'frame' : 'datagram',
      maxLength: Math.min(maxSendLength, ring?.pool.bufferSize ?? maxSendLength),
      mtu,
      virtioNetHeader,
      snapped,
    },
    speed,
    rate,
    loopGap,
    maxGap: maxGap ?? Number.POSITIVE_INFINITY,
    loops,
    ...observed,
  };
}

function checkGap(name: string, gap: unknown): void {
  if (gap === undefined || (typeof gap === 'number' && gap >= 0 && gap < 2 ** 31)) return;
  throw outOfRange(name, 'milliseconds, at least 0', gap);
}

/**
 * Reads the capture and makes its frames ready, in pieces: the event loop has its turn every few
 * milliseconds, however large the file is.
 * @throws Error `ERR_ZEROSEND_CAPTURE` for a file that is no capture, or has no frame to send
 */
export async function planReplay(checked: CheckedReplay): Promise<Plan> {
  const { rewriter, destination, speed, rate, loopGap, maxGap } = checked;
  const capture = isCapture(checked.capture)
    ? checked.capture
    : await readCaptureInTurns(checked.capture);
  const sendable = await inTurns(makeSendable(capture, rewriter, destination));
  const { ready, skipped } = sendable;
  if (ready.length === 0) throw nothingToSend(capture, skipped);
  const schedule =
    rate === undefined
      ? recordedSchedule(ready, { speed, loopGap, maxGap })
      : rateSchedule(ready, rate, loopGap);
  const timed = rate !== undefined || speed !== Number.POSITIVE_INFINITY;
  return { capture, ...sendable, schedule: await inTurns(schedule), timed };
}

/** With what is wrong with the file, where something is: its first frame may have been the last. */
function nothingToSend({ problem }: Capture, skipped: readonly Skipped[]): Error {
  const left = skipped.map(({ reason, frames }) => `${frames} ${reason}`);
  const why = problem === null ? left : [problem.message, ...left];
  const offset = problem?.offset ?? skipped[0]?.firstOffset ?? 0;
  return captureError(offset, `no frame can be sent: ${why.join(', ') || 'there is none'}`);
}

function isCapture(value: unknown): value is Capture {
  if (typeof value !== 'object' || value === null || value instanceof Uint8Array) return false;
  // Of a capture that was read, the frames are not to be made only to look at them.
  const frames = Object.getOwnPropertyDescriptor(value, 'frames');
  return frames?.get !== undefined || Array.isArray((value as Capture).frames);
}
