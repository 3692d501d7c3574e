import { configDefaults, defineConfig, type TestProjectConfiguration } from 'vitest/config';
import { alonePool } from './test/support/alone-pool.js';

/** What changes interfaces and routes under its sockets: see test/support/alone-pool.ts. */
const ALONE = [
  'test/behaviour/examples/session.test.ts',
  'test/behaviour/generator/{generate,mix,replay,varying,workers}.test.ts',
  'test/behaviour/input/udp-limits.test.ts',
  'test/behaviour/interfaces/*.test.ts',
  'test/behaviour/sending/{error-details,groups-and-marks,interfaces}.test.ts',
  'test/faults/{last-frame,late-refusals,overtaking,phantom,timestamps,timestamps-counted,too-big,wrap}.test.ts',
  'test/truth/{leases,parts,route-change}.test.ts',
];

/**
 * These run once more with sockets that the submission thread serves; all do with
 * ZEROSEND_TEST_SUBMIT=thread, as `npm run test:thread` sets it.
 */
const BY_THREAD = [
  'test/behaviour/generator/pool-shares.test.ts',
  'test/behaviour/lifecycle/{close,peer}.test.ts',
  'test/behaviour/sending/{backpressure,connect,ids,many-sockets,runs,sockmap,split-sends,waiting}.test.ts',
  'test/faults/{closing,no-room,parts,reap,send-errors,short-sends}.test.ts',
  'test/native/stress/drain.test.ts',
];
const BY_THREAD_SETUP = 'test/support/submit-by-thread.ts';
const BY_THREAD_PROJECT = {
  extends: true,
  test: {
    name: 'thread',
    include: [...BY_THREAD],
    setupFiles: [BY_THREAD_SETUP],
    env: { ZEROSEND_TEST_SUBMIT: 'thread' },
    pool: 'forks',
  },
} satisfies TestProjectConfiguration;
const allByThread = process.env.ZEROSEND_TEST_SUBMIT === 'thread';

export default defineConfig({
  test: {
    execArgv: ['--expose-gc'],
    // One file at a time: tests wait for real sockets, poller threads and receiver processes,
    // and two files that compete for the cores would make each other's timing meaningless.
    fileParallelism: false,
    setupFiles: allByThread ? [BY_THREAD_SETUP] : [],
    testTimeout: 30_000,
    hookTimeout: 30_000,
    // A second, which is the default, is not enough where other work keeps the processors busy.
    expect: { poll: { timeout: 15_000 } },
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
      ...(allByThread ? [] : [BY_THREAD_PROJECT]),
    ],
  },
});
