import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    // Processes, because a thread cannot have the addon crash alone, nor see its exit.
    pool: 'forks',
    execArgv: ['--expose-gc'],
    // One file at a time: tests wait for real sockets, poller threads and receiver processes,
    // and two files that compete for the cores would make each other's timing meaningless.
    fileParallelism: false,
    testTimeout: 30_000,
    hookTimeout: 30_000,
    // The package is tested as Node.js loads it, not as vitest would transform it.
    server: { deps: { external: [/\/dist\//] } },
  },
});
