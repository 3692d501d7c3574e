import { type BufferPool, PacketSocket, XdpSocket, type ZeroCopySocket } from '../index.js';
import { type Capture, readCapture } from './capture.js';
import {
  checkBoolean,
  checkFunction,
  checkInteger,
  checkKeys,
  checkSignal,
  invalidArgument,
  outOfRange,
  rangeError,
} from './check.js';
import { checkSocket } from './generate-options.js';
import type { Progress } from './meter.js';
import { type Prepared, prepare } from './prepare.js';
import type { Rate } from './rate.js';
import { type Rewrite, Rewriter } from './rewrite.js';
import { rateSchedule, recordedSchedule, type Schedule } from './schedule.js';

/** What {@link replay} sends, where and when. */
export interface ReplayOptions {
  /** An open packet or XDP socket for frames, or a UDP socket with a remote for their UDP payloads. */
  socket: ZeroCopySocket;
  /** The path or the content of a capture file, or what `readCapture` has made of one. */
  capture: string | URL | Uint8Array | Capture;
  /** Multiple of the recorded speed; Infinity: as fast as the socket takes them. Default 1. */
  speed?: number;
  /** In place of `speed`. A rate in bits takes each frame's length. */
  rate?: Rate;
  /** How often; Infinity for no end. Default 1. */
  loops?: number;
  /** Milliseconds between the last frame of a loop and the next loop; default the mean distance. */
  loopGap?: number;
  rewrite?: Rewrite;
  /** Frames of which the end was not captured: `'pad'` fills them up with zeros. Default `'skip'`. */
  snapped?: 'skip' | 'send' | 'pad';
  /**
   * The packet socket was opened with `virtioNetHeader`: TCP frames that are longer than the
   * interface takes leave as segments. Default false.
   */
  virtioNetHeader?: boolean;
  /** Ends the replay, which then reports. */
  signal?: AbortSignal;
  onProgress?: (progress: Progress) => void;
  /** Milliseconds; default 1000. */
  progressInterval?: number;
}

const KEYS = [
  'socket',
  'capture',
  'speed',
  'rate',
  'loops',
  'loopGap',
  'rewrite',
  'snapped',
  'virtioNetHeader',
  'signal',
  'onProgress',
  'progressInterval',
] as const satisfies readonly (keyof ReplayOptions)[];

export interface CheckedReplay extends Prepared {
  socket: ZeroCopySocket;
  /** null: the frames get a pool of their own, as the socket has none */
  pool: BufferPool | null;
  capture: Capture;
  schedule: Schedule;
  /** frames have times at which they are due */
  timed: boolean;
  loops: number;
  signal: AbortSignal | undefined;
  onProgress: ((progress: Progress) => void) | undefined;
  progressInterval: number;
}

export function checkReplay(options: ReplayOptions): CheckedReplay {
  checkKeys('options', options, KEYS);
  const socket = checkSocket(options.socket);
  const { speed = 1, rate, loops = 1, loopGap, snapped = 'skip' } = options;
  if (options.speed !== undefined && rate !== undefined) {
    throw invalidArgument('options', 'one with either speed or rate', { speed, rate });
  }
  if (typeof speed !== 'number') throw invalidArgument('options.speed', 'a number', speed);
  if (!(speed > 0)) throw outOfRange('options.speed', 'above 0', speed);
  if (loops !== Number.POSITIVE_INFINITY) {
    checkInteger('options.loops', loops, 1, Number.MAX_SAFE_INTEGER);
  }
  if (
    loopGap !== undefined &&
    !(typeof loopGap === 'number' && loopGap >= 0 && loopGap < 2 ** 31)
  ) {
    throw outOfRange('options.loopGap', 'milliseconds, at least 0', loopGap);
  }
  if (!['skip', 'send', 'pad'].includes(snapped)) {
    throw invalidArgument('options.snapped', "'skip', 'send' or 'pad'", snapped);
  }
  const virtioNetHeader = checkBoolean('options.virtioNetHeader', options.virtioNetHeader ?? false);
  const { progressInterval = 1000 } = options;
  checkInteger('options.progressInterval', progressInterval, 10, 2 ** 31 - 1);
  const rewriter = new Rewriter(options.rewrite);
  const capture = isCapture(options.capture) ? options.capture : readCapture(options.capture);
  const ring = socket instanceof PacketSocket || socket instanceof XdpSocket ? socket : null;
  const { maxSendLength, mtu = 0, segmentSize } = socket.info();
  if (segmentSize > 0) {
    throw invalidArgument('options.socket', 'a UDP socket without segmentSize', { segmentSize });
  }
  const prepared = prepare(capture, rewriter, {
    kind: ring ? 'frame' : 'datagram',
    maxLength: Math.min(maxSendLength, ring?.pool.bufferSize ?? maxSendLength),
    mtu,
    virtioNetHeader,
    snapped,
  });
  const { ready, skipped } = prepared;
  if (ready.length === 0) {
    const why = skipped.map(({ reason, frames }) => `${frames} ${reason}`).join(', ');
    throw rangeError('ERR_ZEROSEND_CAPTURE', `no frame can be sent: ${why || 'there is none'}`);
  }
  return {
    socket,
    pool: ring?.pool ?? null,
    capture,
    ...prepared,
    schedule:
      rate === undefined
        ? recordedSchedule(ready, speed, loopGap)
        : rateSchedule(ready, rate, loopGap),
    timed: rate !== undefined || speed !== Number.POSITIVE_INFINITY,
    loops,
    signal: checkSignal(options.signal),
    onProgress: checkFunction('options.onProgress', options.onProgress),
    progressInterval,
  };
}

function isCapture(value: unknown): value is Capture {
  return typeof value === 'object' && value !== null && Array.isArray((value as Capture).frames);
}
