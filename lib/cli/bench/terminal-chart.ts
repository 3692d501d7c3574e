import type { Terminal } from '../base/terminal.js';
import { domainOf, place, type Series } from './chart.js';
import { showSize } from './format.js';

/**
 * Filled marks stand for hot buffers, hollow ones for cold; so series differ without colour, too.
 */
const MARKS = {
  udp: { hot: '●', cold: '○' },
  tcp: { hot: '■', cold: '□' },
  ring: { hot: '▲', cold: '△' },
} as const;
const PLAIN_MARKS = {
  udp: { hot: 'U', cold: 'u' },
  tcp: { hot: 'T', cold: 't' },
  ring: { hot: 'R', cold: 'r' },
} as const;
const COLOURS = { udp: 'cyan', tcp: 'yellow', ring: 'green' } as const;

const LEFT = 7; // columns of the labels of gains
const HEIGHT = 14;

/** Bits of the dots of a braille character, from its top: left column, right column. */
const DOTS = [
  [0x01, 0x08],
  [0x02, 0x10],
  [0x04, 0x20],
  [0x40, 0x80],
] as const;

type Look = keyof typeof COLOURS;
type Cell = { braille: number; mark: string; look: Look | 'axis' };

/**
 * The chart of what zero copy gains over copying, by size, for a terminal: lines of braille dots,
 * with a mark at each measured size.
 * @param unicode whether characters beyond ASCII can be used; otherwise there are only marks
 */
export function terminalChart(
  series: readonly Series[],
  columns: number,
  colour: Terminal['colour'],
  unicode = true,
): string[] {
  if (series.length === 0) return [];
  const width = Math.max(24, Math.min(84, columns - LEFT - 4));
  const { sizes, gains, ticks } = domainOf(series);
  const grid: Cell[][] = Array.from({ length: HEIGHT }, () =>
    Array.from({ length: width }, () => ({ braille: 0, mark: '', look: 'axis' })),
  );
  const column = (size: number) => place(size, sizes) * (width - 1);
  const row = (gain: number) => (1 - place(gain, gains)) * (HEIGHT - 1);
  const even = Math.round(row(1));
  for (const cell of grid[even] ?? []) cell.mark = unicode ? '┄' : '-';
  if (unicode) for (const one of series) draw(grid, one, column, row);
  for (const { mechanism, memory, points } of series) {
    for (const { size, gain } of points) {
      const cell = grid[Math.round(row(gain.median))]?.[Math.round(column(size))];
      if (cell === undefined) continue;
      cell.mark = (unicode ? MARKS : PLAIN_MARKS)[mechanism][memory];
      cell.look = mechanism;
    }
  }
  const paint = (cell: Cell) => {
    const text =
      cell.braille > 0 && !isMark(cell)
        ? String.fromCodePoint(0x2800 + cell.braille)
        : cell.mark || ' ';
    return cell.look === 'axis' ? colour.dim(text) : colour[COLOURS[cell.look]](text);
  };
  const labels = new Map(ticks.map((tick) => [Math.round(row(tick)), `${tick}x`]));
  labels.set(even, '1x');
  const marks = unicode ? MARKS : PLAIN_MARKS;
  return [
    'What zero copy sends against copying, for the same processor time (1x: as much)',
    ...grid.map(
      (cells, at) =>
        `${(labels.get(at) ?? '').padStart(LEFT - 1)} ${unicode ? '│' : '|'}${cells.map(paint).join('')}`,
    ),
    `${' '.repeat(LEFT)}${unicode ? `└${'─'.repeat(width)}` : `+${'-'.repeat(width)}`}`,
    `${' '.repeat(LEFT + 1)}${axisLabels(series, column, width)}`,
    `${' '.repeat(LEFT + 1)}${series
      .map((s) => colour[COLOURS[s.mechanism]](`${marks[s.mechanism][s.memory]} ${s.label}`))
      .join('   ')}`,
  ];
}

const isMark = ({ look, mark }: Cell) => look !== 'axis' && mark !== '' && mark !== '┄';

/** Draws lines from point to point. A character has two by four dots. */
function draw(
  grid: Cell[][],
  { mechanism, memory, points }: Series,
  column: (size: number) => number,
  row: (gain: number) => number,
): void {
  for (const [i, { size, gain }] of points.entries()) {
    const next = points[i + 1];
    if (next === undefined) break;
    const [x0, y0] = [column(size) * 2, row(gain.median) * 4];
    const [x1, y1] = [column(next.size) * 2, row(next.gain.median) * 4];
    const steps = Math.ceil(Math.max(Math.abs(x1 - x0), Math.abs(y1 - y0)));
    for (let step = 0; step <= steps; step++) {
      if (memory === 'cold' && step % 4 > 1) continue; // dashed
      const x = Math.round(x0 + ((x1 - x0) * step) / Math.max(1, steps));
      const y = Math.round(y0 + ((y1 - y0) * step) / Math.max(1, steps));
      const cell = grid[y >> 2]?.[x >> 1];
      if (cell === undefined) continue;
      cell.braille |= DOTS[y & 3]?.[x & 1] ?? 0;
      cell.look = mechanism;
    }
  }
}

/** The labels of sizes under their columns. A label that would touch its neighbour is left out. */
function axisLabels(
  series: readonly Series[],
  column: (size: number) => number,
  width: number,
): string {
  const sizes = [...new Set(series.flatMap(({ points }) => points.map(({ size }) => size)))];
  let line = '';
  for (const size of sizes.sort((a, b) => a - b)) {
    const label = showSize(size).replace(' ', '');
    const start = Math.min(width - label.length, Math.round(column(size) - label.length / 2));
    if (start < line.length + (line === '' ? 0 : 1)) {
      if (line !== '') continue;
    }
    line = line.padEnd(Math.max(0, start)) + label;
  }
  return line;
}
