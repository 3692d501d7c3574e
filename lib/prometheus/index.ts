/*
 * The door 'zerosend/prometheus': what a thread sends, in a registry of prom-client. It uses the
 * door 'zerosend' and the base of 'zerosend/metrics', which defines what is read.
 */
import { invalidArgument } from '../base/errors.js';
import { readOptions } from '../base/validate.js';
import { type ProcessStats, processStats } from '../index.js';
import { checkLabels, joined } from '../metrics/base/labels.js';
import { DURATION, durationsOf, READINGS, type Reading } from '../metrics/base/readings.js';

/** The part of a registry of prom-client 15 that is used. */
export interface MetricsRegistry {
  /** Adds a metric under its name. */
  // biome-ignore lint/suspicious/noExplicitAny: prom-client takes its own classes only, by type
  registerMetric(metric: any): void;
  /** The metric of a name, if there is one. */
  getSingleMetric(name: string): unknown;
  /** Removes a metric. */
  removeSingleMetric(name: string): void;
}

/** Options of {@link collect}. */
export interface CollectOptions {
  /** Labels that all values get, such as `{ thread: 'sender 2' }`. Default none. */
  labels?: Readonly<Record<string, string>> | undefined;
}

/** What {@link collect} has registered. */
export interface Collection {
  /** The names of the metrics. */
  readonly names: readonly string[];
  /** Removes the metrics from the registry. */
  unregister(): void;
  /** The same, at the end of a block with `using`. */
  [Symbol.dispose](): void;
}

/** A metric as a registry reads it at a scrape. */
interface Metric {
  name: string;
  help: string;
  type: 'counter' | 'gauge' | 'histogram';
  aggregator: 'sum' | 'max';
  get(): Promise<object>;
  reset(): void;
}

interface Sample {
  labels: Record<string, string | number>;
  value: number;
  metricName?: string;
}

/** One wrong label has Prometheus refuse all that a process tells it, of other libraries as well. */
const LABEL = /^(?!__|(?:protocol|how|state|le)$)[a-zA-Z_][a-zA-Z0-9_]*$/;
const LABEL_KIND =
  'letters, digits and underscores, without two of these in front, and not protocol, how, state or le';

/**
 * Registers what this thread sends with a registry of prom-client: `zerosend_sends_total`,
 * `zerosend_completion_duration_seconds` (a histogram) and others, with the labels `protocol`, `how` and
 * `state`, each of a few values. It reads `processStats()` once a scrape, and nothing in between. For a
 * worker thread call it there, with a registry of that thread.
 * @param registry of prom-client 15, as `new Registry()` or its `register`
 * @throws TypeError `ERR_ZEROSEND_INVALID_ARGUMENT`, also where a metric of one of the names is registered
 * already: none is then
 */
export function collect(registry: MetricsRegistry, options: CollectOptions = {}): Collection {
  if (typeof registry?.registerMetric !== 'function') {
    throw invalidArgument('registry', 'a Registry of prom-client', registry);
  }
  const given = readOptions('options', options, ['labels']);
  const labels = checkLabels('options.labels', given.labels, LABEL, LABEL_KIND);
  processStats(); // the first call begins to measure
  const read = oncePerScrape();
  const metrics = [
    ...READINGS.map((reading) => plain(reading, labels, read)),
    histogram(labels, read),
  ];
  // The names are copied, since a registry in the format OpenMetrics changes them.
  const names = metrics.map(({ name }) => name);
  for (const name of names) {
    if (registry.getSingleMetric(name) === undefined) continue;
    throw invalidArgument('registry', `without ${name}`, registry);
  }
  for (const metric of metrics) registry.registerMetric(metric);
  const unregister = () => {
    for (const [i, name] of names.entries()) {
      if (registry.getSingleMetric(name) === metrics[i]) registry.removeSingleMetric(name);
    }
  };
  return { names, unregister, [Symbol.dispose]: unregister };
}

/**
 * Returns a function that takes one snapshot for each scrape, which reads all metrics within one
 * turn of the microtask queue.
 */
function oncePerScrape(): () => ProcessStats {
  let latest: ProcessStats | null = null;
  return () => {
    if (latest !== null) return latest;
    latest = processStats();
    queueMicrotask(() => {
      latest = null;
    });
    return latest;
  };
}

function plain(
  { name, kind, unit, help, values }: Reading,
  labels: Readonly<Record<string, string>>,
  read: () => ProcessStats,
): Metric {
  return metricOf(
    `${joined(name, '_')}${ENDINGS[unit] ?? ''}${kind === 'counter' ? '_total' : ''}`,
    {
      help,
      type: kind,
      samples: () =>
        values(read()).map(({ value, labels: own }) => ({ value, labels: { ...labels, ...own } })),
      // With several processes (AggregatorRegistry), the oldest send is the oldest of all.
      aggregator: unit === 's' ? 'max' : 'sum',
    },
  );
}

const ENDINGS: Readonly<Partial<Record<Reading['unit'], string>>> = { By: '_bytes', s: '_seconds' };

function histogram(labels: Readonly<Record<string, string>>, read: () => ProcessStats): Metric {
  const name = `${joined(DURATION.name, '_')}_seconds`;
  return metricOf(name, {
    help: DURATION.help,
    type: 'histogram',
    samples: () =>
      durationsOf(read()).flatMap(({ labels: own, count, sum, buckets }) => {
        const all = { ...labels, ...own };
        const metricName = `${name}_bucket`;
        const samples: Sample[] = buckets.map(({ below, count: value }) => ({
          metricName,
          value,
          labels: { le: below, ...all },
        }));
        samples.push({ metricName, value: count, labels: { le: '+Inf', ...all } });
        samples.push({ metricName: `${name}_sum`, value: sum, labels: all });
        samples.push({ metricName: `${name}_count`, value: count, labels: all });
        return samples;
      }),
    aggregator: 'sum',
  });
}

function metricOf(
  name: string,
  {
    help,
    type,
    samples,
    aggregator,
  }: Omit<Metric, 'name' | 'get' | 'reset'> & {
    samples: () => Sample[];
  },
): Metric {
  const metric: Metric = {
    name,
    help,
    type,
    aggregator,
    // The function is not `async`, so that the snapshot is taken within the call.
    get: () => Promise.resolve({ name: metric.name, help, type, aggregator, values: samples() }),
    // A registry resets what programs have counted. These counts are the library's, so they stay.
    reset: () => {},
  };
  return metric;
}
