// The packed file as its users install it, by each way there is.
import { existsSync, mkdirSync, readFileSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it, vi } from 'vitest';
import { canMakeNamespaces, needsHere } from '../support/requirements.js';
import { packed } from './support/packed.js';
import { complaintsOf, Project, QUIET } from './support/project.js';
import { registryTool } from './support/tools.js';

// The first test has the binaries built.
vi.setConfig({ testTimeout: 1_800_000 });

const OWN_NAMESPACE = ['unshare', '-Urn', 'sh', '-c', 'ip link set lo up && exec "$@"', 'sh'];

it('npm, in an empty folder: nothing is compiled or run, and the program sends', async (context) => {
  const project = new Project();
  await project.install(await packed(context));
  const inside = project.path('node_modules/zerosend');
  const { scripts = {} } = JSON.parse(readFileSync(join(inside, 'package.json'), 'utf8'));
  for (const name of ['preinstall', 'install', 'postinstall'])
    expect(scripts).not.toHaveProperty(name);
  for (const name of [
    'binding.gyp',
    'build',
    'native/build',
    'native/testing',
    'test',
    'scripts',
  ]) {
    expect(existsSync(join(inside, name))).toBe(false);
  }
  await project.sends();
  const { stdout } = await project.run('npx', ['zerosend', '--help']);
  expect(stdout).toContain('usage: zerosend');
});

it('npm ci, and without scripts', async (context) => {
  const project = new Project();
  await project.install(await packed(context), '--ignore-scripts');
  await project.sends();
  expect(complaintsOf(await project.run('npm', ['ci', ...QUIET]))).toEqual([]);
  await project.sends();
});

it('without a compiler, and without a network', async (context) => {
  needsHere(context, canMakeNamespaces(), 'making network namespaces');
  const tarball = await packed(context);
  const cache = { npm_config_cache: new Project().path('cache') };
  await new Project().run('npm', ['install', ...QUIET, tarball], cache); // fills the cache
  const project = new Project();
  const bin = project.path('bin');
  mkdirSync(bin);
  symlinkSync(process.execPath, join(bin, 'node'));
  for (const name of ['sh', 'ip', 'unshare', 'npm']) {
    const { stdout } = await project.run('sh', ['-c', `command -v ${name}`]);
    symlinkSync(stdout.trim(), join(bin, name));
  }
  const bare = { ...cache, PATH: bin };
  const [command = '', ...before] = OWN_NAMESPACE;
  await expect(project.run(command, [...before, 'g++', '--version'], bare)).rejects.toThrow('g++');
  const args = ['npm', 'install', '--offline', ...QUIET, tarball];
  expect(complaintsOf(await project.run(command, [...before, ...args], bare))).toEqual([]);
  await project.sends([command, ...before, 'node'], bare);
});

it('npm 12, which runs no install scripts', async (context) => {
  const tarball = await packed(context);
  const npm = join(await registryTool(context, 'npm', '12.2.1'), 'bin/npm-cli.js');
  const project = new Project();
  for (const args of [['install', tarball], ['ci']]) {
    expect(complaintsOf(await project.node(npm, ...args, ...QUIET))).toEqual([]);
    await project.sends();
  }
});

it('pnpm', async (context) => {
  const tarball = await packed(context);
  const folder = await registryTool(context, '@pnpm/exe.linux-x64', '12.21.0');
  const project = new Project();
  const state = { XDG_DATA_HOME: project.path('data'), XDG_CACHE_HOME: project.path('cache') };
  const pnpm = join(folder, 'pnpm');
  expect(complaintsOf(await project.run(pnpm, ['add', tarball], state))).toEqual([]);
  await project.sends();
});
