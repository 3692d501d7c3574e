import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { needsRig, rigUp } from '../rig/needs.js';
import { isRoot, needs } from '../support/requirements.js';
import { Inside } from './inside.js';

// Where the limit is very high, as many slots would be too many: the library is told of a lower one.
const limit = Math.min(65_530, Number(readFileSync('/proc/sys/vm/max_map_count', 'utf8')));
const PAIRS = Math.ceil(limit / 8) + 2000; // slots with two mappings each that a quarter is too few for

// So many sends in flight pin more than RLIMIT_MEMLOCK allows a user.
const place = { ...(await needsRig('sink')), ...needs(isRoot(), 'root, for CAP_IPC_LOCK') };

describe('thousands of slots that are given up', place, () => {
  it('leave three quarters of its mappings to the process', { timeout: 60_000 }, async () => {
    const rate = { rate: '64kbit', burst: '4kb', limit: '900mb' } as never;
    const rig = await rigUp('sink', { rate, optmem: 16 << 20 });
    const size = { count: 2 * PAIRS, each: 1000 };
    const program = new Inside(
      rig,
      'many-slots',
      { address: '198.18.0.9', limit, ...size },
      { testBuild: true, node: ['--no-warnings'] },
    );
    const { scattered, room, warnings } = (await program.report()) as unknown as {
      scattered: Record<string, number>;
      room: number;
      warnings: Record<string, number>;
    };
    expect(scattered.revoked).toBeGreaterThan(PAIRS - 100);
    expect(scattered.added).toBeGreaterThan(limit / 5);
    expect(scattered.added).toBeLessThan(limit / 4 + 1000);
    expect(scattered.retired).toBeGreaterThan(1000);
    expect(scattered).toMatchObject({
      free: size.count - (scattered.retired ?? 0),
      acquired: 0,
      inFlight: 0,
    });
    expect(room).toBe(100);
    expect(warnings).toEqual({ ZEROSEND_BUFFERS_RETIRED: 1 });
  });
});
