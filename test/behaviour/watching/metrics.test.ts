import { metrics as globalMetrics } from '@opentelemetry/api';
import {
  AggregationTemporality,
  InMemoryMetricExporter,
  MeterProvider,
  PeriodicExportingMetricReader,
} from '@opentelemetry/sdk-metrics';
import { describe, expect, it, onTestFinished } from 'vitest';
import { processStats } from 'zerosend';
import { observe } from 'zerosend/metrics';
import { sendSome } from './send-some.js';

function meterOf() {
  const exporter = new InMemoryMetricExporter(AggregationTemporality.CUMULATIVE);
  const reader = new PeriodicExportingMetricReader({ exporter, exportIntervalMillis: 2 ** 30 });
  const provider = new MeterProvider({ readers: [reader] });
  onTestFinished(() => provider.shutdown());
  const read = async () => {
    exporter.reset();
    await provider.forceFlush();
    const all = exporter.getMetrics().flatMap(({ scopeMetrics }) => scopeMetrics);
    return all.flatMap((scope) => scope.metrics);
  };
  return { meter: provider.getMeter('test'), read };
}

describe("observe() of 'zerosend/metrics'", () => {
  it('gives a meter what processStats() says, by the names and units of OpenTelemetry', async () => {
    const { meter, read } = meterOf();
    const observation = observe(meter, { attributes: { 'thread.name': 'main' } });
    const { socket } = await sendSome(20);
    const all = await read();
    const stats = processStats();
    const find = (name: string, attributes: object) => {
      const metric = all.find(({ descriptor }) => descriptor.name === name);
      const points = metric?.dataPoints.map(({ attributes: own, value }) => ({ own, value })) ?? [];
      const wanted = { 'thread.name': 'main', ...attributes };
      return points.find(({ own }) => JSON.stringify(own) === JSON.stringify(wanted))?.value;
    };
    const udp = { 'zerosend.protocol': 'udp' };
    expect(find('zerosend.sends', udp)).toBe(stats.byProtocol.udp.sends);
    expect(find('zerosend.io.sent', udp)).toBe(stats.byProtocol.udp.bytes);
    expect(find('zerosend.completions', { ...udp, 'zerosend.how': 'inline' })).toBe(
      stats.byProtocol.udp.inlined,
    );
    expect(find('zerosend.socket.open', udp)).toBe(stats.byProtocol.udp.open);
    expect(find('zerosend.pool.buffers', { 'zerosend.state': 'free' })).toBe(stats.pools.free);
    // The exporter has the type of the instrument, which the declarations of its descriptors leave out.
    const descriptors = all.map(({ descriptor }) => descriptor as { name: string; type?: string });
    const types = Object.fromEntries(descriptors.map(({ name, type }) => [name, type]));
    expect(types).toMatchObject({
      'zerosend.sends': 'OBSERVABLE_COUNTER',
      'zerosend.socket.open': 'OBSERVABLE_UP_DOWN_COUNTER',
      'zerosend.send.oldest_age': 'OBSERVABLE_GAUGE', // ages of several processes are no sum
    });
    expect(find('zerosend.completion.duration', { ...udp, 'zerosend.quantile': '1' })).toBeCloseTo(
      stats.byProtocol.udp.completionLatency.max / 1e9,
      12,
    );
    for (const { descriptor } of all) {
      expect(descriptor.name).toMatch(/^zerosend(\.[a-z]+(_[a-z]+)*)+$/);
      expect(descriptor.name).not.toMatch(/total|seconds|bytes/);
      expect(descriptor.unit).toMatch(/^(s|By|\{[a-z]+\})$/);
      expect(descriptor.description).toMatch(/\.$/);
    }
    const names = all.map(({ descriptor }) => descriptor.name);
    for (const name of names) {
      expect(names.filter((other) => other.startsWith(`${name}.`))).toEqual([]);
    }
    observation.stop();
    socket.send(new Uint8Array(10));
    await socket.flush();
    const later = await read();
    const sends = later.find(({ descriptor }) => descriptor.name === 'zerosend.sends');
    const values = sends?.dataPoints.map(({ value }) => value as number) ?? [];
    expect(Math.max(0, ...values)).toBeLessThan(processStats().byProtocol.udp.sends);
  });

  it('does nothing without an SDK', () => {
    using observation = observe(globalMetrics.getMeter('none'));
    expect(observation.stop).toBeTypeOf('function');
  });

  it.each<[string, unknown, unknown, RegExp]>([
    ['no meter', {}, {}, /meter must be a Meter/],
    ['nothing', undefined, {}, /meter must be a Meter/],
    ['an unknown option', null, { labels: {} }, /object with attributes only/],
    [
      'an attribute that values have of their own',
      null,
      { attributes: { 'zerosend.protocol': 'mine' } },
      /a name in options\.attributes must be another than those of the values/,
    ],
    ['an attribute that is no string', null, { attributes: { a: 1 } }, /options\.attributes\.a/],
  ])('refuses %s', (_name, meter, options, message) => {
    const given = meter === null ? globalMetrics.getMeter('none') : meter;
    expect(() => observe(given as never, options as never)).toThrow(message);
  });
});
