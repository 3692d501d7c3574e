import { MEMORIES, type Memory, PROTOCOLS, type Protocol, type Result } from './measurements.js';
import type { Summary } from './statistics.js';

/** One line of the chart: what zero copy gains over copying, by size. */
export interface Series {
  readonly mechanism: Protocol | 'ring';
  readonly memory: Memory;
  readonly label: string;
  readonly points: readonly { readonly size: number; readonly gain: Summary }[];
}

const LABELS = { udp: 'UDP', tcp: 'TCP', ring: 'transmit ring' } as const;

export function seriesOf(results: readonly Result[]): Series[] {
  const kinds = [
    ...PROTOCOLS.map((protocol) => ({ protocol, way: 'zerocopy', mechanism: protocol }) as const),
    { protocol: 'udp', way: 'ring', mechanism: 'ring' } as const,
  ];
  return kinds.flatMap(({ protocol, way, mechanism }) =>
    MEMORIES.flatMap((memory) => {
      const points = results
        .filter((r) => r.protocol === protocol && r.way === way && r.memory === memory)
        .flatMap(({ size, gain }) => (gain === null ? [] : { size, gain }))
        .sort((a, b) => a.size - b.size);
      const label = `${LABELS[mechanism]}, ${memory}`;
      return points.length === 0 ? [] : { mechanism, memory, label, points };
    }),
  );
}

/**
 * The ranges of the axes. Both are logarithmic, so twice and half of a value have the same distance
 * from it.
 */
export interface Domain {
  readonly sizes: readonly [number, number];
  readonly gains: readonly [number, number];
  /** gains that are labelled: 0.5, 1, 2, … */
  readonly ticks: readonly number[];
}

export function domainOf(series: readonly Series[]): Domain {
  const points = series.flatMap((one) => one.points);
  const sizes = points.map(({ size }) => size);
  const gains = points.map(({ gain }) => gain.median);
  const ticks = [0.25, 0.5, 0.7, 1, 1.5, 2, 3, 4, 6, 8, 16];
  const low = Math.max(0.2, Math.min(0.7, ...gains) * 0.95);
  const high = Math.min(20, Math.max(1.5, ...gains) * 1.05);
  return {
    sizes: [Math.min(...sizes), Math.max(...sizes)],
    gains: [low, high],
    ticks: ticks.filter((tick) => tick >= low && tick <= high),
  };
}

/**
 * The position of a value in a range, 0 to 1, logarithmically. In a range of one value it is the
 * middle.
 */
export function place(value: number, [low, high]: readonly [number, number]): number {
  if (high <= low) return 0.5;
  const share = Math.log(value / low) / Math.log(high / low);
  return Math.min(1, Math.max(0, share));
}
