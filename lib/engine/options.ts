import { outOfRange } from '../base/errors.js';
import { checkBoolean, checkInteger, checkOneOf, checkString } from '../base/validate.js';
import type { SubmitMode } from './submit-mode.js';
import type { ZeroCopyMode } from './zero-copy-policy.js';

/** Options that all sockets share. */
export interface SocketOptions {
  /**
   * `'auto'` asks for zero copy at and above the threshold, and stops asking (with probes) where the
   * kernel copies all the same; `'always'` asks for every send; `'never'` is an ordinary copying
   * sender. Default `'auto'`.
   */
  zeroCopy?: ZeroCopyMode | undefined;
  /** Bytes; `'auto'` sends smaller ones inline. 0 to 2^32-1; default 10240. */
  zeroCopyThreshold?: number | undefined;
  /**
   * SO_SNDBUF in bytes (socket(7)); the kernel caps it at net.core.wmem_max and doubles it. 1024 to
   * 1 GiB. Default: 4 MiB for UDP, the kernel's autotuning for TCP.
   */
  sendBufferSize?: number | undefined;
  /** Sends that may wait for room before `send` throws. 1 to 1,048,576; default 1024. */
  maxQueuedSends?: number | undefined;
  /**
   * Has the kernel report by `timestamp` events when packets pass (timestamping.rst): `'software'`
   * takes the times in the kernel, `'hardware'` in a device that is set up for it. Costs a
   * notification or two for each send. Default: none.
   */
  timestamps?: 'software' | 'hardware' | undefined;
  /**
   * Bytes a second that the kernel lets out at most: SO_MAX_PACING_RATE (socket(7)). 1 to 10^12;
   * default none. TCP keeps it by itself. UDP leaves it to the queueing discipline `fq`, so a
   * UdpSocket takes it only with `remote`, and with `fq` on the interface by which packets leave for
   * there (tc-fq(8)); else opening it fails with `ERR_ZEROSEND_PACING_UNSUPPORTED`.
   */
  maxPacingRate?: number | undefined;
  /**
   * Name of the network interface to send through: SO_BINDTODEVICE (socket(7)). The socket stays with
   * the interface that has the name now: when that goes, sends fail with `ENODEV` or `ENETUNREACH`,
   * also if another one gets its name. So it is with the zone of a `remote`.
   */
  interface?: string | undefined;
  /**
   * Measures from the beginning how long sends take to complete, for `stats().completionLatency`. Without
   * it, measuring begins with the first call of `stats()`. Default false.
   */
  measureLatency?: boolean | undefined;
  /**
   * Milliseconds after which a send that has not completed is late: the event `stall` and the channel
   * `zerosend:completion:stall` name it. 1 to 2^31-1; default none. Latency is measured then, too.
   */
  stallAfter?: number | undefined;
  /**
   * Who makes the system calls. `'inline'`, the default: `send` does. `'thread'`: `send` only publishes,
   * and a thread hands over, which all sockets of this thread share: what a send costs JavaScript does
   * not depend on its size any more, and what the kernel refuses completes as `'failed'`.
   * docs/submission-thread.md says what differs, and when not to use it.
   */
  submit?: SubmitMode | undefined;
}

export interface CheckedSocketOptions {
  zeroCopy: ZeroCopyMode;
  zeroCopyThreshold: number;
  /** 0: the default */
  sendBufferSize: number;
  maxQueuedSends: number;
  /** index into TIMESTAMPS */
  timestamps: number;
  /** 0: none */
  maxPacingRate: number;
  interface: string | undefined;
  measureLatency: boolean;
  /** 0: none */
  stallAfter: number;
  submit: SubmitMode;
}

const TIMESTAMPS = [undefined, 'software', 'hardware'] as const;

/** The option as a number, 0 for none. */
export function checkTimestamps(value: unknown): number {
  if (value === undefined) return 0;
  checkOneOf('options.timestamps', value, ['software', 'hardware'] as const);
  return TIMESTAMPS.indexOf(value as 'software');
}

/** The options that sockets of every kind take. */
export interface WatchOptions {
  measureLatency?: boolean | undefined;
  stallAfter?: number | undefined;
  submit?: SubmitMode | undefined;
}

/** The names of these. */
export const WATCH_OPTIONS = ['measureLatency', 'stallAfter', 'submit'] as const;

/** @throws TypeError `ERR_ZEROSEND_INVALID_ARGUMENT`, RangeError `ERR_ZEROSEND_OUT_OF_RANGE` */
export function checkWatching({ measureLatency, stallAfter, submit = 'inline' }: WatchOptions) {
  checkOneOf('options.submit', submit, ['inline', 'thread'] as const);
  return {
    submit,
    measureLatency: checkBoolean('options.measureLatency', measureLatency),
    stallAfter:
      stallAfter === undefined ? 0 : checkInteger('options.stallAfter', stallAfter, 1, 2 ** 31 - 1),
  };
}

const IFNAMSIZ = 16;

/** The names of the options that all sockets share. */
export const SOCKET_OPTIONS = [
  'zeroCopy',
  'zeroCopyThreshold',
  'sendBufferSize',
  'maxQueuedSends',
  'timestamps',
  'maxPacingRate',
  'interface',
  ...WATCH_OPTIONS,
] as const satisfies readonly (keyof SocketOptions)[];

/** @param options as `readOptions` has read them */
export function checkSocketOptions(options: SocketOptions): CheckedSocketOptions {
  const { zeroCopy = 'auto', zeroCopyThreshold = 10_240, maxQueuedSends = 1024 } = options;
  checkOneOf('options.zeroCopy', zeroCopy, ['auto', 'always', 'never'] as const);
  checkInteger('options.zeroCopyThreshold', zeroCopyThreshold, 0, 2 ** 32 - 1);
  checkInteger('options.maxQueuedSends', maxQueuedSends, 1, 2 ** 20);
  if (options.sendBufferSize !== undefined) {
    checkInteger('options.sendBufferSize', options.sendBufferSize, 1024, 2 ** 30);
  }
  if (options.maxPacingRate !== undefined) {
    checkInteger('options.maxPacingRate', options.maxPacingRate, 1, 1e12);
  }
  if (options.interface !== undefined) {
    const name = checkString('options.interface', options.interface);
    if (Buffer.byteLength(name) >= IFNAMSIZ) {
      throw outOfRange('options.interface', `at most ${IFNAMSIZ - 1} bytes`, name);
    }
  }
  return {
    zeroCopy,
    zeroCopyThreshold,
    sendBufferSize: options.sendBufferSize ?? 0,
    maxQueuedSends,
    timestamps: checkTimestamps(options.timestamps),
    maxPacingRate: options.maxPacingRate ?? 0,
    interface: options.interface,
    ...checkWatching(options),
  };
}
