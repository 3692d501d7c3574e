import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { TestContext } from 'vitest';
import { needsHere } from '../../support/requirements.js';
import { run } from './run.js';

export const root = fileURLToPath(new URL('../../../', import.meta.url));

/** `npm run test:package`: everything, also what takes longer than `npm test` may. */
export const everything = process.env.ZEROSEND_PACKAGE === 'all';

const TARGETS = ['linux-x64-glibc', 'linux-x64-musl'];
const NO_COMPILER = 3; // of scripts/prebuild.mjs: it cannot be had here

let packing: Promise<{ tarball: string } | { reason: string }> | undefined;

/**
 * The package as it would be published, with binaries of the present sources. Where npm cannot bring
 * the compiler for them, the test is skipped.
 */
export async function packed(context: TestContext): Promise<string> {
  packing ??= pack();
  const made = await packing;
  needsHere(context, 'tarball' in made, 'reason' in made ? made.reason : '');
  return 'tarball' in made ? made.tarball : '';
}

async function pack() {
  const targets = everything ? [] : TARGETS.flatMap((target) => ['--target', target]);
  const built = await run(process.execPath, ['scripts/prebuild.mjs', ...targets], { cwd: root });
  if (built.code === NO_COMPILER) {
    const why = built.stderr.trim().split('\n').slice(-3).join(' ');
    return { reason: `the cross compiler, which npm brings: ${why}` };
  }
  if (built.code !== 0) throw new Error(`npm run prebuild:\n${built.stderr}`);
  const folder = join(root, 'build/package');
  mkdirSync(folder, { recursive: true });
  // Without scripts: what is tested here has been built already.
  const args = ['pack', '--json', '--ignore-scripts', '--pack-destination', folder];
  const { code, stdout, stderr } = await run('npm', args, { cwd: root });
  if (code !== 0) throw new Error(`npm pack: ${stderr}`);
  return { tarball: join(folder, JSON.parse(stdout)[0].filename) };
}
