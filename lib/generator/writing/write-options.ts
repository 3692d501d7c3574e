import type { Writable } from 'node:stream';
import { invalidArgument } from '../../base/errors.js';
import { checkInteger } from '../../base/validate.js';
import { checkKeys, checkPositive } from '../base/validate.js';
import type { CaptureFormat } from '../captures/capture-format.js';
import { checkFrameRate } from '../pace/frame-rate.js';
import type { Rate } from '../pace/rate.js';
import { checkObserved } from '../runs/run-options.js';
import { type PacketsToWrite, sourceOf } from './packets-to-write.js';

/** What {@link writeCapture} writes, and where to. */
export interface WriteCaptureOptions extends PacketsToWrite {
  /** A path, `'-'` for standard output, or a stream, which is left open. */
  file: string | URL | Writable;
  /** Default: pcapng for a path that ends in `.pcapng`, else pcap with nanoseconds. */
  format?: CaptureFormat;
  /**
   * LINKTYPE_ number of packets that have none of their own; default 1, Ethernet, and for templates what
   * they begin with: Ethernet, or IP (101).
   */
  linkType?: number;
  /** Ends after so many packets; by default with the sequence, which of templates has no end. */
  count?: number;
  /** Ends after so many seconds of the times that are written; needs `rate`. */
  seconds?: number;
  /**
   * The times of packets that have none, as if they left at this rate. Without it those of templates have
   * one time, and others the time at which they are written.
   */
  rate?: Rate;
  /** Time of the first packet by `rate`, or of all of templates: nanoseconds since 1970; default now. */
  startTime?: bigint;
  /** Ends it: the file is whole up to there. */
  signal?: AbortSignal;
  /** Called while it is written; an error that it throws ends it. */
  onProgress?: (progress: WriteProgress) => void;
  /** Milliseconds between two calls of `onProgress`; default 1000. */
  progressInterval?: number;
}

/** What has been written so far. */
export interface WriteProgress {
  /** Packets that were taken. */
  packets: number;
  /** Frames in the file: a packet that kernel or device would cut into segments has several. */
  frames: number;
  /** Their bytes. */
  bytes: number;
}

const KEYS = [
  'file',
  'format',
  'linkType',
  'packets',
  'template',
  'fields',
  'mix',
  'mixOrder',
  'first',
  'count',
  'seconds',
  'rate',
  'startTime',
  'signal',
  'onProgress',
  'progressInterval',
] as const satisfies readonly (keyof WriteCaptureOptions)[];

export function checkOptions(options: WriteCaptureOptions) {
  checkKeys('options', options, KEYS);
  const { file, format, linkType, count, seconds, rate, startTime } = options;
  if (format !== undefined && format !== 'pcap' && format !== 'pcapng') {
    throw invalidArgument('options.format', "'pcap' or 'pcapng'", format);
  }
  if (linkType !== undefined) checkInteger('options.linkType', linkType, 0, 0xffff);
  if (count !== undefined) checkInteger('options.count', count, 0, Number.MAX_SAFE_INTEGER);
  if (seconds !== undefined) checkPositive('options.seconds', seconds);
  if (seconds !== undefined && rate === undefined) {
    throw invalidArgument('options.seconds', 'with a rate, by which packets have times', seconds);
  }
  if (startTime !== undefined && typeof startTime !== 'bigint') {
    throw invalidArgument('options.startTime', 'a bigint', startTime);
  }
  const source = sourceOf(options);
  const type = linkType ?? source.linkType;
  if (type === null) {
    throw invalidArgument(
      'options.linkType',
      'given, as the packets begin with no Ethernet or IP',
      linkType,
    );
  }
  const named = typeof file === 'string' || file instanceof URL ? String(file) : '';
  return {
    source,
    linkType: type,
    format: format ?? (named.endsWith('.pcapng') ? ('pcapng' as const) : ('pcap' as const)),
    count: count ?? Number.POSITIVE_INFINITY,
    until: (seconds ?? Number.POSITIVE_INFINITY) * 1e9,
    rate: rate === undefined ? null : checkFrameRate(rate, 1),
    own: options.packets !== undefined,
    startTime: startTime ?? BigInt(Date.now()) * 1_000_000n,
    ...checkObserved<(progress: WriteProgress) => void>(options),
  };
}

/** Options of {@link writeCapture} that have been checked. */
export type Checked = ReturnType<typeof checkOptions>;
