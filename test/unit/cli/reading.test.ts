// The last reading of a run, which its report and its last look make together.
import { describe, expect, it } from 'vitest';
import { lastReading, type RunReport } from '../../../lib/cli/live/reading.js';
import type { Reading } from '../../../lib/cli/live/snapshot.js';

const pool = { total: 8, free: 3, acquired: 1, inFlight: 4, waiting: 0, dry: 2 };
const report: RunReport = {
  packets: 10,
  bytes: 1000,
  seconds: 1,
  sends: 10,
  unfinished: 0,
  interfaceDropped: 0,
  outcomes: { zerocopy: 10, copied: 0, inline: 0, revoked: 0, failed: 0 },
  latency: null,
};

describe('the last reading', () => {
  it('has the buffers back that were in flight, when all has completed', () => {
    const last = { pool } as Reading;
    expect(lastReading(report, last).pool).toEqual({ ...pool, free: 7, inFlight: 0 });
    expect(lastReading({ ...report, unfinished: 2 }, last).pool).toEqual(pool);
  });

  it('knows of no pool where there was none', () => {
    expect(lastReading(report, null).pool).toBeNull();
    expect(lastReading(report, { pool: null } as Reading).pool).toBeNull();
  });
});
