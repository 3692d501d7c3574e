import { expect } from 'vitest';
import type { BufferPoolStats, CloseReport, CompletionRange, SocketStats } from 'zerosend';

interface Census {
  heap: number;
  resident: number;
  descriptors: number;
  threads: number;
}

/** What programs say of their sockets at their end; see Books in programs/support.mjs. */
export interface Report {
  ids: number;
  missing: number;
  twice: number;
  unknown: number;
  ranges: number;
  /** Ranges that completed after later ones. */
  late: number;
  inFlight: number;
  how: Partial<Record<CompletionRange['how'], number>>;
  stats: SocketStats;
  pool: BufferPoolStats;
  closed: CloseReport;
  errors: string[];
  bytes: number;
  datagrams: number;
  seconds: number;
  /** How often the sender waited for room in the kernel; not of every program. */
  drains: number;
  middle: Census;
  end: Census;
}

/** Asserts that every id completed exactly once, by every account, and that all buffers are back. */
export function expectBalanced(report: Report): void {
  const { ids, pool } = report;
  expect(ids).toBeGreaterThan(0);
  expect(report).toMatchObject({ missing: 0, twice: 0, unknown: 0, inFlight: 0 });
  const ended = Object.values(report.how).reduce((sum, count) => sum + count, 0);
  expect(ended).toBe(ids);
  expect(report.stats).toMatchObject({
    sends: ids,
    completed: ids,
    inFlight: 0,
    duplicateIds: 0,
    unknownIds: 0,
  });
  expect(pool).toMatchObject({ free: pool.count, acquired: 0, inFlight: 0, retired: 0 });
}

const MB = 2 ** 20;

/** Asserts that the process weighs at its end what it weighed after a quarter of its work. */
export function expectConstant({ middle, end }: Report): void {
  const { descriptors, threads } = middle;
  expect(end).toMatchObject({ descriptors, threads });
  expect(end.heap - middle.heap).toBeLessThan(4 * MB);
  expect(end.resident - middle.resident).toBeLessThan(24 * MB);
}
