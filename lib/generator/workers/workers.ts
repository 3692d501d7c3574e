// workers: one run spread over threads. This file starts and follows them, `worker-thread` runs in each,
// `protocol` is what they say to each other.

import { availableParallelism } from 'node:os';
import { Worker } from 'node:worker_threads';
import { invalidArgument, withOwn } from '../../base/errors.js';
import { clock, timeOrigin } from '../../base/timers.js';
import { checkInteger } from '../../base/validate.js';
import { coded, withReport } from '../base/errors.js';
import { sleepUntil } from '../base/sleep.js';
import { checkKeys } from '../base/validate.js';
import type { Field } from '../fields/fields.js';
import { compile } from '../fields/sequence.js';
import type { Rate } from '../pace/rate.js';
import type { PacketDescription } from '../packets/description.js';
import { Template, template } from '../packets/template.js';
import type { GenerateReport } from '../runs/generate.js';
import type { Progress } from '../runs/meter.js';
import { checkMix, type MixOrder, type MixPart } from '../runs/mix.js';
import { checkLimits, checkObserved } from '../runs/run-options.js';
import { NO_PROGRESS, reportOf, sumProgress, sumReports, type WorkersReport } from './aggregate.js';
import type { FromWorker, StreamSocket, ToWorker, WorkerJob, WorkerSocket } from './protocol.js';

const LEAD_MS = 20; // for the news of the start to reach all
/**
 * For how long the others are waited for when one has failed, in ms: more than they wait themselves
 * for a socket to tell why it ended, for ids, and to close.
 */
const PATIENCE_MS = 30_000;
const ENTRY = new URL('./worker-thread.js', import.meta.url);

/** The options of `generate`, for all workers together. Each worker gets a copy of them. */
export interface WorkersOptions {
  /** What each worker opens. */
  socket: WorkerSocket;
  /** The packet: a description, for a template cannot be handed to a thread. */
  template?: PacketDescription;
  /** What changes from packet to packet; default nothing. */
  fields?: readonly Field[];
  /** Several kinds of packets in place of `template` and `fields`: each worker sends all kinds, in their shares. */
  mix?: readonly (MixPart & { template: PacketDescription })[];
  /** How the kinds of a mix follow each other; default `'interleaved'`. */
  mixOrder?: MixOrder;
  /** Worker threads, 1 to 256; default as many as there are cores. */
  workers?: number;
  /** Number of the first packet; default 0. */
  first?: number;
  /** The rate of all together. By default packets leave as fast as the sockets take them. */
  rate?: Rate;
  /** Ends after so many packets of all together, at least one for each worker; default never. */
  count?: number;
  /** Ends after so many seconds; default never. */
  seconds?: number;
  /** Sends that each hands over at once, 1 to 1024; default 64, of frames 256. */
  batch?: number;
  /** Ends the run, which then reports. */
  signal?: AbortSignal;
  /**
   * Called while it runs, with the sum and with that of each worker; an error that it throws ends
   * the run.
   */
  onProgress?: (progress: Progress, workers: readonly Progress[]) => void;
  /** Milliseconds between two calls of `onProgress`; default 1000. */
  progressInterval?: number;
}

const KEYS = [
  'socket',
  'template',
  'fields',
  'mix',
  'mixOrder',
  'workers',
  'first',
  'rate',
  'count',
  'seconds',
  'batch',
  'signal',
  'onProgress',
  'progressInterval',
] as const satisfies readonly (keyof WorkersOptions)[];

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
  checkKeys('options', options, KEYS);
  checkKeys('options.socket', options.socket, ['udp', 'packet', 'xdp']);
  return new Crew(jobsOf(options), options).toEnd();
}

/** The same by streams: each worker connects by itself. @internal */
export async function streamInWorkers(
  options: Omit<WorkersOptions, 'socket'> & { socket: StreamSocket },
): Promise<WorkersReport> {
  return new Crew(jobsOf(options), options).toEnd();
}

/** A protocol of one's own has functions, which a thread is not given. */
function refuseOwnProtocols(name: string, { layers = [] }: PacketDescription): void {
  const at = layers.findIndex((layer) => 'protocol' in layer);
  if (at < 0) return;
  throw invalidArgument(
    `${name}.layers[${at}]`,
    'a layer by the name of its protocol: threads share no functions',
    layers[at],
  );
}

type JobOptions = Omit<WorkersOptions, 'socket'> & Pick<WorkerJob, 'socket'>;

/** What all workers send, checked before a thread is started, and bytes of a packet. */
function packetsOf({ template: one, fields = [], mix, mixOrder }: JobOptions) {
  if (mix === undefined) {
    const description = one as PacketDescription; // or template() says what is wrong
    const { length } = compile(template(description), fields);
    refuseOwnProtocols('options.template', description);
    return { packets: { template: description, fields }, length };
  }
  if (one !== undefined) {
    throw invalidArgument('options', 'one with either template or mix', { template: one });
  }
  const { meanBytes } = checkMix(mix, mixOrder);
  for (const [i, part] of mix.entries()) {
    const name = `options.mix[${i}].template`;
    if (part.template instanceof Template) {
      throw invalidArgument(
        name,
        'a description: a thread cannot be handed a template',
        part.template,
      );
    }
    refuseOwnProtocols(name, part.template);
  }
  return { packets: { mix, ...(mixOrder && { mixOrder }) }, length: meanBytes };
}

function jobsOf(options: JobOptions): WorkerJob[] {
  const { socket, workers = availableParallelism(), first = 0 } = options;
  if (Object.keys(socket).length !== 1) {
    throw invalidArgument('options.socket', 'one of udp, packet and xdp', socket);
  }
  checkInteger('options.workers', workers, 1, 256);
  checkInteger('options.first', first, 0, Number.MAX_SAFE_INTEGER);
  const { packets, length } = packetsOf(options);
  const { rate, count, seconds, batch } = options;
  checkLimits(options, length, workers);
  const { progressInterval } = checkObserved(options);
  return Array.from({ length: workers }, (_, index) => ({
    socket,
    packets,
    index,
    of: workers,
    first,
    run: {
      ...(rate === undefined ? {} : { rate }),
      ...(count === undefined ? {} : { count: Math.ceil((count - index) / workers) }),
      ...(seconds === undefined ? {} : { seconds }),
      ...(batch === undefined ? {} : { batch }),
      progressInterval,
    },
  }));
}

/** The threads of a run. */
class Crew {
  readonly #options: JobOptions;
  readonly #jobs: readonly WorkerJob[];
  readonly #threads: Worker[] = [];
  readonly #reports: (GenerateReport | undefined)[];
  readonly #progress: Progress[];
  readonly #told = new Set<number>();
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
    signal?.addEventListener('abort', stop, { once: true });
    if (signal?.aborted) stop();
    await Promise.all(exits);
    this.#over.abort();
    signal?.removeEventListener('abort', stop);
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

  /** Once for each time that all who still send have told how they are doing. */
  #progressed(index: number, progress: Progress): void {
    this.#progress[index] = progress;
    this.#told.add(index);
    if (this.#reports.some((report, i) => report === undefined && !this.#told.has(i))) return;
    this.#told.clear();
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
        this.#reports[index] = message.report;
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

function workerError(message: string, cause?: unknown): Error {
  const error =
    cause === undefined
      ? new Error(message)
      : new Error(`${message}: ${cause instanceof Error ? cause.message : String(cause)}`, {
          cause,
        });
  return coded(error, 'ERR_ZEROSEND_WORKER');
}
