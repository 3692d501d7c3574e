/*
 * The door 'zerosend/metrics': what a thread sends, as instruments of OpenTelemetry. It uses the
 * door 'zerosend', and `base`, which it shares with 'zerosend/prometheus':
 *
 *   base   what is read, and with which labels
 */
import type {
  BatchObservableCallback,
  BatchObservableResult,
  Meter,
  Observable,
} from '@opentelemetry/api';
import { invalidArgument } from '../base/errors.js';
import { readOptions } from '../base/validate.js';
import { processStats } from '../index.js';
import { checkLabels } from './base/labels.js';
import { DURATION, durationsOf, READINGS, type Reading } from './base/readings.js';

/** Options of {@link observe}. */
export interface ObserveOptions {
  /** Attributes that all values get, such as `{ 'thread.name': 'sender 2' }`. Default none. */
  attributes?: Readonly<Record<string, string>> | undefined;
}

/** What {@link observe} has begun. */
export interface Observation {
  /** Ends the observation: the meter gets no more values. Its instruments stay. */
  stop(): void;
  /** The same, at the end of a block with `using`. */
  [Symbol.dispose](): void;
}

const ATTRIBUTE = /^(?!zerosend\.(?:protocol|how|state|quantile)$)./;
const ATTRIBUTE_KIND = 'another than those of the values, such as zerosend.protocol';

/**
 * Has a meter observe what this thread sends, whenever its metrics are collected: observable
 * instruments named by the conventions of OpenTelemetry (`zerosend.sends`,
 * `zerosend.completion.duration`, …), with UCUM units (`By`, `s`, `{send}`) and the attributes
 * `zerosend.protocol`, `zerosend.how`, `zerosend.state` and `zerosend.quantile`, which have few
 * values each. It reads `processStats()` once for each collection, and nothing in between. For a
 * worker thread, call it in that thread.
 * @param meter of `@opentelemetry/api` 1.3 or later, with an SDK behind it or without
 * @throws TypeError `ERR_ZEROSEND_INVALID_ARGUMENT`
 */
export function observe(meter: Meter, options: ObserveOptions = {}): Observation {
  if (typeof meter?.addBatchObservableCallback !== 'function') {
    throw invalidArgument('meter', 'a Meter of @opentelemetry/api', meter);
  }
  const given = readOptions('options', options, ['attributes']);
  const attributes = checkLabels('options.attributes', given.attributes, ATTRIBUTE, ATTRIBUTE_KIND);
  processStats(); // the first call begins to measure
  const instruments = READINGS.map((reading) => ({ reading, instrument: make(meter, reading) }));
  const duration = meter.createObservableGauge(`zerosend.${DURATION.name}`, {
    description: `${DURATION.help} The share zerosend.quantile of sends took no longer.`,
    unit: 's',
  });
  const callback: BatchObservableCallback = (result: BatchObservableResult) => {
    const stats = processStats();
    for (const { reading, instrument } of instruments) {
      for (const { value, labels } of reading.values(stats)) {
        result.observe(instrument, value, { ...attributes, ...prefixed(labels) });
      }
    }
    for (const { labels, quantiles } of durationsOf(stats)) {
      for (const [quantile, seconds] of quantiles) {
        result.observe(duration, seconds, { ...attributes, ...prefixed({ ...labels, quantile }) });
      }
    }
  };
  const observables: Observable[] = [...instruments.map(({ instrument }) => instrument), duration];
  meter.addBatchObservableCallback(callback, observables);
  const stop = () => meter.removeBatchObservableCallback(callback, observables);
  return { stop, [Symbol.dispose]: stop };
}

function make(meter: Meter, { name, kind, unit, help }: Reading): Observable {
  const options = {
    description: help,
    unit: unit === 'By' || unit === 's' ? unit : `{${unit}}`,
  };
  const full = `zerosend.${NAMES[name] ?? name}`;
  if (kind === 'counter') return meter.createObservableCounter(full, options);
  // Who sums up over processes must not add ages.
  return unit === 's'
    ? meter.createObservableGauge(full, options)
    : meter.createObservableUpDownCounter(full, options);
}

/**
 * Names that OpenTelemetry writes differently: words of one level are joined by underscores, and no
 * name may be the beginning of another.
 */
const NAMES: Readonly<Record<string, string>> = {
  sent: 'io.sent',
  unsent: 'io.unsent',
  'sends.in.flight': 'send.in_flight',
  'oldest.in.flight': 'send.oldest_age',
  'queued.sends': 'send.queued',
  'late.sends': 'send.late',
  'no.buffers': 'kernel.no_buffers',
  'soft.errors': 'kernel.soft_errors',
  'dropped.frames': 'frame.dropped',
  'sockets.opened': 'socket.opened',
  'sockets.closed': 'socket.closed',
  'sockets.open': 'socket.open',
  'sockets.waiting': 'socket.waiting',
  'pools.open': 'pool.open',
};

function prefixed(labels: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(labels).map(([name, value]) => [`zerosend.${name}`, value]),
  );
}
