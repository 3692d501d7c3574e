import { readdirSync, readFileSync } from 'node:fs';
import { expect, it } from 'vitest';

const root = new URL('../../../', import.meta.url);
// A time of the wall clock is what a timestamp is, and what a capture or a report says.
const MAY_ASK = [
  'native/kernel/timestamping.cc',
  'lib/cli/live/monitor.ts',
  'lib/generator/writing/write-capture.ts',
  'lib/generator/writing/write-options.ts',
  'scripts/changelog.mjs',
];
const WALL_CLOCK =
  /\bDate\.now\b|\bnew Date\(\)|\bgettimeofday\b|\btime\((nullptr|NULL|0)\)|\bsystem_clock\b|\bCLOCK_REALTIME\w*\)|\bpthread_cond_timedwait\b|\bsem_timedwait\b|\b(wait|try_lock)_until\b/;

it('nothing waits by the wall clock, which may be stepped meanwhile', () => {
  const asks = ['lib', 'native', 'scripts'].flatMap((folder) =>
    readdirSync(new URL(`${folder}/`, root), { recursive: true, encoding: 'utf8' })
      .map((name) => `${folder}/${name}`)
      .filter((file) => /\.(ts|mjs|js|cc|h)$/.test(file))
      .filter((file) => WALL_CLOCK.test(readFileSync(new URL(file, root), 'utf8'))),
  );
  expect(asks.filter((file) => !MAY_ASK.includes(file))).toEqual([]);
  expect(asks).toContain('native/kernel/timestamping.cc'); // what it looks for is found
});
