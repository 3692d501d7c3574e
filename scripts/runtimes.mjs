// @ts-check
// node scripts/runtimes.mjs              the examples on Bun and Deno, which come from the npm registry
// node scripts/runtimes.mjs deno         on one of them only
//
// Examples that docs/guides/runtimes.md lists as not working have to fail, or that document would
// be wrong. The last line is "N passed, N failed".
import { execFile } from 'node:child_process';
import { existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { root } from './support/files.mjs';

const run = promisify(execFile);

const EXAMPLES = [
  ['shortest.mjs'],
  ['udp-generator.mjs', '--seconds', '1'],
  ['tcp-sender.mjs'],
  ['fan-out.mjs'],
  ['answers.mjs'],
  ['workers.mjs', '--seconds', '0.5'],
  ['udp-flood.mjs', '--seconds', '1'],
  ['replay.mjs'],
];

/** @type {Record<string, { package: string, program: string, args: string[], not: string[] }>} */
const RUNTIMES = {
  bun: { package: '@oven/bun-linux-x64@1.4.5', program: 'bin/bun', args: [], not: [] },
  deno: {
    package: '@deno/linux-x64-glibc@2.9.6',
    program: 'deno',
    args: ['run', '-A'],
    not: ['answers.mjs', 'udp-flood.mjs'],
  },
};

/** The program of a runtime, installed where it is not yet. */
async function program(/** @type {string} */ name) {
  const runtime = RUNTIMES[name];
  if (runtime === undefined) throw new Error(`no such runtime: ${name}`);
  const folder = join(root, 'build/runtimes', name);
  const [, scope = ''] = runtime.package.match(/^(@[^@]+)@/) ?? [];
  const file = join(folder, 'node_modules', scope, runtime.program);
  if (!existsSync(file)) {
    mkdirSync(folder, { recursive: true });
    const options = ['--no-save', '--ignore-scripts', '--prefix', folder];
    await run('npm', ['install', ...options, runtime.package], { cwd: folder });
  }
  return { ...runtime, file };
}

const counts = { passed: 0, failed: 0 };
const names = process.argv.length > 2 ? process.argv.slice(2) : Object.keys(RUNTIMES);
for (const name of names) {
  const { file, args, not } = await program(name);
  for (const [example = '', ...rest] of EXAMPLES) {
    const command = [...args, join(root, 'examples', example), ...rest];
    const works = await run(file, command, { cwd: root, timeout: 30_000 }).then(
      ({ stdout }) => stdout !== '' && !stdout.startsWith('not run'),
      () => false,
    );
    const isRight = works !== not.includes(example);
    counts[isRight ? 'passed' : 'failed']++;
    const what = works ? 'works' : 'does not work';
    console.log(`${name} ${example}: ${what}${isRight ? '' : ', which is not what is known'}`);
  }
}
console.log(`${counts.passed} passed, ${counts.failed} failed`);
if (counts.failed > 0) process.exitCode = 1;
