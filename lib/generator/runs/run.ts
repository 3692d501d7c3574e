import { clock } from '../../base/timers.js';
import { withReport } from '../base/errors.js';
import type { AnyField } from '../fields/fields.js';
import { Pacer } from '../pace/pacer.js';
import type { Rate } from '../pace/rate.js';
import type { PacketDescription } from '../packets/description.js';
import type { Template } from '../packets/template.js';
import { type CheckedGenerate, checkReplacement } from './generate-options.js';
import type { GenerateReport } from './generate-report.js';
import type { Progress } from './meter.js';
import type { TemplateCount } from './mix.js';
import { MixedRuns } from './mixed-runs.js';
import { skipOrThrow } from './run-options.js';
import { Session } from './session.js';
import { type Refusal, type Transmitter, transmitterFor } from './transmitter.js';

/** What is sent at a time: a template, a mix or a function, until another takes its place. */
interface Sending {
  packets: CheckedGenerate['packets'];
  transmitter: Transmitter;
  /** the most packets of one call */
  chunk: number;
  /** what had been sent when it began */
  before: TemplateCount;
}

/** A run of `generate`: what is sent, and when. */
export class Run {
  readonly #options: CheckedGenerate;
  readonly #session: Session;
  readonly #since = { at: 0, packets: 0, bytes: 0 };
  #sending: Sending;
  /** what was sent of templates whose place others have taken */
  #earlier: TemplateCount[] = [];
  #pacer: Pacer | null;
  #begun = false;
  #paused = false;
  #left: number;
  /** packets that were let go and are not sent yet */
  #open = 0;
  /** whether as many were let go as one call takes */
  #full = false;
  #refused = 0;
  /** packets that have left since the last wait, and the most that ever did */
  #together = 0;
  #largest = 0;

  constructor(options: CheckedGenerate) {
    this.#options = options;
    this.#pacer = options.rate === null ? null : new Pacer(options.rate, options.pacer);
    const { onProgress } = options;
    const tell = onProgress && ((progress: Progress) => onProgress(this.#withTemplates(progress)));
    this.#session = new Session({
      ...options,
      onProgress: tell,
      rateError: () => this.#pacer?.report(clock()).error ?? null,
      precision: options.pacer.precision ?? 'sleep',
    });
    this.#sending = this.#sendingOf(options);
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

  get paused(): boolean {
    return this.#paused;
  }

  progress(): Progress {
    return this.#withTemplates(this.#session.progress(this.#since));
  }

  setRate(rate: Rate | null): void {
    const { pacer: options } = this.#options;
    if (rate === null) {
      this.#pacer = null;
    } else if (this.#pacer !== null) {
      this.#pacer.setRate(rate);
    } else {
      const pacer = new Pacer(rate, options);
      if (this.#begun) pacer.start();
      if (this.#paused) pacer.pause();
      this.#pacer = pacer;
    }
    this.#session.wake();
  }

  pause(): void {
    this.#paused = true;
    if (this.#begun) this.#pacer?.pause();
    this.#session.wake();
  }

  resume(): void {
    this.#paused = false;
    this.#pacer?.resume();
    this.#session.wake();
  }

  stop(): void {
    this.#session.end('stop');
  }

  replace(template: Template | PacketDescription, fields?: readonly AnyField[]): void {
    const replaced = checkReplacement(this.#options, template, fields);
    if (this.#session.stop.aborted) return;
    this.#earlier = this.#templates();
    this.#sending = this.#sendingOf({ ...this.#options, ...replaced });
    this.#options.pacer.bytes = replaced.packetBytes;
    this.#pacer?._resize(replaced.packetBytes);
  }

  #sendingOf(options: CheckedGenerate): Sending {
    const { packets, batch, train } = options;
    const before = this.#session.meter.total;
    return { packets, transmitter: transmitterFor(options), chunk: batch * train, before };
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
    return { ...counted, templates: this.#templates(), refused: this.#refused };
  }

  /** What was sent of each template. */
  #templates(): TemplateCount[] {
    const { packets: sent, before } = this.#sending;
    if (sent instanceof MixedRuns) return [...this.#earlier, ...sent.counts];
    const { packets, bytes } = this.#session.meter.total;
    const own = { packets: packets - before.packets, bytes: bytes - before.bytes };
    return [...this.#earlier, own];
  }

  async #send(): Promise<void> {
    const session = this.#session;
    const { stop } = session;
    const start = this.#options.startAt ?? clock();
    await session.sleepUntil(() => start);
    this.#begun = true;
    this.#pacer?.start(start);
    if (this.#paused) this.#pacer?.pause(start);
    let slept = true;
    while (this.#left > 0 && !stop.aborted) {
      if (this.#open === 0) this.#open = this.#take();
      if (this.#open === 0 || this.#paused) {
        await session.sleepUntil(this.#nextDue);
        this.#together = 0;
        slept = true;
        continue;
      }
      // Who has slept has let the event loop go round.
      const turn = slept ? undefined : session.yieldIfDue();
      slept = false;
      if (turn !== undefined) {
        await turn;
        continue; // it may have been paused meanwhile, or have come to its end
      }
      const sent = this.#sendBatch(this.#open);
      this.#open -= sent;
      this.#left -= sent;
      this.#together += sent;
      this.#largest = Math.max(this.#largest, this.#together);
      // Waiting for room may end without a turn of the event loop.
      if (sent === 0) {
        await session.room();
        this.#together = 0;
      }
      session.endIfOver();
    }
  }

  /** When there is something to send next. */
  readonly #nextDue = (): number => {
    if (this.#paused) return Number.POSITIVE_INFINITY;
    return this.#open > 0 || this.#pacer === null ? 0 : this.#pacer.due;
  };

  /** How many packets are due now, at most those of one call. */
  #take(): number {
    const most = Math.min(this.#left, this.#sending.chunk);
    if (this.#pacer === null) return most;
    // What a full call has left over goes right behind it.
    if (!this.#full) this.#together = 0;
    const count = this.#pacer.take(clock(), most);
    this.#full = count === most;
    return count;
  }

  /**
   * Sends what there are buffers for, at most a batch; returns how many packets are done with: sent, or
   * refused and left out.
   */
  #sendBatch(most: number): number {
    if (this.#options.socket.needDrain) return 0;
    const { packets, bytes, sends, refusal } = this.#sending.transmitter.send(most);
    if (refusal !== null) return this.#leaveOut(refusal);
    if (packets > 0) this.#session.meter.sent(packets, bytes, sends);
    return packets;
  }

  #leaveOut({ error, packets }: Refusal): number {
    this.#session.refused(error);
    skipOrThrow(this.#options.onError, error, packets);
    this.#refused += packets;
    return packets;
  }
}
