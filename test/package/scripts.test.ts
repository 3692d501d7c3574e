// What npm makes of the scripts of package.json.

import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { expect, it } from 'vitest';
import { root } from './support/packed.js';
import { Project } from './support/project.js';

it('prebuild by its name is asked for, and before build it is not', async () => {
  const hook = pathToFileURL(join(root, 'scripts/prebuild/hook.mjs')).href;
  const project = new Project({
    'package.json': JSON.stringify({
      private: true,
      scripts: { prebuild: 'node told.mjs', build: 'node -p "1"', prepack: 'node told.mjs' },
    }),
    'told.mjs': `import { isHookOf } from '${hook}'; console.log(isHookOf('build'));`,
  });
  const run = async (...args: string[]) => (await project.run('npm', args)).stdout;
  expect(await run('run', '--silent', 'build')).toBe('true\n1\n');
  expect(await run('run', 'prebuild', '--silent')).toBe('false\n');
  expect(await run('run-script', '-s', 'prebuild', '--', '--target', 'build')).toBe('false\n');
  expect(await run('run', '-s', 'prepack')).toBe('false\n');
});
