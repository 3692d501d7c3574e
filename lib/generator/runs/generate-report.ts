import type { LatencySummary } from '../../index.js';
import type { PacerReport } from '../pace/pacer.js';
import type { Outcomes } from './meter.js';
import type { TemplateCount } from './mix.js';
import type { Ended } from './session.js';

/** What a run has sent. */
export interface GenerateReport {
  /** Why it ended. */
  ended: Ended;
  /** Packets that the socket has accepted. */
  packets: number;
  /** Bytes of these packets, without offload headers. */
  bytes: number;
  /** Until the last was sent. */
  seconds: number;
  /**
   * What was sent of each template: of a mix in its order, else of the one, and behind it of those that have
   * taken its place.
   */
  templates: readonly TemplateCount[];
  /** Packets that were refused, and left out (`onError`). */
  refused: number;
  /** `packets / seconds` */
  packetsPerSecond: number;
  /** `8 * bytes / seconds` */
  bitsPerSecond: number;
  /** The socket's ids of this run, and of those how many failed or were revoked. */
  sends: number;
  /** Ids of this run that failed or were revoked. */
  failed: number;
  /** Ids that had not completed five seconds after the last send, or a second after it where the
   * interface was down. */
  unfinished: number;
  /** How often no buffer was free, so that sending had to wait. */
  dry: number;
  /**
   * Packets that the interface of a packet or XDP socket has dropped meanwhile, by its own count
   * (`tx_dropped`): those of others who send through it, too. As a rule a completion does not tell
   * of them.
   */
  interfaceDropped: number;
  /** Ids of this run that have completed, by how they did so. */
  outcomes: Outcomes;
  /** How long sends took to complete, in nanoseconds; as `latency` of its progress. */
  latency: LatencySummary | null;
  /** How the rate was kept, as it was in the end; null without one. */
  pacing: PacerReport | null;
}
