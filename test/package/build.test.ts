// Building from source: where the package is installed, and by installing it from git.
import { existsSync, mkdirSync, rmSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it, vi } from 'vitest';
import { everything, packed, root } from './support/packed.js';
import { Project, QUIET } from './support/project.js';
import { run } from './support/run.js';

vi.setConfig({ testTimeout: 1_800_000 });

const COMMAND = 'node_modules/zerosend/dist/cli/main.js';

it('without a compiler, zerosend build names what is missing, and how to get it', async (context) => {
  const project = new Project();
  await project.install(await packed(context));
  const cwd = project.folder;
  const bin = project.path('bin');
  mkdirSync(bin);
  const build = (PATH: string) => run(process.execPath, [COMMAND, 'build'], { cwd, env: { PATH } });
  const nothing = await build(bin);
  expect(nothing).toMatchObject({ code: 3, stdout: '' });
  expect(nothing.stderr).toContain('needs python3, make, g++: not found');
  expect(nothing.stderr).toContain('apt-get install g++ make python3');
  for (const name of ['python3', 'make']) symlinkSync('/bin/true', join(bin, name));
  expect((await build(bin)).stderr).toContain('needs g++: not found');
  expect(existsSync(project.path('node_modules/zerosend/native/build'))).toBe(false);
});

if (everything) {
  it('zerosend build makes the binary that is loaded from then on', async (context) => {
    const project = new Project();
    await project.install(await packed(context));
    const inside = project.path('node_modules/zerosend');
    rmSync(join(inside, 'prebuilds'), { recursive: true });
    const { stdout } = await project.run('npx', ['zerosend', 'build', '--json']);
    const { binary, configuration } = JSON.parse(stdout);
    expect(configuration).toBe('Release');
    expect(binary).toBe(join(inside, 'build/Release/zerosend.node'));
    expect(existsSync(join(inside, 'native/build'))).toBe(false);
    await project.sends();
  });

  it('from git it is built, and has the binary for this system', async () => {
    const project = new Project();
    const { stdout } = await run('git', ['rev-parse', 'HEAD'], { cwd: root });
    await project.run('npm', ['install', ...QUIET, `git+file://${root}#${stdout.trim()}`]);
    expect(existsSync(project.path('node_modules/zerosend/build'))).toBe(false);
    await project.sends();
  });
}
