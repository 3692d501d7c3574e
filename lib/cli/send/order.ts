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

/** What is to be sent, and how. */
export interface Order {
  readonly options: SendOptions;
  readonly traffic: Traffic;
  /** whether they are frames, which say themselves where they go */
  readonly frames: boolean;
  /** of a socket; null: frames and streams have their own */
  readonly remote: Endpoint | null;
  readonly signal: AbortSignal;
  /** @param parts what was sent of each template or kind of streams, where there are several */
  readonly onProgress: (
    progress: Progress | StreamsProgress,
    parts: readonly TemplateCount[] | null,
  ) => void;
}

/** How a run ends, whichever it was. */
export type SendReport = GenerateReport | WorkersReport | StreamsReport;

/** What became of the streams of one kind. */
export interface StreamsOfKind extends TemplateCount {
  readonly streams: number;
  /** packets a second, of all of them */
  readonly asked: number;
  readonly achieved: number;
  /** microseconds, in the mean */
  readonly jitter: number;
}

/** A run that can begin: all that it needs of the system is there. */
export interface Prepared {
  run(): Promise<SendReport>;
  /** What was sent of each part, by the report of a run. */
  partsOf(report: SendReport): readonly (TemplateCount | StreamsOfKind)[] | null;
  /** The counters of the socket; null: those of workers are in their threads. */
  stats(): SocketStats | null;
  close(): Promise<void>;
}
