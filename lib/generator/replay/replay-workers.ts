import { availableParallelism } from 'node:os';
import { fileURLToPath } from 'node:url';
import { types } from 'node:util';
import { Worker } from 'node:worker_threads';
import { abortCalls } from '../../base/abort-groups.js';
import { invalidArgument, withOwn } from '../../base/errors.js';
import { clock, timeOrigin } from '../../base/timers.js';
import { checkInteger } from '../../base/validate.js';
import { withReport, workerError } from '../base/errors.js';
import { checkBoolean, checkKeys } from '../base/validate.js';
import { isPipe, openPipe, wholeOf } from '../captures/chunks.js';
import { meanRates, NO_PROGRESS, type Progress } from '../runs/meter.js';
import { checkObserved } from '../runs/run-options.js';
import { progressAtEnd, reportOf, sumProgress, sumReports } from '../workers/aggregate.js';
import type { WorkerSocket } from '../workers/protocol.js';
import { Rounds } from '../workers/rounds.js';
import type { Skipped } from './frame-shape.js';
import type { NotRewritten, NotRewrittenKind } from './not-rewritten.js';
import type { ReplayReport } from './replay.js';
import type { ReplayOptions, ReplayServer } from './replay-options.js';
import type { FromReplayer, ReplayJob, ToReplayer } from './replay-protocol.js';

/** The options of {@link replay}, for all workers together. Each gets a copy of them. */
export interface ReplayWorkersOptions
  extends Omit<ReplayOptions, 'socket' | 'server' | 'capture' | 'onProgress'> {
  /** What each worker opens. */
  socket: WorkerSocket;
  /** A second interface, as of {@link replay}; what each worker opens there. */
  server?: Omit<ReplayServer, 'socket'> & {
    /** What each worker opens. */
    socket: WorkerSocket;
  };
  /** A path, or the content. A pipe is read once, for all workers. */
  capture: string | URL | Uint8Array;
  /**
   * Each worker reads the capture while it sends, as of `openCapture`: no pipe, unless there is but one. Default
   * false: it is loaded.
   */
  stream?: boolean;
  /** Worker threads, 1 to 256; default as many as there are cores. */
  workers?: number;
  /** Called while it runs, with the sum and with that of each worker. */
  onProgress?: (progress: Progress, workers: readonly Progress[]) => void;
}

/** What all workers of a replay have sent together, and each of them. */
export interface ReplayWorkersReport extends ReplayReport {
  /** The report of each worker, in their order. */
  workers: ReplayReport[];
}

const LEAD_MS = 20; // for the news of the start to reach all
const ENTRY = new URL('./replay-thread.js', import.meta.url);

/**
 * {@link replay} in several worker threads, each with sockets of its own. A flow is sent by one of them, with
 * both its directions and its fragments in their order; all keep one timeline.
 * @throws rejects as `replay`, with the error of the first worker that failed, and with Error
 * `ERR_ZEROSEND_WORKER` when a thread could not be started or has died; `error.report` is what all of them had sent
 * @example
 * ```js
 * import { replayInWorkers } from 'zerosend/generator';
 *
 * const report = await replayInWorkers({
 *   workers: 2,
 *   socket: { packet: { interface: 'zsx0' } },
 *   capture: 'capture.pcap',
 * });
 * console.log(report.workers.map(({ packets }) => packets));
 * ```
 */
export async function replayInWorkers(options: ReplayWorkersOptions): Promise<ReplayWorkersReport> {
  const { socket, server, stream = false, workers = availableParallelism(), signal } = options;
  checkSockets('options.socket', socket);
  if (server !== undefined) checkSockets('options.server.socket', server.socket);
  checkInteger('options.workers', workers, 1, 256);
  checkBoolean('options.stream', stream);
  const { onProgress } = checkObserved<NonNullable<ReplayWorkersOptions['onProgress']>>(options);
  const content = shared(options.capture, stream && workers > 1);
  const { socket: _, server: __, capture: ___, onProgress: ____, signal: _____, ...rest } = options;
  const { workers: ______, stream: _______, ...own } = rest;
  const isRead = typeof content === 'string' && !stream && isPipe(content);
  const capture = isRead ? await contentOf(content, signal) : content;
  if (capture === null) {
    const nothing: ReplayReport = { ...reportOfDead(NO_PROGRESS), ended: 'signal' };
    return sumOf(Array.from({ length: workers }, () => nothing));
  }
  const all: Replayer[] = [];
  const stop = () => {
    for (const one of all) one.tell({ type: 'stop' });
  };
  // Those that wait for the start would wait for ever.
  const giveUp = () => {
    stop();
    for (const one of all) one.tell({ type: 'start', at: timeOrigin + clock() });
  };
  const rounds = new Rounds();
  const progressed = (index: number) => {
    const reports = all.map(({ report }) => report);
    if (!rounds.isOver(index, reports)) return;
    const parts = all.map(({ progress }) => progress);
    const { templates: _, ...sum } = sumProgress(parts);
    onProgress?.(sum, parts);
  };
  abortCalls.add(signal, stop);
  try {
    for (let index = 0; index < workers; index++) {
      const share = { index, of: workers };
      const job: ReplayJob = { socket, server, capture, stream, share, options: own };
      all.push(new Replayer(job, index, progressed));
    }
    await Promise.all(all.map(({ ready }) => ready));
    if (signal?.aborted) stop();
    for (const one of all) one.tell({ type: 'start', at: timeOrigin + clock() + LEAD_MS });
    await Promise.all(all.map(({ done }) => done));
  } catch (error) {
    giveUp();
    await Promise.allSettled(all.map(({ exit }) => exit));
    const reports = Array.from({ length: workers }, (_, index) => {
      return all[index]?.report ?? reportOfDead(all[index]?.progress ?? NO_PROGRESS);
    });
    throw withReport(error, sumOf(reports));
  } finally {
    abortCalls.delete(signal, stop);
  }
  await Promise.all(all.map(({ exit }) => exit));
  return sumOf(all.map(({ report }) => report as ReplayReport));
}

/** One thread, from its start to its end. */
class Replayer {
  report: ReplayReport | undefined;
  progress: Progress = NO_PROGRESS;
  readonly ready: Promise<void>;
  readonly done: Promise<void>;
  readonly exit: Promise<void>;
  readonly #thread: Worker;

  /** @throws Error `ERR_ZEROSEND_WORKER` where the system gives no thread */
  constructor(job: ReplayJob, index: number, onProgress: (index: number) => void) {
    const thread = started(job, index);
    this.#thread = thread;
    let fail: (error: Error) => void = () => {};
    const failed = new Promise<never>((_, reject) => {
      fail = reject;
    });
    const until = (type: FromReplayer['type']) =>
      new Promise<void>((resolve) => {
        thread.on('message', (message: FromReplayer) => {
          if (message.type === type) resolve();
        });
      });
    thread.on('message', (message: FromReplayer) => {
      if (message.type === 'done') {
        this.report = message.report;
        this.progress = progressAtEnd(message.report);
      }
      if (message.type === 'failed') {
        const { code = 'ERR_ZEROSEND_WORKER', report } = message;
        this.report = report;
        fail(withOwn(new Error(`worker ${index}: ${message.message}`), { code }));
      }
      if (message.type !== 'progress') return;
      this.progress = message.progress;
      try {
        onProgress(index);
      } catch (error) {
        fail(error as Error);
      }
    });
    const died = (why: string) => fail(workerError(`worker ${index} ${why}`));
    thread.on('error', ({ message }) => died(`has failed: ${message}`));
    this.exit = new Promise((resolve) => {
      thread.on('exit', (code) => {
        died(`ended with code ${code} before it was done`);
        resolve();
      });
    });
    this.ready = Promise.race([until('ready'), failed]);
    this.done = Promise.race([until('done'), failed]);
    for (const one of [failed, this.ready, this.done]) one.catch(() => {});
  }

  tell(message: ToReplayer): void {
    this.#thread.postMessage(message);
  }
}

/** The report of a worker that ended without one, from its last progress. */
function reportOfDead(last: Progress): ReplayReport {
  const { templates: _, refused: __, pacing: ___, ...sent } = reportOf(last);
  const unknown = { frames: 0, loops: 0, skipped: [], notRewritten: {}, unordered: 0 };
  return { ...sent, ...unknown, problem: null, lateness: null };
}

function started(job: ReplayJob, index: number): Worker {
  try {
    return new Worker(ENTRY, { workerData: job });
  } catch (error) {
    throw workerError(`worker ${index} could not be started`, error);
  }
}

function checkSockets(name: string, socket: WorkerSocket): void {
  checkKeys(name, socket, ['udp', 'packet', 'xdp']);
  if (Object.keys(socket).length === 1) return;
  throw invalidArgument(name, 'one of udp, packet and xdp', socket);
}

/**
 * What threads can be given: the content is not copied for each of them.
 * @param often whether each of several is to read it
 */
function shared(capture: unknown, often: boolean): string | Uint8Array {
  const path = capture instanceof URL ? fileURLToPath(capture) : capture;
  if (typeof path === 'string') {
    if (!often || !isPipe(path)) return path;
    const what = 'a file or its content, where several workers read it as they go';
    throw invalidArgument('options.capture', what, capture);
  }
  if (!types.isUint8Array(capture)) {
    throw invalidArgument('options.capture', 'a path or a Uint8Array', capture);
  }
  const bytes = new Uint8Array(new SharedArrayBuffer(capture.length));
  bytes.set(capture);
  return bytes;
}

/** Threads that read a pipe would each get a part of it: it is read here, and they share what was in it. */
async function contentOf(path: string, signal?: AbortSignal): Promise<string | Uint8Array | null> {
  const content = await wholeOf(openPipe(path), signal);
  return content && shared(content, false);
}

function sumOf(workers: ReplayReport[]): ReplayWorkersReport {
  const reports = workers.map((one) => ({ ...one, templates: [], pacing: null, refused: 0 }));
  const { templates: _, refused: __, ...sum } = sumReports(reports);
  const latest = workers.flatMap(({ lateness }) => (lateness === null ? [] : [lateness]));
  // One without a flow of its own has gone through no round.
  const sending = workers.filter(({ frames }) => frames > 0);
  const most = (key: 'p50' | 'p99' | 'max') => Math.max(...latest.map((one) => one[key]));
  return {
    ...sum,
    ...meanRates(sum.packets, sum.bytes, sum.seconds),
    frames: workers.reduce((frames, one) => frames + one.frames, 0),
    loops: sending.length === 0 ? 0 : Math.min(...sending.map(({ loops }) => loops)),
    skipped: sumSkipped(workers.flatMap(({ skipped }) => skipped)),
    notRewritten: sumKinds(workers.map(({ notRewritten }) => notRewritten)),
    unordered: Math.max(0, ...workers.map(({ unordered }) => unordered)),
    problem: workers[0]?.problem ?? null,
    lateness: latest.length === 0 ? null : { p50: most('p50'), p99: most('p99'), max: most('max') },
    workers,
  };
}

function sumSkipped(all: readonly Skipped[]): Skipped[] {
  const sums = new Map<string, Skipped>();
  for (const one of all) {
    const key = `${one.reason} ${one.detail}`;
    const sum = sums.get(key);
    if (sum === undefined) {
      sums.set(key, { ...one });
      continue;
    }
    sum.frames += one.frames;
    sum.firstOffset = Math.min(sum.firstOffset, one.firstOffset);
    sum.longest = Math.max(sum.longest, one.longest);
  }
  return [...sums.values()];
}

function sumKinds(all: readonly NotRewritten[]): NotRewritten {
  const sum: NotRewritten = {};
  for (const kinds of all) {
    for (const [kind, frames] of Object.entries(kinds) as [NotRewrittenKind, number][]) {
      sum[kind] = (sum[kind] ?? 0) + frames;
    }
  }
  return sum;
}
