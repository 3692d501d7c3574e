// workers: one run spread over threads. This file starts and follows them, `workers-options` makes their
// jobs, `worker-thread` runs in each, `protocol` is what they say to each other.

import { Worker } from 'node:worker_threads';
import { abortCalls } from '../../base/abort-groups.js';
import { withOwn } from '../../base/errors.js';
import { clock, timeOrigin } from '../../base/timers.js';
import { withReport, workerError } from '../base/errors.js';
import { sleepUntil } from '../base/sleep.js';
import type { GenerateReport } from '../runs/generate-report.js';
import { NO_PROGRESS, type Progress } from '../runs/meter.js';
import {
  progressAtEnd,
  reportOf,
  sumProgress,
  sumReports,
  type WorkersReport,
} from './aggregate.js';
import type { FromWorker, StreamSocket, ToWorker, WorkerJob } from './protocol.js';
import { Rounds } from './rounds.js';
import { checkWorkers, type JobOptions, jobsOf, type WorkersOptions } from './workers-options.js';

const LEAD_MS = 20; // for the news of the start to reach all
/**
 * For how long the others are waited for when one has failed, in ms: more than they wait themselves
 * for a socket to tell why it ended, for ids, and to close.
 */
const PATIENCE_MS = 30_000;
const ENTRY = new URL('./worker-thread.js', import.meta.url);

/**
 * {@link generate} in several worker threads, each with a socket of its own. Worker i of n sends the
 * packets i, i + n, i + 2n, …, so together they send each packet once; they begin at the same time
 * and keep the rate together.
 * @throws rejects with TypeError or RangeError on bad options, with the error of the first worker
 * that failed, and with Error `ERR_ZEROSEND_WORKER` when a thread could not be started or has died;
 * the others are stopped, and `error.report` is what all of them had sent
 * @example
 * ```js
 * import { generateInWorkers } from 'zerosend/generator';
 *
 * const report = await generateInWorkers({
 *   workers: 2,
 *   socket: { packet: { interface: 'zsx0' } },
 *   template: {
 *     ethernet: { source: '02:00:00:00:00:01', destination: '02:00:00:00:00:02' },
 *     ipv4: { source: '198.18.0.1', destination: '198.18.0.9' },
 *     udp: { source: 1024, destination: 9 },
 *     length: 64,
 *   },
 *   count: 10_000,
 * });
 * console.log(report.workers.map(({ packets }) => packets));
 * ```
 */
export async function generateInWorkers(options: WorkersOptions): Promise<WorkersReport> {
  return new Crew(checkWorkers(options), options).toEnd();
}

/** The same by streams: each worker connects by itself. @internal */
export async function streamInWorkers(
  options: Omit<WorkersOptions, 'socket'> & { socket: StreamSocket },
): Promise<WorkersReport> {
  return new Crew(jobsOf(options), options).toEnd();
}

/** The threads of a run. */
class Crew {
  readonly #options: JobOptions;
  readonly #jobs: readonly WorkerJob[];
  readonly #threads: Worker[] = [];
  readonly #reports: (GenerateReport | undefined)[];
  readonly #progress: Progress[];
  readonly #rounds = new Rounds();
  readonly #over = new AbortController();
  #ready = 0;
  #failure: Error | undefined;

  constructor(jobs: readonly WorkerJob[], options: JobOptions) {
    this.#options = options;
    this.#jobs = jobs;
    this.#reports = jobs.map(() => undefined);
    this.#progress = jobs.map(() => NO_PROGRESS);
  }

  async toEnd(): Promise<WorkersReport> {
    const { signal } = this.#options;
    const stop = () => this.#tell({ type: 'stop' });
    const exits = this.#start();
    abortCalls.add(signal, stop);
    await Promise.all(exits);
    this.#over.abort();
    abortCalls.delete(signal, stop);
    const reports = this.#reports.map(
      (report, index) => report ?? reportOf(this.#progress[index] as Progress),
    );
    if (this.#failure !== undefined) throw withReport(this.#failure, sumReports(reports));
    return sumReports(reports);
  }

  /** Starts the threads; returns when each has ended. Where the system gives no more, they end. */
  #start(): Promise<void>[] {
    const exits: Promise<void>[] = [];
    for (const [index, job] of this.#jobs.entries()) {
      try {
        const thread = new Worker(ENTRY, { workerData: job });
        this.#threads.push(thread);
        exits.push(this.#follow(thread, index));
      } catch (error) {
        this.#fail(workerError(`worker ${index} could not be started`, error));
        break;
      }
    }
    return exits;
  }

  #tell(message: ToWorker): void {
    for (const thread of this.#threads) thread.postMessage(message);
  }

  #fail(error: Error): void {
    if (this.#failure !== undefined) return;
    this.#failure = error;
    // Those that wait for the start would wait for ever.
    this.#tell({ type: 'stop' });
    this.#tell({ type: 'start', at: sinceEpoch() });
    void this.#terminateInTime();
  }

  /** Ends those that do not end by themselves: one that cannot even say so must not hold up the rest. */
  async #terminateInTime(): Promise<void> {
    await sleepUntil(clock() + PATIENCE_MS, this.#over.signal);
    for (const thread of this.#threads) void thread.terminate();
  }

  #progressed(index: number, progress: Progress): void {
    this.#progress[index] = progress;
    if (!this.#rounds.isOver(index, this.#reports)) return;
    try {
      this.#options.onProgress?.(sumProgress(this.#progress), this.#progress);
    } catch (error) {
      this.#fail(error as Error);
    }
  }

  #follow(thread: Worker, index: number): Promise<void> {
    thread.on('message', (message: FromWorker) => {
      if (message.type === 'progress') {
        this.#progressed(index, message.progress);
      } else if (message.type === 'done') {
        const { report } = message;
        const { templates, refused } = report;
        this.#reports[index] = report;
        this.#progress[index] = { ...progressAtEnd(report), templates, refused };
      } else if (message.type === 'failed') {
        const { message: text, code = 'ERR_ZEROSEND_WORKER', stack, report } = message.error;
        this.#reports[index] = report;
        const error = new Error(`worker ${index}: ${text}`);
        this.#fail(withOwn(error, { code, stack }));
      } else if (++this.#ready === this.#jobs.length) {
        this.#tell({ type: 'start', at: sinceEpoch() + LEAD_MS });
      }
    });
    thread.on('error', (error) => this.#fail(workerError(`worker ${index} has failed`, error)));
    return new Promise((resolve) => {
      thread.on('exit', (code) => {
        if (this.#reports[index] === undefined) {
          this.#fail(workerError(`worker ${index} ended with code ${code} before it was done`));
        }
        resolve();
      });
    });
  }
}

/** ms since 1970 */
function sinceEpoch(): number {
  return timeOrigin + clock();
}
