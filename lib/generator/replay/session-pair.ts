import type { BufferPool } from '../../index.js';
import { meanRates, type Progress, type Since } from '../runs/meter.js';
import { type Ended, Session } from '../runs/session.js';
import { sumProgress, sumReports } from '../workers/aggregate.js';
import type { CheckedReplay } from './replay-options.js';

/** The sessions of the sockets of one replay: it ends when one of them does, and both count together. */
export class SessionPair {
  readonly pools: readonly BufferPool[];
  readonly stop: AbortSignal;
  readonly #sessions: readonly Session[];
  /** of the second session, whose progress is told with that of the first */
  readonly #reported: Since = { at: 0, packets: 0, bytes: 0 };
  #ended: Ended = 'count';

  constructor(options: CheckedReplay, pools: readonly BufferPool[]) {
    this.pools = pools;
    const { onProgress, signal, seconds, progressInterval, startAt, precision } = options;
    this.#sessions = options.ways.map(({ socket }, way) => {
      const first = way === 0;
      return new Session({
        socket,
        pool: pools[way] as BufferPool,
        signal,
        seconds,
        startAt,
        rateError: () => null,
        precision,
        progressInterval,
        onProgress: first && onProgress ? (own) => onProgress(this.#progress(own)) : undefined,
      });
    });
    this.stop = anyOf(this.#sessions.map(({ stop }) => stop));
    for (const session of this.#sessions) {
      session.stop.addEventListener('abort', () => this.#endAll(session), { once: true });
    }
  }

  get ended(): Ended {
    return this.#ended;
  }

  /** Runs `send` within all of them; what ends one of them ends it. */
  async run(send: () => Promise<void>): Promise<void> {
    const within = this.#sessions.reduceRight<() => Promise<void>>(
      (inner, session) => () => session.run(inner),
      () => this.#sendAll(send),
    );
    try {
      await within();
    } finally {
      const all = this.#sessions.map(({ ended }) => ended);
      this.#ended = all.includes('error')
        ? 'error'
        : (all.find((one) => one !== 'count') ?? 'count');
    }
  }

  /** No session waits for its completions before the time of all has ended. */
  async #sendAll(send: () => Promise<void>): Promise<void> {
    try {
      await send();
    } finally {
      for (const { meter } of this.#sessions) meter.stop();
    }
  }

  sleepUntil(time: number): Promise<void> {
    return (this.#sessions[0] as Session).sleepUntil(() => time);
  }

  async yieldIfDue(): Promise<void> {
    for (const session of this.#sessions) await session.yieldIfDue();
  }

  /** Waits for a buffer of that way, or until what is queued there has left. */
  room(way: number): Promise<void> {
    return (this.#sessions[way] as Session).room();
  }

  /** Notes what the socket of that way has thrown. */
  refused(way: number, error: unknown): void {
    (this.#sessions[way] as Session).refused(error);
  }

  sent(way: number, packets: number, bytes: number): void {
    (this.#sessions[way] as Session).meter.sent(packets, bytes, packets);
  }

  report() {
    const parts = this.#sessions.map(({ meter }) => meter.report());
    const [only] = parts;
    if (only !== undefined && parts.length === 1) return only;
    const reports = parts.map((part) => {
      return { ...part, ended: this.#ended, templates: [], pacing: null, refused: 0 };
    });
    const { ended: _, templates: __, workers: ___, refused: ____, ...sum } = sumReports(reports);
    const { packets, bytes, seconds } = sum;
    const interfaceDropped = parts.reduce((dropped, part) => dropped + part.interfaceDropped, 0);
    return { ...sum, ...meanRates(packets, bytes, seconds), interfaceDropped };
  }

  /** What is waited for may be of another one. */
  #endAll({ ended }: Session): void {
    for (const session of this.#sessions) session.end(ended === 'error' ? 'stop' : ended);
  }

  #progress(own: Progress): Progress {
    const others = this.#sessions.slice(1).map((session) => session.progress(this.#reported));
    if (others.length === 0) return own;
    const { templates: _, ...sum } = sumProgress([own, ...others]);
    return sum;
  }
}

function anyOf(signals: readonly AbortSignal[]): AbortSignal {
  return signals.length === 1 ? (signals[0] as AbortSignal) : AbortSignal.any([...signals]);
}
