// @ts-check
// Runs tests of the library on an addon that is built with AddressSanitizer and UBSan, in a copy of
// the checkout, since tests name the addon by its place.
import { spawnSync } from 'node:child_process';
import {
  cpSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { basename, join } from 'node:path';
import { run } from './exec.mjs';
import { root } from './files.mjs';
import { readReport } from './vitest-report.mjs';

const FLAGS = '-fsanitize=address,undefined';

// Tests that use memory in all ways, and do not measure how much of it is in use.
const TESTS = [
  'test/behaviour/input',
  'test/behaviour/sending',
  'test/behaviour/interfaces',
  'test/behaviour/lifecycle',
  'test/faults',
];
const EXCLUDED = [
  'test/behaviour/sending/allocation.test.ts', // the sanitizers keep freed memory back
  'test/behaviour/sending/soak.test.ts', // the same reason
  'test/behaviour/input/no-proc.test.ts', // they need /proc themselves
  'test/behaviour/input/package.test.ts', // packs, installs and loads, and does nothing with memory
  'test/behaviour/input/native-binary.test.ts', // the same reason
];

const ASAN = [
  'abort_on_error=1',
  'disable_coredump=1',
  // Freed memory that is kept back to catch its use; the default of 256 MB would look like a leak
  // to the tests of workers.
  'quarantine_size_mb=16',
];

/**
 * @param {string} tree where the copy goes
 * @returns {Promise<{ passed: number; failed: string[]; skipped: string[] }>} what
 *   the sanitizers have found are failures too
 */
export async function sanitizedNodeTests(tree) {
  const preload = spawnSync(process.env.CXX ?? 'g++', ['-print-file-name=libasan.so']);
  const library = preload.stdout?.toString().trim() ?? '';
  if (!library.startsWith('/')) {
    const reason = 'needs the AddressSanitizer of g++ (libasan)';
    return { passed: 0, failed: [], skipped: [`tests of the library: ${reason}`] };
  }
  copyCheckout(tree);
  // Not by vitest's --exclude, which projects of its configuration do not heed.
  for (const file of EXCLUDED) rmSync(join(tree, file));
  if (!(await build(tree))) {
    return { passed: 0, failed: ['the addon does not compile with the sanitizers'], skipped: [] };
  }

  const reports = join(tree, 'build/reports');
  rmSync(reports, { recursive: true, force: true });
  mkdirSync(reports);
  const result = join(tree, 'build/vitest.json');
  rmSync(result, { force: true });
  // Leaks are looked for in the reports, where those of Node.js itself, which does not give
  // everything back at its end, are told from ours. Other programs are not asked for theirs: it
  // would take their end so long that the tests find their ports in use.
  const log = `log_path=${join(reports, 'report')}`;
  const options = join(tree, 'build/options');
  mkdirSync(options, { recursive: true });
  writeFileSync(join(options, basename(process.execPath)), 'detect_leaks=1');
  const leaks = `detect_leaks=0:include_if_exists=${options}/%b`; // %b: the program's name
  const env = {
    ...process.env,
    LD_PRELOAD: realpathSync(library),
    ASAN_OPTIONS: [...ASAN, log, leaks].join(':'),
    UBSAN_OPTIONS: `abort_on_error=1:print_stacktrace=1:${log}`,
    LSAN_OPTIONS: 'exitcode=0',
  };
  const [command = '', ...before] = [...alone(), process.execPath];
  const { ok, status } = await run(
    command,
    [
      ...before,
      join(tree, 'node_modules/vitest/vitest.mjs'),
      'run',
      '--reporter=default',
      '--reporter=json',
      `--outputFile.json=${result}`,
      // These measure nothing, and wait for each other's instrumented code the longest.
      '--fileParallelism=true',
      '--maxWorkers=2',
      '--testTimeout=120000',
      '--hookTimeout=120000',
      ...TESTS,
    ],
    { cwd: tree, env },
  );
  const counts = readReport(result, tree);
  if (!ok && counts.failed.length === 0) counts.failed.push(`vitest: ${status}`);
  counts.failed.push(...findings(reports));
  return counts;
}

/**
 * What to start a program with so that it has a loopback interface to itself, where that may be:
 * ports on which the tests expect nobody are then nobody's.
 */
function alone() {
  const own = ['unshare', '-n', 'sh', '-c', 'ip link set lo up && exec "$@"', 'sh'];
  const [command = '', ...args] = [...own, 'true'];
  return spawnSync(command, args, { stdio: 'ignore' }).status === 0 ? own : [];
}

/** Everything but build output; the addon's own build stays, as far as its sources have not changed. */
function copyCheckout(/** @type {string} */ tree) {
  mkdirSync(join(tree, 'native'), { recursive: true });
  const left = new Set(['build', 'node_modules', 'prebuilds', 'coverage', '.git']);
  for (const folder of ['.', 'native']) {
    for (const name of readdirSync(join(tree, folder))) {
      if (name === 'build' || name === 'native') continue;
      rmSync(join(tree, folder, name), { recursive: true });
    }
  }
  const objects = join(root, 'native/build');
  for (const name of readdirSync(root)) {
    if (left.has(name)) continue;
    const options = { recursive: true, preserveTimestamps: true };
    const filter = (/** @type {string} */ path) => path !== objects;
    cpSync(join(root, name), join(tree, name), { ...options, filter });
  }
  symlinkSync(join(root, 'node_modules'), join(tree, 'node_modules'));
}

/** Builds the addon, and the one with the test hooks. */
async function build(/** @type {string} */ tree) {
  const { ok, output } = await run(
    process.execPath,
    [join(tree, 'dist/cli/main.js'), 'build', '--incremental'],
    {
      env: {
        ...process.env,
        CXXFLAGS: `${FLAGS} -fno-sanitize-recover=undefined -fno-omit-frame-pointer -g1`,
        LDFLAGS: FLAGS,
      },
      capture: true,
    },
  );
  if (!ok) process.stdout.write(output);
  return ok;
}

/** The first line of each finding; the whole of it is printed. */
function findings(/** @type {string} */ folder) {
  const found = [];
  for (const file of readdirSync(folder)) {
    const text = readFileSync(join(folder, file), 'utf8');
    if (!/ERROR: |runtime error: /.test(text)) continue; // a remark
    const parts = text.includes('LeakSanitizer')
      ? text.split(/^(?=(?:Direct|Indirect) leak of)/m).filter(isOurs)
      : [text];
    for (const part of parts) {
      console.log(`\n${part.trim()}`);
      found.push(part.match(/.*(?:ERROR|runtime error|leak of).*/)?.[0] ?? file);
    }
  }
  return found;
}

/**
 * Whether the addon's code has a part in an allocation that was not given back. V8 allocates for
 * itself whenever it is called, and does not clean up when the process ends by exit().
 */
function isOurs(/** @type {string} */ leak) {
  if (!/^(?:Direct|Indirect) leak/.test(leak)) return false;
  const frames = leak.split('\n');
  const ours = frames.findIndex((frame) =>
    /\/native\/(?:core|kernel|sockets|threads|node|testing)\//.test(frame),
  );
  return ours >= 0 && !frames.slice(0, ours).some((frame) => frame.includes(' v8::internal::'));
}
