import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { TestContext } from 'vitest';
import { needsHere } from '../../support/requirements.js';
import { root } from './packed.js';
import { run } from './run.js';

/**
 * The folder of a package that only a test needs, brought by npm into build/tools and kept there. Where
 * npm cannot bring it, the test is skipped.
 */
export async function registryTool(
  context: TestContext,
  name: string,
  version: string,
): Promise<string> {
  const folder = join(root, 'build/tools', `${name.replace('/', '+')}@${version}`);
  const done = join(folder, 'complete');
  if (!existsSync(done)) {
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, 'package.json'), '{ "private": true }');
    // Also what is for another processor, or C library.
    const options = ['--ignore-scripts', '--no-audit', '--no-fund', '--force'];
    const install = ['install', ...options, `${name}@${version}`];
    const { code, stderr } = await run('npm', install, { cwd: folder });
    const why = stderr.trim().split('\n').slice(-2).join(' ');
    needsHere(context, code === 0, `${name}@${version} from the registry: ${why}`);
    writeFileSync(done, '');
  }
  return join(folder, 'node_modules', name);
}
