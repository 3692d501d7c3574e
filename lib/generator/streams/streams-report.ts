import type { GenerateReport } from '../runs/generate-report.js';
import type { StreamReport } from './stream.js';

/** What all streams of a socket have sent, and each of them. */
export interface StreamsReport extends Omit<GenerateReport, 'templates' | 'pacing'> {
  /** Streams that have joined. */
  joined: number;
  /** Each stream: those that have ended in the order of their ends, then those that go on. */
  streams: readonly StreamReport[];
  /** How many that ended first are in the sums only: the reports of the last 16384 are kept. */
  streamsLeftOut: number;
}
