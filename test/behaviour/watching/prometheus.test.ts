import { readFileSync } from 'node:fs';
import { Registry } from 'prom-client';
import { describe, expect, it } from 'vitest';
import { processStats } from 'zerosend';
import { collect } from 'zerosend/prometheus';
import { sendSome } from './send-some.js';

/** The lines of a scrape as value by name and labels. */
function parse(text: string): Map<string, number> {
  const lines = text.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
  return new Map(
    lines.map((line) => {
      const [, name = '', value] = /^(.+) (\S+)$/.exec(line) ?? [];
      return [name, Number(value)];
    }),
  );
}

describe("collect() of 'zerosend/prometheus'", () => {
  it('gives a registry what processStats() says, by the names of Prometheus', async () => {
    const registry = new Registry();
    collect(registry, { labels: { thread: 'main' } });
    await sendSome(30);
    const values = parse(await registry.metrics());
    const { byProtocol, pools } = processStats();
    const udp = 'thread="main",protocol="udp"';
    expect(values.get(`zerosend_sends_total{${udp}}`)).toBe(byProtocol.udp.sends);
    expect(values.get(`zerosend_sent_bytes_total{${udp}}`)).toBe(byProtocol.udp.bytes);
    expect(values.get(`zerosend_completions_total{${udp},how="inline"}`)).toBe(
      byProtocol.udp.inlined,
    );
    expect(values.get('zerosend_pool_buffers{thread="main",state="free"}')).toBe(pools.free);
    const { count, mean, buckets } = byProtocol.udp.completionLatency;
    const duration = 'zerosend_completion_duration_seconds';
    expect(values.get(`${duration}_count{${udp}}`)).toBe(count);
    expect(values.get(`${duration}_sum{${udp}}`)).toBeCloseTo((mean * count) / 1e9, 9);
    expect(values.get(`${duration}_bucket{le="+Inf",${udp}}`)).toBe(count);
    let before = 0;
    for (const { upTo, count: below } of buckets) {
      expect(values.get(`${duration}_bucket{le="${upTo / 1e9}",${udp}}`)).toBe(below);
      expect(below).toBeGreaterThanOrEqual(before);
      before = below;
    }
    expect(before).toBe(count);
  });

  it('is one snapshot a scrape, and nothing in between', async () => {
    const registry = new Registry();
    collect(registry);
    const json = await registry.getMetricsAsJSON();
    const sum = (name: string) => {
      const metric = json.find((each) => each.name === name);
      return metric?.values.reduce((total, { value }) => total + value, 0);
    };
    expect(sum('zerosend_completions_total')).toBe(processStats().sockets.completed);
    await sendSome(3);
    const again = parse(await registry.metrics());
    expect(again.get('zerosend_sends_total{protocol="udp"}')).toBe(
      processStats().byProtocol.udp.sends,
    );
  });

  it('is taken out again, and only what is its own', async () => {
    const registry = new Registry();
    const collection = collect(registry);
    expect(() => collect(registry)).toThrow(/without zerosend_sends_total/);
    expect(registry.getMetricsAsArray()).toHaveLength(collection.names.length);
    registry.resetMetrics();
    collection.unregister();
    expect(registry.getMetricsAsArray()).toEqual([]);
    collect(registry);
    collection.unregister();
    expect(registry.getMetricsAsArray()).toHaveLength(collection.names.length);
  });

  it('has names that OpenMetrics takes, too', async () => {
    const registry = new Registry();
    registry.setContentType(Registry.OPENMETRICS_CONTENT_TYPE as never);
    const collection = collect(registry);
    for (let scrape = 0; scrape < 2; scrape++) {
      const text = await registry.metrics();
      expect(text).toContain('# TYPE zerosend_sends counter\nzerosend_sends_total{');
      expect(text).not.toContain('_total_total');
    }
    collection.unregister();
    expect(registry.getMetricsAsArray()).toEqual([]);
  });

  it.each<[string, unknown, unknown, RegExp]>([
    ['no registry', {}, {}, /registry must be a Registry of prom-client/],
    ['an unknown option', null, { prefix: 'a' }, /object with labels only/],
    [
      'a label that is no string',
      null,
      { labels: { a: 1 } },
      /options\.labels\.a must be a string/,
    ],
    ...['a-b', '', '1a', '__name__', 'protocol', 'how', 'state', 'le'].map(
      (label): [string, unknown, unknown, RegExp] => [
        `a label of the name '${label}'`,
        null,
        { labels: { [label]: 'x' } },
        /a name in options\.labels must be letters/,
      ],
    ),
  ])('refuses %s', (_name, registry, options, message) => {
    expect(() => collect((registry ?? new Registry()) as never, options as never)).toThrow(message);
  });
});

interface Dashboard {
  panels: { title: string; type: string; targets?: { expr: string; legendFormat: string }[] }[];
  templating: { list: { query: string | { query: string } }[] };
}

describe('the dashboard for Grafana', () => {
  const file = new URL('../../../docs/grafana/zerosend.json', import.meta.url);
  const dashboard: Dashboard = JSON.parse(readFileSync(file, 'utf8'));
  const expressions = [
    ...dashboard.panels.flatMap(({ targets = [] }) => targets.map(({ expr }) => expr)),
    ...dashboard.templating.list.map(({ query }) => (typeof query === 'string' ? '' : query.query)),
  ];
  const used = new Set(expressions.flatMap((text) => text.match(/\bzerosend_\w+/g) ?? []));

  it('asks for what is exported, for all of it, and by labels and values that there are', async () => {
    const registry = new Registry();
    collect(registry);
    await sendSome(5);
    const exported = [...parse(await registry.metrics()).keys()];
    const names = new Set(exported.map((line) => line.replace(/\{.*/, '')));
    expect([...used].filter((name) => !names.has(name))).toEqual([]);
    expect([...names].filter((name) => !used.has(name))).toEqual([]);
    const scraped = ['job', 'instance']; // which Prometheus adds
    for (const text of expressions) {
      for (const [, name, selector = ''] of text.matchAll(/(zerosend_\w+)\{([^}]*)\}/g)) {
        for (const [, label = '', values = ''] of selector.matchAll(/(\w+)=~?"([^"]*)"/g)) {
          if (scraped.includes(label)) continue;
          for (const value of values.split('|')) {
            const line = exported.find(
              (each) => each.startsWith(`${name}{`) && each.includes(`${label}="${value}"`),
            );
            expect(line, `${name} with ${label}="${value}"`).toBeDefined();
          }
        }
      }
      for (const [, labels = ''] of text.matchAll(/by \(([^)]*)\)/g)) {
        const name = /zerosend_\w+/.exec(text)?.[0];
        for (const label of labels.split(/,\s*/)) {
          const line = exported.find((each) => each.startsWith(`${name}{`));
          expect(line, `${name} by ${label}`).toContain(`${label}="`);
        }
      }
    }
  });

  it('has panels with titles, legends and places of their own', () => {
    const titles = dashboard.panels.map(({ title }) => title);
    expect(new Set(titles).size).toBe(titles.length);
    for (const { type, targets = [] } of dashboard.panels) {
      if (type !== 'row') expect(targets.length).toBeGreaterThan(0);
    }
  });
});
