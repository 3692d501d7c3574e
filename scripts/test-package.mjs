// @ts-check
// npm run test:package       the tests of the packed file, all of them: also what `npm test` leaves to
//                            this for its time, the binaries for arm64 and what is built from git
//
// Builds the binaries of all targets first, outside of the tests: that takes as long as the machine is busy.
// The last line is "N passed, N failed, N skipped".
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { root } from './support/files.mjs';

const NO_COMPILER = 3; // of scripts/prebuild.mjs: tests are skipped then, with its reason
const { status } = spawnSync(process.execPath, [join(root, 'scripts/prebuild.mjs')], {
  cwd: root,
  stdio: 'inherit',
});
if (status !== 0 && status !== NO_COMPILER) process.exit(status ?? 1);

process.env.ZEROSEND_PACKAGE = 'all';
process.argv.push('test/package');
await import('./test.mjs');
