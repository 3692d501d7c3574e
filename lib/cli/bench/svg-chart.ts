import { type Domain, domainOf, place, type Series } from './chart.js';
import { showSize } from './format.js';

const WIDTH = 860;
const HEIGHT = 524;
const PLOT = { left: 64, right: 836, top: 92, bottom: 420 };

/**
 * The palette of Okabe and Ito, which colour-blind people can tell apart, with darker colours on
 * white.
 */
const STYLE = `
  .zs { --paper: #ffffff; --ink: #1a1c20; --soft: #5b616b; --line: #d9dde3; --worse: #f3f4f6;
    --udp: #0064a8; --tcp: #b04a00; --ring: #00734f; font: 14px system-ui, sans-serif; }
  @media (prefers-color-scheme: dark) {
    .zs { --paper: #15171b; --ink: #eceef2; --soft: #a4abb6; --line: #343a43; --worse: #1d2025;
      --udp: #63b8f5; --tcp: #f2a154; --ring: #4fcf9f; }
  }
  .zs text { fill: var(--ink); }
  .zs .soft { fill: var(--soft); }
  .zs .title { font-size: 18px; font-weight: 600; }
  .zs .grid { stroke: var(--line); }
  .zs .even { stroke: var(--soft); stroke-width: 1.5; }
  .zs .number { font-variant-numeric: tabular-nums; }
  .zs .udp { --own: var(--udp); } .zs .tcp { --own: var(--tcp); } .zs .ring { --own: var(--ring); }
  .zs .path { fill: none; stroke: var(--own); stroke-width: 2.25; stroke-linejoin: round; }
  .zs .cold .path { stroke-dasharray: 6 5; }
  .zs .interval { stroke: var(--own); stroke-width: 1.5; opacity: 0.45; }
  .zs .mark { fill: var(--own); stroke: var(--own); stroke-width: 2; }
  .zs .cold .mark { fill: var(--paper); }
`;

/** The chart as an SVG document without a script, light or dark like the reader's system. */
export function svgChart(
  series: readonly Series[],
  subtitle: string,
  title = 'What zero copy sends against copying, for the same processor time',
): string {
  const domain = domainOf(series);
  const x = (size: number) =>
    PLOT.left + 24 + place(size, domain.sizes) * (PLOT.right - PLOT.left - 48);
  const y = (gain: number) => PLOT.bottom - place(gain, domain.gains) * (PLOT.bottom - PLOT.top);
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" class="zs" role="img" aria-labelledby="zs-title zs-desc" viewBox="0 0 ${WIDTH} ${HEIGHT}" width="${WIDTH}" height="${HEIGHT}">`,
    `<title id="zs-title">${escaped(title)}</title>`,
    `<desc id="zs-desc">${escaped(descriptionOf(series))}</desc>`,
    `<style>${STYLE}</style>`,
    `<rect width="${WIDTH}" height="${HEIGHT}" fill="var(--paper)"/>`,
    `<text class="title" x="${PLOT.left}" y="34">${escaped(title)}</text>`,
    `<text class="soft" x="${PLOT.left}" y="57">${escaped(subtitle)}</text>`,
    ...axes(series, domain, x, y),
    ...series.map((one, i) => {
      // Series are shifted sideways, or intervals at the same size would cover each other.
      const aside = (i - (series.length - 1) / 2) * 4;
      return line(one, (size) => x(size) + aside, y);
    }),
    ...legend(series),
    '</svg>',
    '',
  ].join('\n');
}

type Scale = (value: number) => number;

function axes(series: readonly Series[], domain: Domain, x: Scale, y: Scale): string[] {
  const { left, right, top, bottom } = PLOT;
  const even = y(1);
  const sizes = [...new Set(series.flatMap(({ points }) => points.map(({ size }) => size)))];
  return [
    `<rect x="${left}" y="${round(even)}" width="${right - left}" height="${round(bottom - even)}" fill="var(--worse)"/>`,
    ...domain.ticks.map(
      (tick) =>
        `<line class="${tick === 1 ? 'even' : 'grid'}" x1="${left}" x2="${right}" y1="${round(y(tick))}" y2="${round(y(tick))}"/>` +
        `<text class="soft number" text-anchor="end" x="${left - 10}" y="${round(y(tick) + 5)}">${tick}×</text>`,
    ),
    `<text class="soft" text-anchor="end" x="${right - 8}" y="${top + 16}">zero copy sends more</text>`,
    `<text class="soft" text-anchor="end" x="${right - 8}" y="${bottom - 10}">copying sends more</text>`,
    ...spaced(sizes, x).map(
      (size) =>
        `<text class="soft number" text-anchor="middle" x="${round(x(size))}" y="${bottom + 22}">${showSize(size)}</text>`,
    ),
  ];
}

/**
 * The sizes that get a label: of two whose labels would touch, such as 65,000 B and 64 KB, only
 * one.
 */
function spaced(sizes: readonly number[], x: Scale): number[] {
  const shown: number[] = [];
  for (const size of [...sizes].sort((a, b) => a - b)) {
    const last = shown.at(-1);
    if (last === undefined || x(size) - x(last) >= 54) shown.push(size);
  }
  return shown;
}

function line({ mechanism, memory, label, points }: Series, x: Scale, y: Scale): string {
  const path = points.map(
    ({ size, gain }, i) => `${i === 0 ? 'M' : 'L'}${round(x(size))} ${round(y(gain.median))}`,
  );
  const intervals = points.map(
    ({ size, gain: { low, high } }) =>
      `<line class="interval" x1="${round(x(size))}" x2="${round(x(size))}" y1="${round(y(low))}" y2="${round(y(high))}"/>`,
  );
  const marks = points.map(
    ({ size, gain: { median, low, high } }) =>
      `<g>${markAt(mechanism, x(size), y(median))}<title>${escaped(
        `${label}, ${showSize(size)}: ${times(median)} (${times(low)} to ${times(high)})`,
      )}</title></g>`,
  );
  return [
    `<g class="${mechanism} ${memory}">`,
    ...intervals,
    `<path class="path" d="${path.join('')}"/>`,
    ...marks,
    '</g>',
  ].join('\n');
}

function markAt(mechanism: Series['mechanism'], x: number, y: number): string {
  const [cx, cy] = [round(x), round(y)];
  if (mechanism === 'udp') return `<circle class="mark" cx="${cx}" cy="${cy}" r="4.5"/>`;
  if (mechanism === 'tcp') {
    return `<rect class="mark" x="${round(x - 4)}" y="${round(y - 4)}" width="8" height="8"/>`;
  }
  return `<path class="mark" d="M${cx} ${round(y - 5.5)}l5 9h-10z"/>`;
}

/** A column for each mechanism, hot above cold. */
function legend(series: readonly Series[]): string[] {
  const mechanisms = [...new Set(series.map(({ mechanism }) => mechanism))];
  return series.map(({ mechanism, memory, label }) => {
    const x = PLOT.left + mechanisms.indexOf(mechanism) * 210;
    const y = HEIGHT - (memory === 'hot' ? 54 : 28);
    return (
      `<g class="${mechanism} ${memory}"><path class="path" d="M${x} ${y}h34"/>` +
      `${markAt(mechanism, x + 17, y)}<text x="${x + 44}" y="${y + 5}">${escaped(label)}</text></g>`
    );
  });
}

function descriptionOf(series: readonly Series[]): string {
  return series
    .map(({ label, points }) => {
      const all = points.map(({ size, gain }) => `${showSize(size)}: ${times(gain.median)}`);
      return `${label}: ${all.join(', ')}`;
    })
    .join('. ');
}

const times = (gain: number) => `${gain.toFixed(2)}×`;
const round = (value: number) => Math.round(value * 10) / 10;

const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
};

function escaped(text: string): string {
  return text.replace(/[&<>"]/g, (character) => ENTITIES[character] ?? character);
}
