import { claimExclusiveUse } from '../runs/exclusive-use.js';
import type { Stream } from './stream.js';
import type { StreamOptions } from './stream-options.js';
import { StreamsRun } from './streams.js';
import { checkStreams, type StreamsOptions, type StreamsProgress } from './streams-options.js';
import type { StreamsReport } from './streams-report.js';

/**
 * The streams of a socket, and the promise of their report. An iterator goes through those that are there
 * now.
 */
export interface Streams extends Promise<StreamsReport>, Iterable<Stream> {
  /** How many are there now. */
  readonly size: number;
  /**
   * Adds a stream, which begins at once, or when its `startAt` says.
   * @throws TypeError or RangeError on bad options; what `template` and `compile` throw; Error
   * `ERR_ZEROSEND_SOCKET_CLOSED` when they have ended, or are to end
   */
  join<C = undefined>(options: StreamOptions<C>): Stream<C>;
  /** How all together are doing; rates are those since this was called last. */
  progress(): StreamsProgress;
  /** What was sent by now, by stream. */
  report(): StreamsReport;
  /** Ends when all that have joined have ended; no other can join. */
  finish(): void;
  /** Ends all now: the report comes when what is in flight has completed. `ended` is `'stop'`. */
  stop(): void;
}

/** A promise besides: what `then` returns is a usual one. */
class StreamsHandle extends Promise<StreamsReport> implements Streams {
  readonly #run: StreamsRun;

  static override get [Symbol.species](): PromiseConstructor {
    return Promise;
  }

  constructor(run: StreamsRun, report: Promise<StreamsReport>) {
    super((resolve) => resolve(report));
    this.#run = run;
  }

  get size(): number {
    return this.#run.size;
  }

  [Symbol.iterator](): IterableIterator<Stream> {
    return this.#run.streams;
  }

  join<C>(options: StreamOptions<C>): Stream<C> {
    return this.#run.join(options);
  }

  progress(): StreamsProgress {
    return this.#run.progress();
  }

  report(): StreamsReport {
    return this.#run.report();
  }

  finish(): void {
    this.#run.finish();
  }

  stop(): void {
    this.#run.stop();
  }
}

/**
 * Sends many streams through one UDP, packet or XDP socket, each at its own pace: they join, leave, pause
 * and change while the others go on. Packets that are due within the same 100 µs are handed over together,
 * the longest due first; what is due first goes first, so no stream holds up the others. It goes on until
 * `stop`, `finish`, `seconds` or `signal`, also without streams.
 *
 * Until it ends, the buffers of the pool must not be written to by others, unless it has a share of them.
 * @returns a handle at once, which is also the promise of the report: it is rejected with what ends the
 * socket, what a `send` throws (`onError`), or what `write` of a stream throws, each with `report`
 * @throws TypeError or RangeError on bad options; Error `ERR_ZEROSEND_BUSY` while another run uses the
 * socket or the pool
 * @example
 * ```js
 * import { UdpSocket } from 'zerosend';
 * import { generateStreams } from 'zerosend/generator';
 *
 * const socket = await UdpSocket.open({}); // without a remote: each stream says where to
 * const streams = generateStreams({ socket, seconds: 0.5 });
 * for (let i = 0; i < 10; i++) {
 *   streams.join({
 *     name: `camera ${i}`,
 *     to: { address: '198.18.0.9', port: 5000 + i },
 *     template: { length: 172, payload: '' },
 *     fields: [{ target: { layer: 'payload', offset: 0, width: 4 }, counter: {} }],
 *     rate: 50, // packets a second
 *   });
 * }
 * for (const { name, packets, jitter } of (await streams).streams) {
 *   console.log(`${name}: ${packets} packets, jitter ${jitter.toFixed(0)} µs`);
 * }
 * await socket.close();
 * ```
 */
export function generateStreams(options: StreamsOptions): Streams {
  const checked = checkStreams(options);
  const { ownPool, outlet } = checked;
  const { socket, pool } = outlet;
  try {
    const leave = claimExclusiveUse(socket, pool);
    const run = new StreamsRun(checked);
    const done = run.toEnd().finally(() => {
      leave();
      void ownPool?.close();
    });
    return new StreamsHandle(run, done);
  } catch (error) {
    void ownPool?.close();
    throw error;
  }
}
