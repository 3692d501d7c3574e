import { invalidArgument, outOfRange } from '../../base/errors.js';
import { checkInteger } from '../../base/validate.js';
import { type BufferPool, PacketSocket, XdpSocket, type ZeroCopySocket } from '../../index.js';
import { checkPrecision, type Precision } from '../base/sleeper.js';
import { checkBoolean, checkKeys, checkPositive } from '../base/validate.js';
import type { Capture } from '../captures/capture.js';
import { CaptureReader } from '../captures/capture-reader.js';
import { type FrameRate, Warp } from '../pace/frame-rate.js';
import type { Rate } from '../pace/rate.js';
import type { Progress } from '../runs/meter.js';
import {
  checkObserved,
  checkOffloadHeader,
  checkSocket,
  type Observed,
} from '../runs/run-options.js';
import { type Rewrite, Rewriter } from './rewrite.js';
import { checkReplayRate, RateTiming, RecordedTiming, type Timing } from './schedule.js';
import { FrameMaker, type Oversize, type Way } from './sendable-frames.js';
import { type FlowShare, inShare } from './share.js';
import { type Split, Splitter } from './split.js';

/** What {@link replay} sends, where and when. */
export interface ReplayOptions {
  /** An open packet or XDP socket for frames, or a UDP socket with a remote for their UDP payloads. */
  socket: ZeroCopySocket;
  /**
   * A second interface: frames that servers have sent leave through it, and those of clients through
   * `socket`, in the order and at the times of one capture.
   */
  server?: ReplayServer;
  /**
   * The path or the content of a capture file, or what `readCapture` has made of one: it is in memory as a
   * whole. What `openCapture` has opened is read while it is sent, whatever its length.
   */
  capture: string | URL | Uint8Array | Capture | CaptureReader;
  /** How many times as fast as recorded; Infinity is as fast as the socket takes them. Default 1. */
  speed?: number;
  /**
   * A rate that is kept in place of `speed`. One in bits goes by each frame's length. One that changes goes on from
   * loop to loop; a function is not for workers.
   */
  rate?: Rate;
  /** How it waits for what is due, as of `generate`; default `'spin'`. */
  precision?: Precision;
  /** How often the capture is sent; Infinity goes on until the signal. Default 1; a stream is read once. */
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
   * The packet socket was opened with `virtioNetHeader`: TCP and UDP frames that are longer than the
   * interface takes are cut into segments by the kernel. Default false; it has to be as of the socket.
   */
  virtioNetHeader?: boolean;
  /**
   * What becomes of other frames that are longer than the interface takes: `'segment'` cuts TCP and UDP
   * into segments here, `'fragment'` cuts IP into fragments, `'truncate'` sends what fits. Default
   * `'skip'`, as of those that cannot be cut.
   */
  oversize?: Oversize;
  /** Ends after so many seconds; default never. */
  seconds?: number;
  /** Ends the replay, which then reports. */
  signal?: AbortSignal;
  /** Called while it runs; an error that it throws ends the replay. */
  onProgress?: (progress: Progress) => void;
  /** Milliseconds between two calls of `onProgress`; default 1000. */
  progressInterval?: number;
}

/** The second interface of a replay. */
export interface ReplayServer {
  /** As the first one; of the same kind. */
  socket: ZeroCopySocket;
  /** How frames of servers are told from those of clients. Default `'first-seen'`. */
  split?: Split;
  /** What is changed in frames of servers; default: as in those of clients. */
  rewrite?: Rewrite;
}

const KEYS = [
  'socket',
  'server',
  'oversize',
  'seconds',
  'capture',
  'speed',
  'rate',
  'precision',
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

/** What makes the frames of a replay ready, or of a worker its part of them. */
export function makerOf({ ways, splitter, share }: CheckedReplay): FrameMaker {
  return new FrameMaker(ways, splitter, share && inShare(share));
}

/** A socket of a replay, and what leaves through it. */
export interface ReplayWay extends Way {
  socket: ZeroCopySocket;
  /** null: the frames get a pool of their own, as the socket has none */
  pool: BufferPool | null;
}

/** Options that hold, with their defaults. */
export interface CheckedReplay extends Observed<(progress: Progress) => void> {
  ways: readonly ReplayWay[];
  splitter: Splitter | null;
  capture: ReplayOptions['capture'];
  /** when the frames of a loop are due */
  timing: () => Timing;
  /** at a rate that changes: when what it counts is due */
  warp: (() => Warp) | null;
  /** frames have times at which they are due */
  timed: boolean;
  precision: Precision;
  loops: number;
  seconds: number;
  /** of a worker: its part of the frames, and when it begins, in ms of performance.now() */
  share: FlowShare | null;
  startAt: number | undefined;
}

/**
 * Checks all options but the capture, and makes the rewriter.
 * @throws TypeError `ERR_ZEROSEND_INVALID_ARGUMENT`; RangeError `ERR_ZEROSEND_OUT_OF_RANGE`,
 * `ERR_ZEROSEND_INVALID_ADDRESS`
 */
export function checkReplay(options: ReplayOptions): CheckedReplay {
  checkKeys('options', options, KEYS);
  const { speed = 1, rate, loops = 1, loopGap, seconds, server, capture } = options;
  const maxGap = options.maxGap ?? Number.POSITIVE_INFINITY;
  const checkedRate = checkSpeed(options);
  if (loops !== Number.POSITIVE_INFINITY) {
    checkInteger('options.loops', loops, 1, Number.MAX_SAFE_INTEGER);
  }
  if (capture instanceof CaptureReader && capture._once && loops > 1) {
    throw invalidArgument('options.loops', '1, as a stream can be read only once', loops);
  }
  if (seconds !== undefined) checkPositive('options.seconds', seconds);
  const ways = [wayOf(options, 'options', options.socket, options.rewrite)];
  if (server !== undefined) {
    checkKeys('options.server', server, ['socket', 'split', 'rewrite']);
    if (server.socket === options.socket) {
      throw invalidArgument(
        'options.server.socket',
        'another one than options.socket',
        server.socket,
      );
    }
    ways.push(wayOf(options, 'options.server', server.socket, server.rewrite ?? options.rewrite));
  }
  return {
    ways,
    splitter: server === undefined ? null : new Splitter(server.split),
    capture,
    timing: () =>
      checkedRate === null
        ? new RecordedTiming({ speed, loopGap, maxGap })
        : new RateTiming(checkedRate, loopGap),
    warp: checkedRate?.perSecond === null ? () => new Warp(checkedRate) : null,
    precision: checkPrecision(options.precision ?? 'spin'),
    timed: rate !== undefined || speed !== Number.POSITIVE_INFINITY,
    loops,
    seconds: seconds ?? Number.POSITIVE_INFINITY,
    share: null,
    startAt: undefined,
    ...checkObserved(options),
  };
}

function checkSpeed({ speed, rate, loopGap, maxGap }: ReplayOptions): FrameRate | null {
  if (speed !== undefined && rate !== undefined) {
    throw invalidArgument('options', 'one with either speed or rate', { speed, rate });
  }
  if (maxGap !== undefined && rate !== undefined) {
    throw invalidArgument('options', 'one with either maxGap or rate', { maxGap, rate });
  }
  if (speed !== undefined) {
    if (typeof speed !== 'number') throw invalidArgument('options.speed', 'a number', speed);
    if (!(speed > 0)) throw outOfRange('options.speed', 'above 0', speed);
  }
  checkGap('options.loopGap', loopGap);
  checkGap('options.maxGap', maxGap);
  return rate === undefined ? null : checkReplayRate(rate, loopGap);
}

function wayOf(
  options: ReplayOptions,
  name: string,
  given: ZeroCopySocket,
  rewrite: Rewrite | undefined,
): ReplayWay {
  const { snapped = 'skip', oversize = 'skip' } = options;
  if (!['skip', 'send', 'pad'].includes(snapped)) {
    throw invalidArgument('options.snapped', "'skip', 'send' or 'pad'", snapped);
  }
  if (!['skip', 'segment', 'fragment', 'truncate'].includes(oversize)) {
    const wanted = "'skip', 'segment', 'fragment' or 'truncate'";
    throw invalidArgument('options.oversize', wanted, oversize);
  }
  const socket = checkSocket(given);
  const virtioNetHeader = checkBoolean('options.virtioNetHeader', options.virtioNetHeader ?? false);
  checkOffloadHeader(socket, 'options.virtioNetHeader', virtioNetHeader);
  const ring = socket instanceof PacketSocket || socket instanceof XdpSocket ? socket : null;
  const { maxSendLength, mtu = 0, segmentSize } = socket.info();
  if (segmentSize > 0) {
    throw invalidArgument(`${name}.socket`, 'a UDP socket without segmentSize', { segmentSize });
  }
  return {
    socket,
    pool: ring?.pool ?? null,
    rewriter: new Rewriter(rewrite),
    destination: {
      kind: ring ? 'frame' : 'datagram',
      maxLength: Math.min(maxSendLength, ring?.pool.bufferSize ?? maxSendLength),
      mtu,
      virtioNetHeader,
      snapped,
      oversize,
    },
  };
}

function checkGap(name: string, gap: unknown): void {
  if (gap === undefined || (typeof gap === 'number' && gap >= 0 && gap < 2 ** 31)) return;
  throw outOfRange(name, 'milliseconds, at least 0', gap);
}
