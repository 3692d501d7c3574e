import { execFileSync } from 'node:child_process';
import { cpSync, mkdirSync, readdirSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it, vi } from 'vitest';
import { folderOfTest } from '../../support/folders.js';
import { root, runNode } from './children.js';

// Much to compute, or many programs to run: beside other load that takes its time.
vi.setConfig({ testTimeout: 180_000 });

// README offers the packed file; so it has to hold all that its install script and its importers need.
it('the packed file has what it is built from, and is imported by its names', async () => {
  const folder = folderOfTest();
  // Not as `npm pack` by itself: its prepack would start the build that has made what is tested here.
  const packed = execFileSync(
    'npm',
    ['pack', '--json', '--ignore-scripts', '--pack-destination', folder],
    { cwd: root, encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] },
  );
  const [{ filename, files }] = JSON.parse(packed);
  const names: string[] = files.map(({ path }: { path: string }) => path);
  const sources = readdirSync(join(root, 'native'), { recursive: true, encoding: 'utf8' });
  expect(sources.length).toBeGreaterThan(50);
  for (const source of sources) {
    if (/\.(cc|h)$/.test(source) && !/^(testing|build)\//.test(source)) {
      expect(names).toContain(`native/${source}`);
    }
  }
  expect(names).toEqual(
    expect.arrayContaining(['native/binding.gyp', 'LICENSE', 'dist/index.d.ts']),
  );
  expect(
    names.filter((name) =>
      /^(test|bench|scripts|(native\/)?build|node_modules)\/|^binding\.gyp$/.test(name),
    ),
  ).toEqual([]);

  const home = join(folder, 'node_modules');
  mkdirSync(home);
  execFileSync('tar', ['-xzf', join(folder, filename), '-C', home]);
  cpSync(join(home, 'package'), join(home, 'zerosend'), { recursive: true });
  cpSync(
    join(root, 'build/Release/zerosend.node'),
    join(home, 'zerosend/build/Release/zerosend.node'),
  );
  for (const name of ['eventemitter3', 'p-queue', 'p-timeout']) {
    symlinkSync(join(root, 'node_modules', name), join(home, name));
  }
  const code = `import { UdpSocket } from 'zerosend'; import { generate } from 'zerosend/generator';
    console.log(typeof UdpSocket.open, typeof generate);`;
  const ended = await runNode(['--input-type=module', '-e', code], { cwd: folder });
  expect(ended).toMatchObject({ code: 0, stdout: 'function function\n', stderr: '' });
});
