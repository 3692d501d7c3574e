import type { AnyField } from '../fields/fields.js';
import type { Rate } from '../pace/rate.js';
import type { PacketDescription } from '../packets/description.js';
import type { Template } from '../packets/template.js';
import { claimExclusiveUse } from './exclusive-use.js';
import type { CheckedGenerate } from './generate-options.js';
import type { GenerateReport } from './generate-report.js';
import { NO_PROGRESS, type Progress } from './meter.js';
import { Run } from './run.js';

/**
 * A run of `generate` that goes on, and the promise of its report. Once it has ended, its methods change
 * nothing any more.
 * @example
 * ```js
 * import { PacketSocket } from 'zerosend';
 * import { generate } from 'zerosend/generator';
 *
 * const packet = {
 *   ethernet: { source: '02:00:00:00:00:01', destination: '02:00:00:00:00:02' },
 *   ipv4: { source: '198.18.0.1', destination: '198.18.0.9' },
 *   udp: { source: 1024, destination: 9 },
 *   length: 64,
 * };
 * const socket = await PacketSocket.open({ interface: 'zsx0' });
 * const run = generate({ socket, template: packet, rate: 1000 });
 * setTimeout(() => run.setRate(2000), 100);
 * setTimeout(() => run.replace({ ...packet, length: 512 }), 200);
 * setTimeout(() => run.pause(), 300);
 * setTimeout(() => run.resume(), 400);
 * setTimeout(() => run.stop(), 500);
 * const { packets, templates } = await run;
 * console.log(packets, templates);
 * await socket.close();
 * ```
 */
export interface Generation extends Promise<GenerateReport> {
  /** Whether it is paused. */
  readonly paused: boolean;
  /** How it is doing; its rates are those since this was called last. */
  progress(): Progress;
  /**
   * Goes on at another rate, without a burst ({@link Pacer.setRate}).
   * @param rate null: as fast as the socket takes packets
   * @throws TypeError `ERR_ZEROSEND_INVALID_ARGUMENT`; RangeError `ERR_ZEROSEND_OUT_OF_RANGE`
   */
  setRate(rate: Rate | null): void;
  /** Sends nothing until `resume`. `seconds` goes on. */
  pause(): void;
  /** Goes on as if no time had passed: there is no burst. */
  resume(): void;
  /**
   * Sends other packets from the next call on, without a gap: in place of the template, the mix, or what
   * took its place before. Fields begin with their first values, or with those of `share`.
   * @throws as `generate`
   */
  replace(template: Template | PacketDescription, fields?: readonly AnyField[]): void;
  /** Ends it: the report comes when what is in flight has completed. `ended` is `'stop'`. */
  stop(): void;
}

/** A promise besides: what `then` returns is a usual one. */
class RunHandle extends Promise<GenerateReport> implements Generation {
  readonly #run: Run | null;

  static override get [Symbol.species](): PromiseConstructor {
    return Promise;
  }

  /** @param run null where its options are wrong */
  constructor(run: Run | null, report: Promise<GenerateReport>) {
    super((resolve) => resolve(report));
    this.#run = run;
  }

  get paused(): boolean {
    return this.#run?.paused ?? false;
  }

  progress(): Progress {
    return this.#run?.progress() ?? NO_PROGRESS;
  }

  setRate(rate: Rate | null): void {
    this.#run?.setRate(rate);
  }

  pause(): void {
    this.#run?.pause();
  }

  resume(): void {
    this.#run?.resume();
  }

  replace(template: Template | PacketDescription, fields?: readonly AnyField[]): void {
    this.#run?.replace(template, fields);
  }

  stop(): void {
    this.#run?.stop();
  }
}

/** Of a run that could not begin. */
export function failedRun(error: unknown): Generation {
  return new RunHandle(null, Promise.reject(error));
}

/** Runs `generate` with options that were checked. */
export function startRun(checked: CheckedGenerate): Generation {
  const { socket, pool, ownPool } = checked;
  try {
    const leave = claimExclusiveUse(socket, pool);
    const run = new Run(checked);
    const done = run.toEnd().finally(() => {
      leave();
      void ownPool?.close();
    });
    return new RunHandle(run, done);
  } catch (error) {
    void ownPool?.close();
    return failedRun(error);
  }
}
