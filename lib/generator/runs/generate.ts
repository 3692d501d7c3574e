// runs: sending on one socket from a start to a report. `session` holds what generating and replaying
// have in common.

import { clock } from '../../base/timers.js';
import type { LatencySummary } from '../../index.js';
import { withReport } from '../base/errors.js';
import { Pacer, type PacerReport } from '../pace/pacer.js';
import { claimExclusiveUse } from './exclusive-use.js';
import { type CheckedGenerate, checkGenerate, type GenerateOptions } from './generate-options.js';
import type { Outcomes, Progress } from './meter.js';
import { Mix, type TemplateCount } from './mix.js';
import { type Ended, Session } from './session.js';
import { type Transmitter, transmitterFor } from './transmitter.js';

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
  /** What was sent of each template: of a mix in its order, else of the one. */
  templates: readonly TemplateCount[];
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
  /** How the rate was kept; null without one. */
  pacing: PacerReport | null;
}

/**
 * Sends the packets of a template through a UDP, packet or XDP socket: laid into each buffer once,
 * changed in place, in batches, at a rate or as fast as the socket takes them. A pool that has run
 * dry is waited for. The event loop has its turn every few milliseconds.
 *
 * Until it ends, the buffers of the pool must not be written to by others.
 * @returns when all packets are sent and their ids have completed
 * @throws rejects with TypeError or RangeError on bad options, with Error `ERR_ZEROSEND_BUSY` while
 * another run uses the socket or the pool, and with what `send` throws or what ends the socket; once
 * it runs, with `report`: what was sent until then
 * @example
 * ```js
 * import { PacketSocket } from 'zerosend';
 * import { generate } from 'zerosend/generator';
 *
 * const socket = await PacketSocket.open({ interface: 'zsx0' });
 * const report = await generate({
 *   socket,
 *   template: {
 *     ethernet: { source: '02:00:00:00:00:01', destination: '02:00:00:00:00:02' },
 *     ipv4: { source: '198.18.0.1', destination: '198.18.0.9' },
 *     udp: { source: 1024, destination: 9 },
 *     length: 64,
 *   },
 *   fields: [{ target: 'udp.source', counter: { start: 1024, count: 1000 } }],
 *   rate: 100_000, // packets a second
 *   seconds: 0.5,
 * });
 * console.log(report.packets, report.pacing?.error);
 * await socket.close();
 * ```
 */
export async function generate(options: GenerateOptions): Promise<GenerateReport> {
  return runChecked(checkGenerate(options));
}

/** Runs {@link generate} with options that were checked. @internal */
export async function runChecked(checked: CheckedGenerate): Promise<GenerateReport> {
  const { socket, pool } = checked;
  let leave: (() => void) | null = null;
  try {
    leave = claimExclusiveUse(socket, pool);
    return await new Run(checked).toEnd();
  } finally {
    leave?.();
    if (checked.ownPool) void checked.pool.close();
  }
}

class Run {
  readonly #options: CheckedGenerate;
  readonly #transmitter: Transmitter;
  readonly #pacer: Pacer | null;
  readonly #session: Session;
  #left: number;
  /** packets that have left since the last wait, and the most that ever did */
  #together = 0;
  #largest = 0;

  constructor(options: CheckedGenerate) {
    const pacer = options.rate === null ? null : new Pacer(options.rate, options.pacer);
    const rateError = () => pacer?.report(clock()).error ?? null;
    this.#options = options;
    this.#transmitter = transmitterFor(options);
    this.#pacer = pacer;
    const { onProgress } = options;
    const tell = onProgress && ((progress: Progress) => onProgress(this.#withTemplates(progress)));
    this.#session = new Session({ ...options, onProgress: tell, rateError });
    this.#left = options.count;
  }

  async toEnd(): Promise<GenerateReport> {
    try {
      await this.#session.run(() => this.#send());
    } catch (error) {
      throw withReport(error, this.#report());
    }
    return this.#report();
  }

  #report(): GenerateReport {
    const { meter, ended } = this.#session;
    const pacing = this.#pacer?.report(meter.stopped) ?? null;
    return {
      ended,
      ...this.#withTemplates(meter.report()),
      // Of what the pacer lets go at once, a ring that is full takes only a part at once.
      pacing: pacing && { ...pacing, largestBurst: this.#largest },
    };
  }

  #withTemplates<T extends TemplateCount>(counted: T) {
    const { packets: sent } = this.#options;
    const { packets, bytes } = counted;
    return { ...counted, templates: sent instanceof Mix ? sent.counts : [{ packets, bytes }] };
  }

  async #send(): Promise<void> {
    const session = this.#session;
    const { stop } = session;
    const start = this.#options.startAt ?? clock();
    await session.sleepUntil(start);
    this.#pacer?.start(start);
    while (this.#left > 0 && !stop.aborted) {
      const due = this.#pacer ? this.#pacer.take(clock(), this.#left) : this.#left;
      if (due > 0) {
        await this.#sendDue(due);
      } else {
        await this.#pacer?.wait(stop);
      }
    }
  }

  /** Sends so many packets now, batch after batch. */
  async #sendDue(due: number): Promise<void> {
    const session = this.#session;
    let open = due;
    this.#together = 0;
    while (open > 0 && !session.stop.aborted) {
      const sent = this.#sendBatch(open);
      open -= sent;
      this.#left -= sent;
      this.#together += sent;
      this.#largest = Math.max(this.#largest, this.#together);
      // Waiting for room may end without a turn of the event loop.
      if (sent === 0) {
        await session.room();
        this.#together = 0;
      }
      await session.yieldIfDue();
    }
  }

  /** Sends what there are buffers for, at most a batch; returns how many packets. */
  #sendBatch(most: number): number {
    if (this.#options.socket.needDrain) return 0;
    const { packets, bytes, sends } = this.#transmitter.send(most);
    if (packets > 0) this.#session.meter.sent(packets, bytes, sends);
    return packets;
  }
}
