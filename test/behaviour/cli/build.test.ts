// `zerosend build`, with a compiler that is made up: what it links is the addon of the checkout.
import { execFile } from 'node:child_process';
import { cpSync, existsSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { root } from '../../../scripts/support/files.mjs';
import { hasTool, needs } from '../../support/requirements.js';

vi.setConfig({ testTimeout: 300_000 }); // node-gyp takes seconds where other work has the machine

const COMPILER = `#!/bin/sh
compiles=
while [ $# -gt 0 ]; do
  case "$1" in
    -o) out=$2; shift ;;
    -MF) echo > "$2"; shift ;;
    -c) compiles=yes ;;
  esac
  shift
done
if [ -n "$compiles" ]; then : > "$out"; else cp '${root}/build/Release/zerosend.node' "$out"; fi
`;

/** A folder with the package as it is installed, but without binaries. */
function installed(): string {
  const folder = mkdtempSync(join(tmpdir(), 'zerosend-installed-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  for (const name of ['package.json', 'dist']) {
    cpSync(join(root, name), join(folder, name), { recursive: true });
  }
  const outside = ['native/build', 'native/testing'].map((name) => join(root, name));
  const filter = (path: string) => !outside.includes(path);
  cpSync(join(root, 'native'), join(folder, 'native'), { recursive: true, filter });
  symlinkSync(join(root, 'node_modules'), join(folder, 'node_modules'));
  writeFileSync(join(folder, 'cxx'), COMPILER, { mode: 0o755 });
  return folder;
}

async function build(folder: string, args: readonly string[] = [], env: NodeJS.ProcessEnv = {}) {
  const compiler = join(folder, 'cxx');
  const command = [join(folder, 'dist/cli/main.js'), 'build', '--json', ...args];
  const compilers = { CC: compiler, CXX: compiler, LINK: compiler };
  const { stdout } = await promisify(execFile)(process.execPath, command, {
    env: { ...process.env, ...compilers, ...env },
  });
  return JSON.parse(stdout);
}

/** The binary that a program loads. */
async function loaded(folder: string): Promise<string> {
  const find = `import { findBinary } from '${folder}/dist/addon/binary.js';
    console.log(findBinary('${folder}'));`;
  const args = ['--input-type=module', '-e', find];
  return (await promisify(execFile)(process.execPath, args)).stdout.trim();
}

const tools = hasTool('python3') && hasTool('make');
describe('zerosend build', needs(tools, 'python3 and make'), () => {
  it('what was built last is loaded, with debug information or without', async () => {
    const folder = installed();
    for (const [args, configuration] of [
      [[], 'Release'],
      [['--debug'], 'Debug'],
      [[], 'Release'],
    ] as const) {
      const { binary } = await build(folder, args);
      expect(binary).toBe(join(folder, 'build', configuration, 'zerosend.node'));
      expect(await loaded(folder)).toBe(binary);
    }
  });

  it('what is tried is what was built, whatever ZEROSEND_NATIVE names', async () => {
    const folder = installed();
    const { binary } = await build(folder, [], { ZEROSEND_NATIVE: '/nowhere/zerosend.node' });
    expect(existsSync(binary)).toBe(true);
    const good = join(root, 'build/Release/zerosend.node');
    writeFileSync(join(folder, 'cxx'), COMPILER.replace(/cp '.*'/, 'echo >'));
    const failing = build(folder, [], { ZEROSEND_NATIVE: good });
    await expect(failing).rejects.toThrow(`built ${binary}, but`);
  });
});
