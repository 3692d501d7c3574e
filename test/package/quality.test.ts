// The packed file as the tools that judge packages see it.
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { publint } from 'publint';
import { formatMessage } from 'publint/utils';
import { beforeEach, expect, it, vi } from 'vitest';
import { problemsOf } from '../../scripts/prebuild/check.mjs';
import { relativeLinks } from '../behaviour/documents/blocks.js';
import { everything, packed, root } from './support/packed.js';
import { run } from './support/run.js';

vi.setConfig({ testTimeout: 1_800_000, hookTimeout: 1_800_000 });

/** What an install may download, with four binaries; a binary is a fifth of a megabyte of it. */
const MOST_BYTES = 1_800_000;

let tarball: string;
beforeEach(async (context) => {
  tarball = await packed(context);
});

/** The names in the packed file, without the folder that all are in. */
async function names(): Promise<string[]> {
  const { stdout } = await run('tar', ['-tzf', tarball], { cwd: root });
  return stdout
    .trim()
    .split('\n')
    .map((name) => name.replace(/^package\//, ''));
}

it('it has binaries, sources, types and licences, and nothing else', async () => {
  const all = await names();
  const targets = ['x64-glibc', 'x64-musl', ...(everything ? ['arm64-glibc', 'arm64-musl'] : [])];
  for (const target of targets) expect(all).toContain(`prebuilds/linux-${target}/zerosend.node`);
  expect(all).toEqual(
    expect.arrayContaining([
      ...['LICENSE', 'CHANGELOG.md', 'README.md', 'prebuilds/LICENSES.txt', 'native/binding.gyp'],
      ...['dist/index.d.ts', 'dist/cli/main.js'],
    ]),
  );
  const allowed =
    /^(dist|native\/(core|kernel|sockets|threads|node)|prebuilds|docs|examples)\/|^native\/binding\.gyp$|^(package\.json|LICENSE|[A-Z]+\.md)$/;
  expect(all.filter((name) => !allowed.test(name))).toEqual([]);
  expect(all.filter((name) => name.endsWith('.map'))).toEqual([]); // they would be half of its JavaScript
  // What a build from source takes.
  const sources = readdirSync(join(root, 'native'), { recursive: true, encoding: 'utf8' });
  const shipped = sources.filter((name) => /^(?!testing|build).*\.(cc|h)$/.test(name));
  expect(all).toEqual(expect.arrayContaining(shipped.map((name) => `native/${name}`)));
});

it('links of its documents lead to what is in it', async () => {
  const all = (await names()).filter((name) => name !== '');
  const isThere = (path: string) =>
    all.some((name) => name === path || name.startsWith(`${path.replace(/\/$/, '')}/`));
  const links = all
    .filter((name) => name.endsWith('.md'))
    .flatMap((name) =>
      relativeLinks(readFileSync(join(root, name), 'utf8'))
        .filter(({ file }) => file !== '')
        .map(({ file }) => [name, join(dirname(name), file)] as const),
    );
  expect(links.length).toBeGreaterThan(100);
  expect(links.filter(([, path]) => !isThere(path))).toEqual([]);
});

it(`it is smaller than ${MOST_BYTES / 1e6} MB`, () => {
  expect(statSync(tarball).size).toBeLessThan(MOST_BYTES);
});

it('each binary exports two symbols, and needs nothing newer than glibc 2.28', async () => {
  const targets = readdirSync(join(root, 'prebuilds')).filter((name) => name.startsWith('linux-'));
  expect(targets.length).toBeGreaterThan(1);
  for (const target of targets) expect([target, problemsOf(target)]).toEqual([target, []]);
  // What g++ builds here by itself would be refused.
  const local = readFileSync(join(root, 'build/Release/zerosend.node'));
  expect(problemsOf('linux-arm64-musl', local)).toEqual(
    expect.arrayContaining([
      'it is for x64',
      expect.stringMatching(/^it exports .*_Z/),
      'it needs libstdc++.so.6',
      expect.stringMatching(/^it needs GLIBC_/),
    ]),
  );
});

it('the licences of all that is linked in are there', () => {
  const text = readFileSync(join(root, 'prebuilds/LICENSES.txt'), 'utf8');
  for (const part of [
    'node-addon-api',
    'libc++',
    'libc++abi',
    'libunwind',
    'musl',
    'glibc',
    'Zig',
  ]) {
    expect(text).toMatch(new RegExp(`^${part.replace(/\+/g, '\\+')}[:,\\s]`, 'm'));
  }
  expect(text).toContain('LLVM Exceptions');
});

it('publint has nothing to say', async () => {
  const pkg = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
  const buffer = new Uint8Array(readFileSync(tarball)).buffer;
  const { messages } = await publint({ pack: { tarball: buffer }, strict: true });
  expect(messages.map((message) => formatMessage(message, pkg, { color: false }))).toEqual([]);
});

it('attw finds the types of each entry, for modules', async () => {
  const attw = join(root, 'node_modules/@arethetypeswrong/cli/dist/index.js');
  const args = [attw, tarball, '--profile', 'esm-only', '--format', 'json'];
  const { code, stdout, stderr } = await run(process.execPath, args, { cwd: root });
  expect(stderr).toBe('');
  const { analysis } = JSON.parse(stdout);
  const { exports: entries } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
  expect(Object.keys(analysis.entrypoints)).toEqual(Object.keys(entries));
  expect(code).toBe(0);
});

it('knip finds every dependency used, and listed', async () => {
  const knip = join(root, 'node_modules/knip/bin/knip.js');
  const args = [knip, '--no-progress', '--no-config-hints'];
  const { code, stdout } = await run(process.execPath, args, { cwd: root });
  expect(stdout.trim()).toBe('');
  expect(code).toBe(0);
});
