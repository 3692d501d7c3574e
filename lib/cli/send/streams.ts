import { withReport } from '../../generator/base/errors.js';
import {
  generateStreams,
  type Stream,
  type StreamReport,
  type Streams,
  type StreamsProgress,
  type TemplateCount,
} from '../../generator/index.js';
import { checkStreamRate } from '../../generator/streams/stream-options.js';
import { Alarm, type BufferPool, type ZeroCopySocket } from '../../index.js';
import type { StreamChange, StreamsOfFile } from './files.js';
import { limitsOf } from './limits.js';
import type { Order, Prepared, StreamsOfKind } from './order.js';
import { type Content, plainParts } from './traffic.js';

/**
 * From this number of streams on, they are counted only once a second, since counting reads each
 * stream.
 */
const MANY = 64;
const SELDOM = 1000;
/** Streams of one kind that join together are spread over the time between two packets, at most this. */
const LONGEST_PHASE = 1000;

type OfStreams = Extract<Content, { streams: unknown }>;

/** Starts the streams that a file describes: all join at once, and begin and end at their times. */
export function startStreams(
  order: Order,
  { streams: entries, slice }: OfStreams,
  through: { readonly socket: ZeroCopySocket; readonly pool?: BufferPool },
): Pick<Prepared, 'run' | 'partsOf'> {
  let kinds: Kinds | null = null;
  return {
    run: async () => {
      const streams = generateStreams({
        ...through,
        ...limitsOf(order),
        ...(slice === undefined ? {} : { slice }),
        onProgress: (progress: StreamsProgress) =>
          order.onProgress(progress, kinds?.counts() ?? null),
      });
      try {
        kinds = new Kinds(entries, streams, order);
      } catch (error) {
        streams.stop();
        await streams.catch(() => {});
        throw error;
      }
      streams.finish(); // when the last of them has ended
      try {
        const report = await streams;
        if (kinds.failure !== undefined) throw withReport(kinds.failure, report);
        return report;
      } finally {
        kinds.end();
      }
    },
    partsOf: () => kinds?.report() ?? null,
  };
}

/** The streams of a run by the entries of the file. */
class Kinds {
  readonly #all: readonly (readonly Stream[])[];
  readonly #changes: readonly Alarm[];
  /** The error of a change that was refused, which ends the run. */
  failure: unknown;
  #counted: readonly TemplateCount[] | null = null;
  #countedAt = 0;

  /** Lets all streams join. @throws what `join` throws */
  constructor(entries: readonly StreamsOfFile[], streams: Streams, order: Order) {
    for (const { changes } of entries) {
      for (const { rate } of changes) {
        if (rate !== undefined) checkStreamRate(rate, order.traffic.longest);
      }
    }
    const begin = performance.now();
    this.#all = entries.map((entry) => joined(entry, streams, begin, order));
    this.#changes = entries.flatMap(({ changes }, i) =>
      changes.map((change) => {
        const alarm = new Alarm(() => {
          try {
            for (const stream of this.#all[i] ?? []) make(change, stream);
          } catch (error) {
            this.failure ??= error;
            streams.stop();
          }
        });
        alarm.set(begin + change.at * 1000);
        return alarm;
      }),
    );
  }

  end(): void {
    for (const alarm of this.#changes) alarm.clear();
  }

  /** Packets and bytes of each kind until now. */
  counts(): readonly TemplateCount[] {
    const now = performance.now();
    const number = this.#all.reduce((sum, { length }) => sum + length, 0);
    if (this.#counted === null || number < MANY || now - this.#countedAt >= SELDOM) {
      this.#countedAt = now;
      this.#counted = this.#all.map((kind) => sumOf(kind.map((stream) => stream.report())));
    }
    return this.#counted;
  }

  report(): readonly StreamsOfKind[] {
    return this.#all.map((kind) => {
      const reports = kind.map((stream) => stream.report());
      const total = (of: (report: StreamReport) => number) =>
        reports.reduce((sum, report) => sum + of(report), 0);
      return {
        ...sumOf(reports),
        streams: reports.length,
        asked: total(({ pacing }) => pacing.asked),
        achieved: total(({ pacing }) => pacing.achieved),
        jitter: total(({ jitter }) => jitter) / reports.length,
      };
    });
  }
}

function sumOf(reports: readonly StreamReport[]): TemplateCount {
  let [packets, bytes] = [0, 0];
  for (const report of reports) {
    packets += report.packets;
    bytes += report.bytes;
  }
  return { packets, bytes };
}

/**
 * Joins all copies of an entry. Each sends every n-th packet of those that a single stream would
 * send.
 */
function joined(
  entry: StreamsOfFile,
  streams: Streams,
  begin: number,
  { remote, frames, traffic }: Order,
): Stream[] {
  const { name, copies, description: template, fields, mix, rate, count, join, leave } = entry;
  const { parts = [], order } = mix ?? {};
  const content =
    mix === null
      ? { template, fields }
      : { mix: plainParts(parts), ...(order && { mixOrder: order }) };
  const to = entry.to && { address: entry.to.address, port: entry.to.port ?? 0 };
  const goal = remote === null && !frames && to !== undefined ? { to } : {};
  const { packets, burst } = checkStreamRate(rate, traffic.longest);
  const period = Math.min((burst / packets) * 1000, LONGEST_PHASE);
  return Array.from({ length: copies }, (_, i) =>
    streams.join({
      name: copies === 1 ? name : `${name} ${i + 1}`,
      ...goal,
      ...content,
      share: { first: i, stride: copies },
      rate,
      ...(count === undefined ? {} : { count }),
      // Streams that begin with the run are spread over time by the library.
      ...(join ? { startAt: begin + join * 1000 + (i / copies) * period } : {}),
      ...(leave === undefined ? {} : { seconds: leave - (join ?? 0) }),
    }),
  );
}

function make({ change, rate, described }: StreamChange, stream: Stream): void {
  if (change === 'pause') stream.pause();
  else if (change === 'resume') stream.resume();
  else if (change === 'rate' && rate !== undefined) stream.setRate(rate);
  else if (described !== undefined) stream.replace(described.description, described.fields);
}
