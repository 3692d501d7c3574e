// The chart, in a terminal and as SVG, of figures that are made up.
import picocolors from 'picocolors';
import { describe, expect, it } from 'vitest';
import type { Series } from '../../../../lib/cli/bench/chart.js';
import { svgChart } from '../../../../lib/cli/bench/svg-chart.js';
import { terminalChart } from '../../../../lib/cli/bench/terminal-chart.js';
import { problemOfXml } from '../../../support/xml.js';

const point = (size: number, median: number) => ({
  size,
  gain: { median, low: median * 0.9, high: median * 1.2 },
});
const series: readonly Series[] = [
  {
    mechanism: 'udp',
    memory: 'hot',
    label: 'UDP, hot',
    points: [point(1024, 0.7), point(8192, 1), point(65_000, 1.6)],
  },
  {
    mechanism: 'ring',
    memory: 'cold',
    label: 'ring, cold',
    points: [point(1024, 3), point(65_000, 30)],
  },
];
const plain = picocolors.createColors(false);
const rowsOf = (lines: readonly string[]) => lines.filter((line) => line.includes('│'));

describe('the chart in the terminal', () => {
  it('has each point in its column, and more gain above less', () => {
    const rows = rowsOf(terminalChart(series, 100, plain));
    const marks = rows.flatMap((row, at) => [...row.matchAll(/●/g)].map((m) => [m.index, at]));
    const [first, second, third] = marks.sort((a, b) => a[0]! - b[0]!);
    expect(marks).toHaveLength(3);
    expect(first![1]).toBeGreaterThan(second![1]!);
    expect(second![1]).toBeGreaterThan(third![1]!);
    // Sizes are logarithmic: 8192 is half-way between 1024 and 65,536.
    expect(second![0]! - first![0]!).toBeCloseTo((third![0]! - first![0]!) / 2, -1);
    expect(rows.join('')).toMatch(/[⠀-⣿]/);
  });

  it.each([40, 60, 200])('fits %i columns', (columns) => {
    for (const line of terminalChart(series, columns, plain).slice(1, -1)) {
      expect(line.length).toBeLessThan(columns);
    }
  });

  it('has marks of ASCII where the locale has nothing else', () => {
    const text = terminalChart(series, 80, plain, false).join('\n');
    // biome-ignore lint/suspicious/noControlCharactersInRegex: all of ASCII
    expect(text).toMatch(/^[\x00-\x7f]+$/);
    expect(text).toContain('U UDP, hot');
  });

  it('has colours only where they are wanted', () => {
    const coloured = terminalChart(series, 80, picocolors.createColors(true)).join('\n');
    expect(coloured).toContain('\x1b[');
    expect(terminalChart(series, 80, plain).join('\n')).not.toContain('\x1b');
  });

  it('is nothing where nothing was measured', () => {
    expect(terminalChart([], 80, plain)).toEqual([]);
  });
});

describe('the chart as SVG', () => {
  const svg = svgChart(series, 'a machine <with> "signs" & more');

  it('is well-formed, and text in it is escaped', () => {
    expect(problemOfXml(svg)).toBeNull();
    expect(svg).toContain('a machine &lt;with&gt; &quot;signs&quot; &amp; more');
  });

  it('says all in words, too', () => {
    expect(svg).toMatch(/<desc[^>]*>UDP, hot: 1 KB: 0\.70×, 8 KB: 1\.00×, 65,000 B: 1\.60×\. /);
  });

  it('is dark where the reader is, without a script, and draws nothing outside of itself', () => {
    expect(svg).toContain('prefers-color-scheme: dark');
    expect(svg).not.toMatch(/<script|href|url\(/);
    for (const [, y] of svg.matchAll(/ (?:y1|y2|cy)="([\d.-]+)"/g)) {
      expect(Number(y)).toBeGreaterThan(0);
      expect(Number(y)).toBeLessThan(524);
    }
    expect(svg).not.toContain('NaN');
  });

  it('is drawn of a single point, too', () => {
    const single = svgChart([{ ...series[0]!, points: [point(1024, 1.5)] }], '');
    expect(problemOfXml(single)).toBeNull();
    expect(single).not.toContain('NaN');
  });
});
