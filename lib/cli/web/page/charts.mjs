// The charts. See page.mjs for how this file gets into the page.
import { bits, count, share, time } from '../../base/format.js';
import { orNone, passed } from './text.mjs';

const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
/** Labels of the time axis. */
const tickOf = (seconds) =>
  seconds < 60 ? `${Number(seconds.toFixed(1))} s` : passed(seconds).replace(/ min$/, '');

/** The charts and their lines, by the names of columns.ts. */
export const CHARTS = [
  {
    name: 'Throughput',
    wide: true,
    show: bits,
    lines: [{ column: 'bitsPerSecond', name: 'sent', tint: 'blue', fill: true }],
  },
  {
    name: 'How ids completed',
    show: share,
    range: [0, 1],
    lines: [
      { column: 'zerocopy', name: 'without a copy', tint: 'green' },
      { column: 'copied', name: 'copied by the kernel', tint: 'orange', dash: [7, 4] },
      { column: 'inline', name: 'inline', tint: 'blue', dash: [2, 3] },
    ],
  },
  {
    name: 'Latency of completion',
    show: time,
    log: true,
    missing: 'This run does not measure latency.',
    lines: [
      { column: 'p50', name: 'p50', tint: 'green' },
      { column: 'p99', name: 'p99', tint: 'orange', dash: [7, 4] },
      { column: 'max', name: 'max', tint: 'red', dash: [2, 3] },
    ],
  },
  {
    name: 'Ids in flight',
    show: count,
    lines: [
      { column: 'inFlight', name: 'in flight', tint: 'blue', fill: true },
      { column: 'late', name: 'late', tint: 'red', dash: [7, 4] },
    ],
  },
  {
    name: 'Buffers of the pool',
    show: count,
    missing: 'There is no pool to look at: other threads send, or none.',
    lines: [
      { column: 'poolFree', name: 'free', tint: 'green' },
      { column: 'poolInFlight', name: 'in flight', tint: 'blue', dash: [7, 4] },
      { column: 'poolAcquired', name: 'acquired', tint: 'orange', dash: [2, 3] },
    ],
  },
];

export const COLUMNS = [
  'seconds',
  ...CHARTS.flatMap(({ lines }) => lines.map(({ column }) => column)),
];

/** One chart: a caption with the values of the moment that is looked at, and the lines below it. */
export class Chart {
  constructor(description, parent) {
    this.description = description;
    this.figure = document.createElement('figure');
    if (description.wide) this.figure.className = 'wide';
    const caption = document.createElement('figcaption');
    const title = document.createElement('strong');
    title.textContent = description.name;
    const series = document.createElement('span');
    series.className = 'series';
    this.values = description.lines.map(({ name, tint, dash }) => {
      const entry = document.createElement('span');
      entry.className = tint;
      const line = document.createElement('i');
      if (dash) line.className = dash[0] < dash[1] ? 'dotted' : 'dashed';
      const value = document.createElement('b');
      value.textContent = '–';
      entry.append(line, `${name} `, value);
      series.append(entry);
      return value;
    });
    caption.append(title, series);
    this.place = document.createElement('div');
    this.place.className = 'plot';
    this.place.tabIndex = 0;
    this.place.setAttribute('role', 'img');
    this.place.setAttribute('aria-describedby', 'keys');
    this.place.addEventListener('keydown', (event) => this.onKey(event));
    this.place.addEventListener('blur', () => this.leave());
    this.figure.append(caption, this.place);
    parent.append(this.figure);
    new ResizeObserver(() => this.resize()).observe(this.place);
  }

  /** @param columns all columns; the arrays are the same at each call, and grow */
  draw(columns) {
    this.columns = columns;
    const { lines, missing } = this.description;
    const known = lines.some(({ column }) => columns[column].some((value) => value !== null));
    if (known || missing === undefined) {
      this.uplot ??= this.create();
      this.uplot.setData([columns.seconds, ...lines.map(({ column }) => columns[column])]);
    } else if (this.uplot === undefined && this.place.childElementCount === 0) {
      const text = document.createElement('p');
      text.textContent = missing;
      this.place.append(text);
    }
    this.showValues();
  }

  create() {
    this.place.replaceChildren();
    const { lines, show, range, log } = this.description;
    const axis = {
      stroke: () => colour('--soft'),
      grid: { stroke: () => colour('--grid'), width: 1 },
      ticks: { show: false },
      font: '12px system-ui, sans-serif',
    };
    const options = {
      width: this.place.clientWidth,
      height: this.place.clientHeight,
      legend: { show: false },
      cursor: { sync: { key: 'zerosend' }, drag: { x: false, y: false }, points: { size: 7 } },
      scales: {
        x: { time: false, range: (_, low, high) => [low, Math.max(high, low + 1)] },
        y: log
          ? { distr: 3, range: (_, low, high) => logRange(low, high) }
          : {
              range: range ?? ((_, low, high) => [0, low === null || high <= 0 ? 1 : high * 1.08]),
            },
      },
      axes: [
        { ...axis, size: 26, gap: 4, space: 56, values: (_, ticks) => ticks.map(tickOf) },
        {
          ...axis,
          ...(log && { grid: { ...axis.grid, filter: decades }, filter: decades }),
          size: 74,
          gap: 6,
          space: 34,
          values: (_, ticks) => ticks.map((tick) => (tick === null ? '' : labelOf(show, tick))),
        },
      ],
      series: [
        {},
        ...lines.map(({ tint, dash, fill }) => ({
          stroke: () => colour(`--${tint}`),
          ...(fill && { fill: () => colour('--fill') }),
          width: 2,
          ...(dash && { dash }),
          points: { show: false },
        })),
      ],
      hooks: { setCursor: [() => this.showValues()] },
    };
    return new uPlot(options, [[], ...lines.map(() => [])], this.place);
  }

  /** The values below the cursor, or the latest ones. */
  showValues() {
    const { columns } = this;
    if (columns === undefined) return;
    const last = columns.seconds.length - 1;
    const at = this.uplot?.cursor.idx ?? last;
    const { lines, show, name } = this.description;
    const texts = lines.map(({ column }) => orNone(show)(columns[column][at]));
    for (const [i, text] of texts.entries()) this.values[i].textContent = text;
    const moment = at === last ? 'now' : `at ${passed(columns.seconds[at] ?? 0)}`;
    const all = lines.map((line, i) => `${line.name} ${texts[i]}`);
    this.place.setAttribute('aria-label', `${name}, ${moment}: ${all.join(', ')}`);
  }

  onKey(event) {
    const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (event.key === 'Escape') this.leave();
    if (step === undefined || this.uplot === undefined) return;
    event.preventDefault();
    const { seconds } = this.columns;
    const stride = Math.max(1, Math.round(seconds.length / 60));
    const from = this.uplot.cursor.idx ?? seconds.length - 1;
    const at = Math.min(seconds.length - 1, Math.max(0, from + step * stride));
    // A rounding error must not put the cursor left of the first point.
    const left = Math.max(0, this.uplot.valToPos(seconds[at], 'x'));
    this.uplot.setCursor({ left, top: this.uplot.bbox.height / 2 / devicePixelRatio }, true);
  }

  leave() {
    this.uplot?.setCursor({ left: -10, top: -10 }, true);
  }

  resize() {
    const { clientWidth: width, clientHeight: height } = this.place;
    if (this.uplot && width > 0) this.uplot.setSize({ width, height });
  }

  /** Reads the colours again. */
  recolour() {
    this.uplot?.redraw(true, true);
  }
}

/** Draws only 1, 10, 100, … on a logarithmic axis, since lines at 2, 3, 4, … would be too dense. */
const decades = (_, ticks) =>
  ticks.map((tick) => (Number.isInteger(Math.log10(tick)) ? tick : null));

function logRange(low, high) {
  if (low === null || !(low > 0)) return [0.1, 10];
  return [10 ** Math.floor(Math.log10(low)), 10 ** Math.ceil(Math.log10(high * 1.01))];
}

function labelOf(show, tick) {
  if (show === count && !Number.isInteger(tick)) return ''; // ids and buffers are whole numbers
  return show(tick).replace(/\.0+(?=\D|$)/, '');
}
