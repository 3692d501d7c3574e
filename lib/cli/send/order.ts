import type {
  GenerateReport,
  Progress,
  StreamsProgress,
  StreamsReport,
  TemplateCount,
  WorkersReport,
} from '../../generator/index.js';
import type { SocketStats } from '../../index.js';
import type { Endpoint } from './addresses.js';
import type { SendOptions } from './options.js';
import type { Traffic } from './traffic.js';

/** Everything that `zerosend send` was asked to do. */
export interface Order {
  readonly options: SendOptions;
  readonly traffic: Traffic;
  /** whether packets are frames, which contain their own addresses */
  readonly frames: boolean;
  /** the remote of the socket; null for frames and streams, which have destinations of their own */
  readonly remote: Endpoint | null;
  readonly signal: AbortSignal;
  /** @param parts what was sent of each template or kind of streams, where there are several */
  readonly onProgress: (
    progress: Progress | StreamsProgress,
    parts: readonly TemplateCount[] | null,
  ) => void;
}

/** The report of a run of any kind. */
export type SendReport = GenerateReport | WorkersReport | StreamsReport;

/** The result of the streams of one kind. */
export interface StreamsOfKind extends TemplateCount {
  readonly streams: number;
  /** packets a second of all these streams together */
  readonly asked: number;
  readonly achieved: number;
  /** mean, in microseconds */
  readonly jitter: number;
}

/** A run that is ready to start: everything that it needs of the system is open. */
export interface Prepared {
  run(): Promise<SendReport>;
  /** What was sent of each part, from the report of a run. */
  partsOf(report: SendReport): readonly (TemplateCount | StreamsOfKind)[] | null;
  /** The counters of the socket; null with workers, whose sockets are in other threads. */
  stats(): SocketStats | null;
  close(): Promise<void>;
}
