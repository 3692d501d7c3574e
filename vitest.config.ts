import { configDefaults, defineConfig } from 'vitest/config';
import { alonePool } from './test/support/alone-pool.js';

/** What changes interfaces and routes under its sockets: see test/support/alone-pool.ts. */
const ALONE = [
  'test/behaviour/examples/session.test.ts',
  'test/behaviour/generator/{generate,mix,replay,varying,workers}.test.ts',
  'test/behaviour/input/udp-limits.test.ts',
  'test/behaviour/interfaces/*.test.ts',
  'test/behaviour/sending/{error-details,groups-and-marks,interfaces}.test.ts',
  'test/faults/{late-refusals,phantom,timestamps,timestamps-counted,too-big,wrap}.test.ts',
  'test/truth/{leases,parts,route-change}.test.ts',
];

export default defineConfig({
  test: {
    execArgv: ['--expose-gc'],
    // One file at a time: tests wait for real sockets, poller threads and receiver processes,
    // and two files that compete for the cores would make each other's timing meaningless.
    fileParallelism: false,
    testTimeout: 30_000,
    hookTimeout: 30_000,
    // The package is tested as Node.js loads it, not as vitest would transform it.
    server: { deps: { external: [/\/dist\//] } },
    projects: [
      {
        extends: true,
        test: {
          name: 'tests',
          include: ['test/**/*.test.ts'],
          exclude: [...configDefaults.exclude, ...ALONE],
          // Processes, because a thread cannot have the addon crash alone, nor see its exit.
          pool: 'forks',
        },
      },
      { extends: true, test: { name: 'alone', include: ALONE, pool: alonePool } },
    ],
  },
});
