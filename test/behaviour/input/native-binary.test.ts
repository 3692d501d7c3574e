import { execFileSync } from 'node:child_process';
import { copyFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { describe, expect, it } from 'vitest';
import { folderOfTest } from '../../support/folders.js';
import { loadAddon } from './addon.js';
import { copyOfPackage, root, runNode } from './children.js';

interface Failure {
  name: string;
  code: string;
  message: string;
  reason?: string;
  cause?: string;
}

/** What importing the package in a process of its own fails with. */
async function importFailure(
  native?: string,
  { folder = root, before = '', flags = [] as string[] } = {},
): Promise<Failure> {
  const index = pathToFileURL(join(folder, 'dist/index.js')).href;
  const code = `${before}
    import('${index}').then(
      () => console.log('null'),
      ({ name, code, message, reason, cause }) =>
        console.log(JSON.stringify({ name, code, message, reason, cause: cause?.message })));`;
  const env = { ZEROSEND_NATIVE: native };
  const ended = await runNode([...flags, '--input-type=module', '-e', code], { env });
  expect(ended).toMatchObject({ code: 0, signal: null });
  return JSON.parse(ended.stdout);
}

/** A module that stands in for the addon. */
function fake(name: string, content: string): string {
  const path = join(folderOfTest(), name);
  writeFileSync(path, content);
  return path;
}

/** A shared library made of C source. */
function compiled(source: string): string {
  const path = join(folderOfTest(), 'made.node');
  execFileSync(process.env.CC ?? 'cc', ['-shared', '-fPIC', '-o', path, source]);
  return path;
}

function expectMissing(failure: Failure, cause: RegExp): void {
  const code = 'ERR_ZEROSEND_NATIVE_MISSING';
  expect(failure).toMatchObject({ name: 'Error', code, reason: 'not-loadable' });
  expect(failure.message).toContain(
    `${process.platform}-${process.arch}, Node ${process.versions.node}`,
  );
  expect(failure.message).toContain("'npx zerosend build' builds it");
  expect(failure.message).toMatch(cause);
  expect(failure.cause).toMatch(cause);
}

function expectMismatch(failure: Failure, text: string): void {
  expect(failure).toMatchObject({ name: 'Error', code: 'ERR_ZEROSEND_NATIVE_MISMATCH' });
  expect(failure.message).toContain(text);
}

describe('the binary', () => {
  it('is found in a sound copy of the package', async () => {
    expect(await importFailure(undefined, { folder: copyOfPackage() })).toBeNull();
  });

  it('is missing', async () => {
    const folder = copyOfPackage({ binary: false });
    const failure = await importFailure(undefined, { folder });
    expect(failure).toMatchObject({ code: 'ERR_ZEROSEND_NATIVE_MISSING', reason: 'no-binary' });
    expect(failure.message).toMatch(
      /no binary for linux-\w+-(glibc|musl): the package has none; 'npx zerosend build' builds it/,
    );
    const path = join(folder, 'none.node');
    expectMissing(await importFailure(path), /Cannot find module '.*none\.node'/);
  });

  it.each([
    ['empty', '', /file too short/],
    ['text', 'this is not an addon, whatever its name says\n'.repeat(9), /invalid ELF header/],
  ])('is no binary: %s', async (_, content, cause) => {
    expectMissing(await importFailure(fake('text.node', content)), cause);
  });

  it('is a program, or a library that is no addon', async () => {
    const program = join(folderOfTest(), 'program.node');
    copyFileSync(process.execPath, program);
    expectMissing(
      await importFailure(program),
      /cannot dynamically load|Module did not self-register/,
    );
    const source = fake('library.c', 'int nothing(void) { return 0; }\n');
    expectMissing(await importFailure(compiled(source)), /Module did not self-register/);
  });

  it('is an addon of another version', async () => {
    const source = fileURLToPath(new URL('programs/foreign_addon.c', import.meta.url));
    const failure = await importFailure(compiled(source));
    expectMismatch(failure, 'speaks interface 77');
    expect(failure.message).toContain("'npx zerosend build' builds the right one");
  });

  it.each([
    ['an older one', 'exports.interfaceVersion = 0', 'speaks interface 0'],
    ['one of a wrong type', "exports.interfaceVersion = '1'", 'speaks interface 1'],
    ['nothing', '', 'speaks interface undefined'],
    ['null', 'module.exports = null', 'speaks interface undefined'],
    ['a function', 'module.exports = () => {}', 'speaks interface undefined'],
  ])('exports %s', async (_, content, text) => {
    expectMismatch(await importFailure(fake('fake.cjs', content)), text);
  });

  it.each([
    ['without constants', 'exports.interfaceVersion = VERSION'],
    [
      'with too few of them',
      'Object.assign(exports, { interfaceVersion: VERSION, constants: {} })',
    ],
  ])('claims the right version, %s', async (_, content) => {
    const { interfaceVersion } = loadAddon();
    const source = content.replace('VERSION', String(interfaceVersion));
    expectMismatch(await importFailure(fake('fake.cjs', source)), 'lacks the constant zerocopy');
  });

  it('throws while it loads', async () => {
    const failure = await importFailure(fake('fake.cjs', "throw new Error('no such luck')"));
    expectMissing(failure, /no such luck/);
  });
});

describe('a Node.js that was told to load no addons', () => {
  const permission =
    Number(process.versions.node.split('.')[0]) < 24 ? '--experimental-permission' : '--permission';

  /** What allows to read the package, and addons where that can be allowed. */
  const loading = (folder: string) => [
    `--allow-fs-read=${folder}`,
    ...(process.allowedNodeEnvironmentFlags.has('--allow-addons') ? ['--allow-addons'] : []),
  ];

  it.each([
    ['by --no-addons', ['--no-addons'], 'no-addons', 'Node.js was started with --no-addons'],
    [
      'by the permission model',
      [permission, '--allow-fs-read=*'],
      'permission',
      '--allow-addons allows',
    ],
  ])('%s: says so, and advises no build', async (_, flags, reason, text) => {
    const failure = await importFailure(undefined, { flags });
    expect(failure).toMatchObject({ code: 'ERR_ZEROSEND_NATIVE_MISSING', reason });
    expect(failure.message).toContain(text);
    expect(failure.message).not.toContain('zerosend build');
  });

  it('and not to read the binary: names it, and what would allow it', async () => {
    const folder = copyOfPackage();
    const binary = join(folder, 'build/Release/zerosend.node');
    const readable = ['dist', 'node_modules', 'package.json'].map(
      (part) => `--allow-fs-read=${join(folder, part)}`,
    );
    const flags = [permission, ...readable];
    // By its name, or as what the package looks for: then it cannot even be seen.
    for (const [native, named] of [
      [binary, binary],
      [undefined, join(folder, 'prebuilds')],
    ]) {
      const failure = await importFailure(native, { folder, flags });
      const code = 'ERR_ZEROSEND_NATIVE_MISSING';
      expect(failure).toMatchObject({ code, reason: 'permission' });
      expect(failure.message).toContain(`forbids reading ${named}, which --allow-fs-read allows`);
      expect(failure.message).not.toContain('zerosend build');
    }
  });

  it('but may load them: loads, though it cannot read which C library it has', async () => {
    const folder = copyOfPackage();
    const flags = [permission, ...loading(folder)];
    expect(await importFailure(undefined, { folder, flags })).toBeNull();
  });
});

describe('a system that is not Linux', () => {
  it.each(['darwin', 'win32'])('%s', async (platform) => {
    const before = `Object.defineProperty(process, 'platform', { value: '${platform}' });`;
    expect(await importFailure(undefined, { before })).toMatchObject({
      name: 'Error',
      code: 'ERR_ZEROSEND_UNSUPPORTED_PLATFORM',
      message: expect.stringContaining(platform),
    });
  });
});
